package tally

import (
	"math"
	"slices"
)

// Counter counts by one plan. It may be used by many goroutines.
type Counter struct {
	Plan     Plan
	excluded func(unit string) bool
	bounds   Bounds
	without  []string // dimensions
}

// NewCounter returns the counter of a plan. excluded says whether a unit is in a
// segment that is left out; nil for none.
func NewCounter(plan Plan, bounds Bounds, excluded func(unit string) bool) *Counter {
	if excluded == nil {
		excluded = func(string) bool { return false }
	}
	return &Counter{Plan: plan, excluded: excluded, bounds: bounds}
}

// Without returns a counter that does not count by some of the plan's dimensions.
func (c *Counter) Without(dimensions []string) *Counter {
	if len(dimensions) == 0 {
		return c
	}
	of := *c
	of.without = dimensions
	return &of
}

// Change says what two histories of a unit differ in.
type Change struct {
	// All says that anything may differ; else only events of these names do.
	All   bool
	Names []string
}

// touches says whether a metric may come out differently.
func (c *Change) touches(m *Metric) bool {
	return c.All || slices.Contains(c.Names, m.Event) || m.Denominator != "" && slices.Contains(c.Names, m.Denominator)
}

// Count adds to the sums what the unit contributes, or takes it away. Of two
// counts with the same change, one taken away and one added, the difference is
// that of the histories.
func (c *Counter) Count(h *History, unitType, unit string, change *Change, away bool, into *Sums) {
	if unitType != c.Plan.UnitType {
		return
	}
	k := unitCount{counter: c, history: h, into: into, sign: 1, away: away}
	if away {
		k.sign = -1
	}
	if change.All {
		k.misses()
	}
	if !k.decide(unit, change.All) {
		return
	}
	if change.All {
		k.units()
	}
	for place := range c.Plan.Metrics {
		if m := &c.Plan.Metrics[place]; change.touches(m) {
			k.metric(int16(place), m)
		}
	}
}

// unitCount is one unit, being counted.
type unitCount struct {
	counter *Counter
	history *History
	into    *Sums
	sign    int64
	away    bool

	// first decides; the unit counts until the day on which it crossed over.
	first     *Exposure
	variation int16
	crossed   int64
}

// never is a day after all others.
const never = math.MaxInt64

// variationOf is a variation's place in the plan, -1 without.
func (c *Counter) variationOf(key string) int16 { return int16(slices.Index(c.Plan.Variations, key)) }

// leftOut counts in the cell of a day.
func (k *unitCount) leftOut(reason, variation int16, day, n int64) {
	k.into.day(dayCell{metric: reason, variation: variation, day: int32(day)}).n += k.sign * n
}

func (k *unitCount) misses() {
	for i := range k.history.misses {
		m := &k.history.misses[i]
		if m.experiment != k.counter.Plan.Experiment || m.phase != k.counter.Plan.Phase {
			continue
		}
		reason := int16(disagreements)
		if m.kind == Overrode {
			reason = overridden
		}
		k.leftOut(reason, k.counter.variationOf(m.variation), m.day, m.count)
	}
}

// decide finds the exposure that decides, and says whether the unit counts on any
// day in any metric. With all, it counts what is left out.
func (k *unitCount) decide(unit string, all bool) bool {
	exposures := k.history.ofPhase(k.counter.Plan.Experiment, k.counter.Plan.Phase)
	if len(exposures) == 0 {
		return false
	}
	first := earliest(exposures)
	k.first, k.crossed = &exposures[first], never
	k.variation = k.counter.variationOf(k.first.Variation)
	day := dayOf(k.first.At)
	reason := int16(units)
	switch {
	case k.counter.excluded(unit):
		reason = excluded
	case k.history.bot:
		reason = bots
	default:
		for i := range exposures {
			if i != first {
				k.crossed = min(k.crossed, dayOf(exposures[i].At))
			}
		}
		if k.crossed != never && all {
			k.leftOut(crossovers, k.variation, k.crossed, 1)
		}
		return k.crossed > day
	}
	if all {
		k.leftOut(reason, k.variation, day, 1)
	}
	return false
}

// units counts the unit itself.
func (k *unitCount) units() {
	k.cell(units, dayOf(k.first.At)).n += k.sign
	if k.crossed != never {
		k.cell(units, k.crossed).n -= k.sign
		return
	}
	k.dimensions(units, func(cell *sum) { cell.n += k.sign })
}

// dimensions adds to the unit's cell of each dimension.
func (k *unitCount) dimensions(metric int16, add func(*sum)) {
	for i, name := range k.counter.Plan.Dimensions {
		if slices.Contains(k.counter.without, name) {
			continue
		}
		value := valueOf(k.first.Attributes, name)
		add(k.into.dimension(dimensionCell{metric, k.variation, int16(i), int32(k.first.Epoch), value}))
	}
}
