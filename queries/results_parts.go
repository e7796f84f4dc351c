package queries

import (
	"math"

	"github.com/assaylabs/assay/stats"
)

// maxValues bounds the values of a breakdown.
const maxValues = 100

// series is the metric at the end of each day.
func (j *judgement) series(i int) []SeriesDay {
	m := &j.plan.Metrics[i]
	series := []SeriesDay{}
	so := map[int][]sums{}
	for _, epoch := range j.splits {
		so[epoch] = make([]sums, len(j.plan.Variations))
	}
	for day, date := range j.days {
		result := j.compare(m, func(epoch, v int) *sums {
			s := &so[epoch][v]
			if cells := j.cells(metricEpoch{m.Key, epoch}, v); cells != nil {
				s.add(cells[day])
			}
			return s
		})
		at := SeriesDay{Date: date}
		for v, arm := range result.Arms {
			part := SeriesVariation{Units: arm.Units}
			if arm.Status == stats.OK {
				part.Mean = number(arm.Mean)
			}
			if v > 0 {
				var c VariationResult
				c.compare(&result.Comparisons[v-1], false)
				part.Lift, part.LiftCI = c.Lift, c.LiftCI
			}
			at.Variations = append(at.Variations, part)
		}
		series = append(series, at)
	}
	return series
}

// breakdown compares the variations within each value of a dimension.
func (j *judgement) breakdown(dimension string) *Breakdown {
	b := &Breakdown{Dimension: dimension, Values: []BreakdownValue{}}
	values := j.mostUnits(dimension)
	if len(values) > maxValues {
		b.More, values = len(values)-maxValues, values[:maxValues]
	}
	for _, value := range values {
		part := BreakdownValue{Value: value}
		for _, i := range j.order {
			m := &j.plan.Metrics[i]
			result := j.compare(m, func(epoch, v int) *sums {
				var s sums
				if cells := j.values[dimension][value][metricEpoch{m.Key, epoch}]; cells != nil {
					s.add(cells[v])
				}
				return &s
			})
			part.Metrics = append(part.Metrics, j.metric(i, result, false))
		}
		b.Values = append(b.Values, part)
	}
	return b
}

// power is that of the comparison which knows least; nil where none has numbers.
func (j *judgement) power(i int, result stats.Result, days int) *PowerResult {
	analysis := j.story.rule.Analysis
	var units, worst float64
	var least *stats.Comparison
	for c := range result.Comparisons {
		if of := &result.Comparisons[c]; of.Status == stats.OK && of.StdError > worst {
			least, worst = of, of.StdError
		}
	}
	for _, arm := range result.Arms {
		units += float64(arm.Units)
	}
	if least == nil || result.Arms[0].Status != stats.OK || result.Arms[0].Mean == 0 {
		return nil
	}
	baseline := math.Abs(result.Arms[0].Mean)
	plan := stats.MidPlan{
		Alpha: analysis.Alpha, TargetPower: j.rule.Power, MDE: j.rule.MDE * baseline,
		Variations: len(result.Arms), GoalMetrics: 1, Corrected: analysis.Correction != "none",
	}
	if analysis.Method == "sequential" {
		plan.Tuning = stats.DefaultTuning
	}
	mid, status := plan.Judge(least.StdError, float64(least.Units))
	if status != stats.OK {
		return nil
	}
	p := &PowerResult{Reached: number(mid.PowerNow)}
	// The effect found is as far from 0 as the interval reaches, and the margin that
	// the power wants.
	margin := math.Sqrt2 * math.Erfinv(2*j.rule.Power-1)
	if reach := least.EffectCI.Upper - least.Effect; !math.IsInf(reach, 0) {
		p.MDE = number((reach + margin*least.StdError) / baseline)
	}
	if mid.Attainable {
		more := math.Ceil(mid.ScalingFactor * units)
		p.Units = number(more)
		if left, known := stats.DaysLeft(more, j.rate(units, days)); known {
			p.DaysLeft = &left
		}
	}
	return p
}

// rate is how many units come each day. The last day is not over.
func (j *judgement) rate(units float64, days int) float64 {
	if days <= 1 {
		return units
	}
	last := 0.0
	for _, byDay := range j.epochs {
		for _, n := range byDay[len(byDay)-1] {
			last += float64(n)
		}
	}
	return (units - last) / float64(days-1)
}
