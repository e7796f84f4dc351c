package stats

import "math"

// A Bandit allocates units to arms by their chance to be the best.
type Bandit struct {
	Best    []float64 // probability of each arm to be the best
	Weights []float64 // the share of units each arm should get
}

// ThompsonNormal computes, by quadrature rather than by drawing, how likely each
// arm with a normal posterior is the best, and the weights of Thompson sampling
// that leave every arm at least minWeight. With inverse, less is better.
func ThompsonNormal(means, sds []float64, minWeight float64, inverse bool) (Bandit, Status) {
	k := float64(len(means))
	if len(means) == 0 || len(means) != len(sds) || !(minWeight >= 0) || !finite(minWeight) {
		return Bandit{}, InvalidInput
	}
	unit := 0.0
	for i, mean := range means {
		if !finite(mean) || !(sds[i] >= 0) || !finite(sds[i]) {
			return Bandit{}, InvalidInput
		}
		if sds[i] == 0 {
			return Bandit{}, ZeroVariance
		}
		unit = max(unit, math.Abs(mean), sds[i])
	}
	arms := make([]normalArm, len(means))
	for i, mean := range means {
		arms[i] = normalArm{mean / unit, sds[i] / unit}
		if inverse {
			arms[i].mean = -arms[i].mean
		}
	}
	bandit := Bandit{Best: make([]float64, len(means)), Weights: make([]float64, len(means))}
	for i := range means {
		best := bestChance(arms, i)
		bandit.Best[i] = best
		bandit.Weights[i] = minWeight + (1-k*minWeight)*best
		if k*minWeight >= 1 {
			bandit.Weights[i] = 1 / k
		}
	}
	return bandit, OK
}

// normalArm is a posterior in a unit that no mean or deviation exceeds.
type normalArm struct{ mean, sd float64 }

// standard is how many deviations above the arm's mean a distance d from it is;
// a deviation that is lost beside the others makes every distance infinite.
func (a normalArm) standard(d float64) float64 {
	if d == 0 {
		return 0
	}
	return d / a.sd
}

// bestChance integrates the density of arm i times the lower tails of the others
// over i's standard deviations, in panels no wider than any of them changes.
func bestChance(arms []normalArm, i int) float64 {
	x, w := legendre(16)
	own := arms[i]
	var total float64
	for at := -outermost; at < outermost; {
		width := 2.0
		for _, other := range arms {
			from := math.Abs(at - own.standard(other.mean-own.mean))
			width = min(width, own.standard(1.5*other.sd)+from/4)
		}
		next := min(at+width, outermost)
		if next == at {
			break
		}
		half, mid := (next-at)/2, at+(next-at)/2
		for k := range x {
			total += half * w[k] * bestDensity(arms, i, mid+half*x[k])
		}
		at = next
	}
	return min(total, 1)
}

func bestDensity(arms []normalArm, i int, t float64) float64 {
	density := normPDF(t)
	for j, other := range arms {
		if j != i && density > 0 {
			density *= normCDF(other.standard(arms[i].mean - other.mean + arms[i].sd*t))
		}
	}
	return density
}
