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
	if len(means) == 0 || len(means) != len(sds) || !(minWeight >= 0 && minWeight <= 1) {
		return Bandit{}, InvalidInput
	}
	oriented := make([]float64, len(means))
	for i, mean := range means {
		if !finite(mean) || !(sds[i] >= 0) || !finite(sds[i]) {
			return Bandit{}, InvalidInput
		}
		if sds[i] == 0 {
			return Bandit{}, ZeroVariance
		}
		oriented[i] = mean
		if inverse {
			oriented[i] = -mean
		}
	}
	bandit := Bandit{Best: make([]float64, len(means)), Weights: make([]float64, len(means))}
	for i := range means {
		best := bestChance(oriented, sds, i)
		bandit.Best[i] = best
		bandit.Weights[i] = minWeight + (1-k*minWeight)*best
		if k*minWeight >= 1 {
			bandit.Weights[i] = 1 / k
		}
	}
	return bandit, OK
}

// bestChance integrates the density of arm i times the lower tails of the
// others, over panels no wider than any of them changes.
func bestChance(means, sds []float64, i int) float64 {
	x, w := legendre(16)
	hi := means[i] + noStop*sds[i]
	var total float64
	for at := means[i] - noStop*sds[i]; at < hi; {
		width := 2 * sds[i]
		for j, sd := range sds {
			width = min(width, 1.5*sd+math.Abs(at-means[j])/4)
		}
		next := min(at+width, hi)
		if next == at {
			break
		}
		half, mid := (next-at)/2, at+(next-at)/2
		for k := range x {
			total += half * w[k] * bestDensity(means, sds, i, mid+half*x[k])
		}
		at = next
	}
	return min(total, 1)
}

func bestDensity(means, sds []float64, i int, at float64) float64 {
	density := normPDF((at-means[i])/sds[i]) / sds[i]
	for j := range means {
		if j != i && density > 0 {
			density *= normCDF((at - means[j]) / sds[j])
		}
	}
	return density
}
