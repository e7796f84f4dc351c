package stats

import (
	"cmp"
	"math"
	"slices"
)

// Correction is how several comparisons share one level.
type Correction string

// Holm holds the chance of any false claim, BenjaminiHochberg the share of false
// ones among claims.
const (
	NoCorrection      Correction = "none"
	Holm              Correction = "holm"
	BenjaminiHochberg Correction = "benjamini-hochberg"
)

// Correct judges comparisons together: it sets PAdjusted, and gives each the level
// alpha P/PAdjusted, at which its intervals exclude 0 exactly when PAdjusted is
// below alpha. It works on logarithms, so that p-values below 1e-308 keep their
// order. Those without numbers do not count.
func Correct(correction Correction, alpha float64, comparisons []*Comparison) {
	var judged []*Comparison
	for _, c := range comparisons {
		if c.Status == OK {
			judged = append(judged, c)
		}
	}
	slices.SortStableFunc(judged, func(a, b *Comparison) int { return cmp.Compare(a.finiteLogP(), b.finiteLogP()) })
	m := float64(len(judged))
	adjusted := make([]float64, len(judged))
	for i, c := range judged {
		switch rank := float64(i); correction {
		case Holm:
			adjusted[i] = c.finiteLogP() + math.Log(m-rank)
			if i > 0 {
				adjusted[i] = max(adjusted[i], adjusted[i-1])
			}
		case BenjaminiHochberg:
			adjusted[i] = c.finiteLogP() + math.Log(m/(rank+1))
		default:
			adjusted[i] = c.finiteLogP()
		}
	}
	if correction == BenjaminiHochberg {
		for i := len(adjusted) - 2; i >= 0; i-- {
			adjusted[i] = min(adjusted[i], adjusted[i+1])
		}
	}
	for i, c := range judged {
		*c = c.at(alpha * math.Exp(c.finiteLogP()-adjusted[i]))
		c.PAdjusted = math.Exp(min(adjusted[i], 0))
	}
}

func (c *Comparison) finiteLogP() float64 { return max(c.logP(), -math.MaxFloat64) }
