package tally

import (
	"math"
	"sort"
)

const (
	million       = 1_000_000
	microsPerHour = 3600 * million
)

// DefaultLookback is in days.
const DefaultLookback = 14

// numbers are a unit's, in millionths.
type numbers struct{ num, den, pre, preDen total }

// measure is how a metric's numbers come of a unit's events.
type measure struct {
	metric *Metric
	first  int64 // exposure
	// num and den are the events that count; pre and preDen those for the
	// covariate.
	num, den, pre, preDen []event
}

// between are the events from a time on, and before another.
func between(events []event, from, to int64) []event {
	start := sort.Search(len(events), func(i int) bool { return events[i].at >= from })
	end := sort.Search(len(events), func(i int) bool { return events[i].at >= to })
	return events[start:max(start, end)]
}

func (k *unitCount) measure(m *Metric) measure {
	from, to := k.first.At, int64(math.MaxInt64)
	if m.WindowHours > 0 {
		to = from + int64(m.WindowHours)*microsPerHour
	}
	named := k.history.named(m.Event)
	s := measure{metric: m, first: from, num: between(named, from, to)}
	if m.Kind == "retention" {
		s.num = between(s.num, from+24*microsPerHour, to)
	}
	var below []event
	switch m.Kind {
	case "mean":
		below = named
	case "ratio":
		below = k.history.named(m.Denominator)
	}
	s.den = between(below, from, to)
	if m.CUPED {
		days := int64(m.LookbackDays)
		if days == 0 {
			days = DefaultLookback
		}
		s.pre = between(named, from-days*microsPerDay, from)
		s.preDen = between(below, from-days*microsPerDay, from)
	}
	return s
}

// metric counts one metric: in the cell of each day the difference to the day
// before.
func (k *unitCount) metric(place int16, m *Metric) {
	s := k.measure(m)
	if m.Kind == "quantile" {
		k.quantile(place, s.num)
		return
	}
	before := numbers{pre: s.bounded(s.above(s.pre)), preDen: s.below(s.preDen)}
	now, num, has, counted := before, total{}, s.shape(), false
	for day := dayOf(s.first); day < k.crossed; day = s.nextDay() {
		num.plus(s.above(takeDay(&s.num, day)))
		now.num = s.bounded(num)
		now.den.plus(s.below(takeDay(&s.den, day)))
		if cell := k.cell(place, day); !counted {
			cell.n += k.sign
			cell.add(&now, has, k.away)
		} else if now != before {
			cell.add(&before, has, !k.away)
			cell.add(&now, has, k.away)
		}
		before, counted = now, true
	}
	if k.crossed != never {
		cell := k.cell(place, k.crossed)
		cell.n -= k.sign
		cell.add(&now, has, !k.away)
		return
	}
	k.dimensions(place, func(cell *sum) {
		cell.n += k.sign
		cell.add(&now, has, k.away)
	})
}

func (k *unitCount) cell(place int16, day int64) *sum {
	return k.into.day(dayCell{metric: place, variation: k.variation, epoch: int32(k.first.Epoch), day: int32(day)})
}

// takeDay takes the events of a day, and of those before, off a list.
func takeDay(events *[]event, day int64) []event {
	end := (day + 1) * microsPerDay
	n := 0
	for n < len(*events) && (*events)[n].at < end {
		n++
	}
	taken := (*events)[:n]
	*events = (*events)[n:]
	return taken
}

// nextDay is the day of the next event of either list; never when there is none.
func (s *measure) nextDay() int64 {
	day := int64(never)
	if len(s.num) > 0 {
		day = dayOf(s.num[0].at)
	}
	if len(s.den) > 0 {
		day = min(day, dayOf(s.den[0].at))
	}
	return day
}

// above is what events add to the number, or the numerator.
func (s *measure) above(events []event) total {
	switch s.metric.Kind {
	case "sum", "mean":
		return worth(events, 0)
	case "ratio":
		return worth(events, million)
	}
	return totalOf(int64(len(events)) * million)
}

// bounded is the number that events add up to.
func (s *measure) bounded(t total) total {
	switch s.metric.Kind {
	case "conversion", "retention":
		return t.atMost(million)
	}
	if s.metric.Cap == nil {
		return t
	}
	return t.atMost(*s.metric.Cap)
}

// below is what events add to the denominator.
func (s *measure) below(events []event) total {
	if s.metric.Kind == "ratio" {
		return worth(events, million)
	}
	n := int64(0)
	for i := range events {
		if events[i].has {
			n++
		}
	}
	return totalOf(n * million)
}

// worth is the sum of values; one says what events without are worth.
func worth(events []event, one int64) total {
	var t total
	for i := range events {
		if e := &events[i]; e.has {
			t.add(e.value)
		} else {
			t.add(one)
		}
	}
	return t
}

// shape says which of the numbers there are.
type shape struct{ den, pre bool }

func (s *measure) shape() shape {
	return shape{s.metric.Kind == "mean" || s.metric.Kind == "ratio", s.metric.CUPED}
}

// add adds a unit's numbers, or takes them away.
func (s *sum) add(v *numbers, has shape, away bool) {
	square := func(place, of int, t total) {
		s.sums[of].addTotal(t, away)
		s.sums[place].addProduct(t, t, away)
	}
	square(NumNum, Num, v.num)
	if has.den {
		square(DenDen, Den, v.den)
		s.sums[NumDen].addProduct(v.num, v.den, away)
	}
	if !has.pre {
		return
	}
	square(PrePre, Pre, v.pre)
	s.sums[NumPre].addProduct(v.num, v.pre, away)
	if has.den {
		square(PreDenPreDen, PreDen, v.preDen)
		s.sums[PrePreDen].addProduct(v.pre, v.preDen, away)
		s.sums[DenPreDen].addProduct(v.den, v.preDen, away)
		s.sums[NumPreDen].addProduct(v.num, v.preDen, away)
		s.sums[PreNumDen].addProduct(v.pre, v.den, away)
	}
}
