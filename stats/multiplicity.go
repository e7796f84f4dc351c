package stats

import (
	"math"
	"slices"
)

// AdjustedP holds p-values corrected for being several, in the order given.
type AdjustedP struct {
	Bonferroni, Holm, Hochberg, Hommel, Sidak []float64 // hold the family-wise error
	BH, BY                                    []float64 // hold the false discovery rate
}

// AdjustP corrects p-values. Holm and BY hold under any dependence; Hochberg,
// Hommel and BH (Benjamini and Hochberg, JRSS B 57, 1995) under independence or
// positive dependence.
func AdjustP(p []float64) (AdjustedP, Status) {
	for _, v := range p {
		if !(v >= 0 && v <= 1) {
			return AdjustedP{}, InvalidInput
		}
	}
	if len(p) == 0 {
		return AdjustedP{}, InvalidInput
	}
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	m := float64(len(p))
	var harmonic float64
	for i := range p {
		harmonic += 1 / float64(i+1)
	}
	left := func(rank int) float64 { return m - float64(rank) }
	share := func(rank int) float64 { return m / float64(rank+1) }
	return AdjustedP{
		Bonferroni: stepDown(p, order, func(int) float64 { return m }),
		Holm:       stepDown(p, order, left),
		Hochberg:   stepUp(p, order, left),
		Hommel:     hommel(p, order),
		BH:         stepUp(p, order, share),
		BY:         stepUp(p, order, func(rank int) float64 { return harmonic * share(rank) }),
		Sidak:      sidak(p),
	}, OK
}

// stepDown scales each p by its rank's factor and never falls as p grows.
func stepDown(p []float64, order []int, factor func(rank int) float64) []float64 {
	adjusted := make([]float64, len(p))
	var most float64
	for rank, i := range order {
		most = max(most, min(factor(rank)*p[i], 1))
		adjusted[i] = most
	}
	return adjusted
}

// stepUp does the same from the largest p down.
func stepUp(p []float64, order []int, factor func(rank int) float64) []float64 {
	adjusted := make([]float64, len(p))
	least := 1.0
	for rank := len(order) - 1; rank >= 0; rank-- {
		i := order[rank]
		least = min(least, factor(rank)*p[i])
		adjusted[i] = least
	}
	return adjusted
}

// hommel closes Simes' test (Hommel, Biometrika 75, 1988, as Wright, Biometrics
// 48, 1992, computes it).
func hommel(p []float64, order []int) []float64 {
	n := len(p)
	sorted := make([]float64, n)
	least := math.Inf(1)
	for rank, i := range order {
		sorted[rank] = p[i]
		least = min(least, float64(n)*p[i]/float64(rank+1))
	}
	adjusted := make([]float64, n)
	for rank := range adjusted {
		adjusted[rank] = least
	}
	for m := n - 1; m > 1; m-- {
		// Simes' bound of an intersection of m: the m-1 largest and one more.
		first := n - m + 1
		simes := math.Inf(1)
		for j := first; j < n; j++ {
			simes = min(simes, float64(m)*sorted[j]/float64(j-first+2))
		}
		for rank := range adjusted {
			own := float64(m) * sorted[min(rank, first-1)]
			adjusted[rank] = max(adjusted[rank], min(simes, own))
		}
	}
	result := make([]float64, n)
	for rank, i := range order {
		result[i] = min(max(adjusted[rank], sorted[rank]), 1)
	}
	return result
}

func sidak(p []float64) []float64 {
	adjusted := make([]float64, len(p))
	for i, v := range p {
		adjusted[i] = -math.Expm1(float64(len(p)) * math.Log1p(-v))
	}
	return adjusted
}

// PreferentialBonferroni splits alpha: the share gamma for the primary metric,
// the rest evenly over the other metrics, each over the treatments.
func PreferentialBonferroni(alpha, gamma float64, treatments, metrics int) (primary, secondary float64, status Status) {
	if !inOpen(alpha, 0, 1) || !(gamma >= 0 && gamma <= 1) || treatments < 1 || metrics < 1 {
		return 0, 0, InvalidInput
	}
	primary = gamma * alpha / float64(treatments)
	if metrics > 1 {
		secondary = (1 - gamma) * alpha / float64(treatments*(metrics-1))
	}
	return primary, secondary, OK
}

// FCRLevel is how many of the p-values Benjamini and Hochberg select at q, and
// the alpha at which their intervals hold the false coverage rate q (Benjamini
// and Yekutieli, JASA 100, 2005).
func FCRLevel(p []float64, q float64) (selected int, alpha float64, status Status) {
	adjusted, status := AdjustP(p)
	if status != OK || !inOpen(q, 0, 1) {
		return 0, 0, InvalidInput
	}
	for _, v := range adjusted.BH {
		if v <= q {
			selected++
		}
	}
	return selected, float64(selected) * q / float64(len(p)), OK
}

// WidenedCI is the interval that a normal estimate with the adjusted p would
// have, where that is wider on both sides: GrowthBook's display of corrections,
// not a simultaneous interval. An adjusted p of about 1 leaves it unbounded.
func WidenedCI(adjustedP, estimate, lower, upper, alpha float64) (lo, hi float64, status Status) {
	if !(adjustedP >= 0 && adjustedP <= 1) || !inOpen(alpha, 0, 1) || !finite(estimate) || !(lower <= upper) {
		return 0, 0, InvalidInput
	}
	if adjustedP > 0.999999 {
		return math.Inf(-1), math.Inf(1), OK
	}
	half := normISF(alpha/2) * math.Abs(estimate) / normISF(adjustedP/2)
	if estimate-half < lower && estimate+half > upper {
		return estimate - half, estimate + half, OK
	}
	return lower, upper, OK
}
