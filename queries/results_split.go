package queries

import (
	"maps"
	"slices"

	"github.com/assaylabs/assay/stats"
)

// srm checks the split of every epoch. The sequential test takes day by day, one
// epoch after the other.
func (j *judgement) srm() SRMResult {
	result := SRMResult{Verdict: "no_data", Epochs: []SRMEpoch{}}
	var watch *stats.SRMSequence
	var look stats.SRMLook
	for _, epoch := range slices.Sorted(maps.Keys(j.epochs)) {
		weights := j.weights(epoch, j.plan.Variations)
		total := make([]float64, len(weights))
		var status stats.Status
		if watch == nil {
			watch, status = stats.NewSRMSequence(weights, 0)
		} else {
			status = watch.Epoch(weights)
		}
		for _, units := range j.epochs[epoch] {
			if units == nil {
				continue
			}
			came := make([]float64, len(units))
			for v, n := range units {
				came[v] = float64(n)
				total[v] += float64(n)
			}
			if status == stats.OK {
				look, status = watch.Add(came)
			}
		}
		result.add(j.plan.Variations, epoch, weights, total)
		result.rule(status)
	}
	if result.Verdict == "ok" {
		result.PValue, result.Log10P = number(look.P), number(look.Log10P)
		if look.P < j.rule.SRMAlpha {
			result.Verdict = "mismatch"
		}
	}
	return result
}

// rule lets the verdict follow from an epoch's status: a leak stays one.
func (r *SRMResult) rule(status stats.Status) {
	switch {
	case status == stats.LeakedUsers:
		r.Verdict = "leak"
	case r.Verdict == "no_data" && status == stats.OK:
		r.Verdict = "ok"
	}
}

// add shows the units of an epoch beside those expected.
func (r *SRMResult) add(variations []string, epoch int, weights, units []float64) {
	var all, weight float64
	for v := range units {
		all += units[v]
		weight += weights[v]
	}
	e := SRMEpoch{Epoch: epoch}
	for v, key := range variations {
		part := SRMVariation{Variation: key, Observed: int64(units[v])}
		if weight > 0 {
			part.Expected = *number(all * weights[v] / weight)
		}
		e.Variations = append(e.Variations, part)
	}
	if check, status := stats.SRMChi2(weights, units); status == stats.OK {
		e.ChiSquare, e.DF, e.PValue = number(check.Chi2), check.DF, number(check.P)
	}
	r.Epochs = append(r.Epochs, e)
}
