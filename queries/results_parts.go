package queries

import (
	"math"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/stats"
)

// series is the metric at the end of each day; with a planned end, of each until
// the last look.
func (j *judgement) series(i int) []SeriesDay {
	m := &j.plan.Metrics[i]
	series := []SeriesDay{}
	if j.looks != nil {
		for day, date := range j.days[:j.looks.shown] {
			series = append(series, seriesDay(date, j.daily[i][day]))
		}
		return series
	}
	so := j.cumulative(m.Key)
	for day, date := range j.days {
		series = append(series, seriesDay(date, j.compare(m, so.then(day))))
	}
	return series
}

func seriesDay(date domain.Date, result stats.Result) SeriesDay {
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
	return at
}

// cumulative adds up the days of a metric, one after the other.
type cumulative struct {
	*judgement
	metric string
	so     map[int][]sums
}

func (j *judgement) cumulative(metric string) *cumulative {
	c := &cumulative{judgement: j, metric: metric, so: map[int][]sums{}}
	for _, epoch := range j.splits {
		c.so[epoch] = make([]sums, len(j.plan.Variations))
	}
	return c
}

// then adds one more day to what is asked for, once each.
func (c *cumulative) then(day int) func(epoch, variation int) *sums {
	return func(epoch, v int) *sums {
		s := &c.so[epoch][v]
		if cells := c.cells(metricEpoch{c.metric, epoch}, v); cells != nil {
			s.add(cells[day])
		}
		return s
	}
}

// breakdown compares the variations within each value of a dimension.
func (j *judgement) breakdown(dimension string) *Breakdown {
	b := &Breakdown{Dimension: dimension, Values: []BreakdownValue{}, More: j.more[dimension]}
	for _, value := range j.mostUnits(dimension) {
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
	switch {
	case j.looks != nil:
		alpha := analysis.Alpha
		if plan.Corrected {
			alpha /= float64(plan.Variations - 1)
		}
		plan.Critical, _ = j.looks.plan.LastCritical(alpha) // 0 is a fixed test's, which needs hardly less
	case analysis.Method == "sequential":
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

// rate is how many units come each day. The last day is not over, but that of a look.
func (j *judgement) rate(units float64, days int) float64 {
	if j.looks != nil && j.looks.number > 0 {
		return units / float64(j.looks.through-j.days[0]+1)
	}
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
