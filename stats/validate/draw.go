package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/assaylabs/assay/stats"
)

// binomial draws how many of n succeed: by the waiting times between successes
// where they are rare.
func (s *study) binomial(n int, p float64) int {
	if float64(n)*p > 30 {
		return int(distuv.Binomial{N: float64(n), P: p, Src: s.Rand}.Rand())
	}
	hits, scale := 0, 1/math.Log1p(-p)
	for at := 0.0; ; hits++ {
		at += 1 + math.Floor(math.Log(1-s.Float64())*scale)
		if at > float64(n) {
			return hits
		}
	}
}

// chi2 draws from the chi-square distribution.
func (s *study) chi2(df float64) float64 {
	return distuv.ChiSquared{K: df, Src: s.Rand}.Rand()
}

// normalArm draws what n normal units add up to, without drawing them.
func (s *study) normalArm(n int, mean, sd float64) stats.MomentsArm {
	return stats.MomentsArm{
		N:    int64(n),
		Mean: mean + sd*s.NormFloat64()/math.Sqrt(float64(n)),
		M2:   sd * sd * s.chi2(float64(n-1)),
	}
}

// cupedArm draws what n units with values before and after add up to; both are
// normal with variance 1 and correlation rho (Bartlett's decomposition).
func (s *study) cupedArm(n int, mean, rho float64) stats.CupedMeanArm {
	root, size := math.Sqrt(1-rho*rho), float64(n)
	a, b, c := math.Sqrt(s.chi2(size-1)), s.NormFloat64(), math.Sqrt(s.chi2(size-2))
	preMean, noise := s.NormFloat64()/math.Sqrt(size), s.NormFloat64()/math.Sqrt(size)
	postMean := mean + rho*preMean + root*noise
	pre, cross := a*a, rho*a*a+root*a*b
	post := rho*rho*a*a + 2*rho*root*a*b + root*root*(b*b+c*c)
	return stats.CupedMeanArm{
		N: int64(n), Sum: size * postMean, SumSq: post + size*postMean*postMean,
		Pre: size * preMean, PreSq: pre + size*preMean*preMean, PostPre: cross + size*preMean*postMean,
	}
}

// A table is a distribution of equally likely values, drawn five to a random word.
type table [4096]float64

// lognormal is the lognormal distribution of median 1, capped at a quantile.
func lognormal(sigma, capAt float64) *table {
	limit := math.Exp(sigma * distuv.UnitNormal.Quantile(capAt))
	var t table
	for i := range t {
		t[i] = min(math.Exp(sigma*distuv.UnitNormal.Quantile((float64(i)+0.5)/float64(len(t)))), limit)
	}
	return &t
}

func (t *table) mean() float64 {
	var sum float64
	for _, x := range t {
		sum += x
	}
	return sum / float64(len(t))
}

// sums adds n draws and their squares.
func (t *table) sums(r *rand.Rand, n int) (sum, squares float64) {
	for left := n; left > 0; left -= 5 {
		word := r.Uint64()
		for range min(left, 5) {
			x := t[word&4095]
			sum += x
			squares += x * x
			word >>= 12
		}
	}
	return sum, squares
}

func (t *table) draw(r *rand.Rand) float64 { return t[r.Uint64()&4095] }

// geometric draws 1, 2, 3 and so on, with the given mean.
func (s *study) geometric(mean float64) int {
	if mean <= 1 {
		return 1
	}
	return 1 + int(math.Log(1-s.Float64())/math.Log(1-1/mean))
}

// latencies is the clustered quantile of units that each cause several events
// whose logarithms share the unit's own share of the variance. Scaled by scale.
func (s *study) latencies(units int, nu, scale float64) stats.ClusteredQuantileArm {
	const sigmaUnit, sigmaEvent = 0.4, 0.8
	var all []float64
	from := []int{0}
	for range units {
		own := sigmaUnit * s.NormFloat64()
		for range s.geometric(3) {
			all = append(all, scale*math.Exp(own+sigmaEvent*s.NormFloat64()))
		}
		from = append(from, len(all))
	}
	sorted := slices.Sorted(slices.Values(all))
	n := int64(len(all))
	ranks, _ := stats.QuantileCIRanks(n, nu, 0.05)
	hat := sorted[int(math.Ceil(nu*float64(n)))-1]
	arm := stats.ClusteredQuantileArm{QuantileArm: stats.QuantileArm{
		N: n, NStar: n, Nu: nu, Hat: hat, Lower: sorted[ranks.Lower-1], Upper: sorted[ranks.Upper-1],
	}}
	arm.Share.N = int64(units)
	for u := range units {
		var below float64
		for _, x := range all[from[u]:from[u+1]] {
			if x <= hat {
				below++
			}
		}
		events := float64(from[u+1] - from[u])
		arm.Share.Num += below
		arm.Share.NumSq += below * below
		arm.Share.Den += events
		arm.Share.DenSq += events * events
		arm.Share.NumDen += below * events
	}
	return arm
}

// latencyQuantile is the true quantile of latencies of scale 1.
func latencyQuantile(nu float64) float64 {
	return math.Exp(math.Sqrt(0.4*0.4+0.8*0.8) * distuv.UnitNormal.Quantile(nu))
}
