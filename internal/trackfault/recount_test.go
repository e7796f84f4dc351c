package trackfault

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// metric is a definition as the API tells it.
type metric struct {
	Key          string   `json:"key"`
	Kind         string   `json:"kind"`
	Event        string   `json:"event"`
	Denominator  string   `json:"denominator"`
	WindowHours  int      `json:"window_hours"`
	Cap          *float64 `json:"cap"`
	CUPED        bool     `json:"cuped"`
	LookbackDays int      `json:"lookback_days"`
}

// sums are one cell: how many units, sums of numbers and products by name, and
// buckets of values.
type sums struct {
	n       int64
	of      map[string]*big.Int
	buckets map[int][3]int64
}

// cells are sums by what they are of: metric, variation, epoch, dimension, value
// and day.
type cells map[string]*sums

func cellKey(metric string, variation, epoch int, dimension, value string, day time.Time) string {
	date := ""
	if !day.IsZero() {
		date = day.Format(time.DateOnly)
	}
	return fmt.Sprintf("%s|%d|%d|%s|%s|%s", metric, variation, epoch, dimension, value, date)
}

func (c cells) at(key string) *sums {
	s, ok := c[key]
	if !ok {
		s = &sums{of: map[string]*big.Int{}, buckets: map[int][3]int64{}}
		c[key] = s
	}
	return s
}

// add adds a contribution, or takes it away.
func (s *sums) add(c *contribution, sign int64) {
	s.n += sign
	for name, x := range c.sums() {
		if s.of[name] == nil {
			s.of[name] = new(big.Int)
		}
		s.of[name].Add(s.of[name], new(big.Int).Mul(x, big.NewInt(sign)))
	}
	before, total := int64(0), int64(len(c.values))
	for _, b := range slices.Sorted(slices.Values(c.values)) {
		// One value after the other: the growth of a bucket is the sum of theirs.
		sum := s.buckets[b]
		sum[0] += sign
		sum[1] += sign * ((before+1)*(before+1) - before*before)
		sum[2] += sign * total
		s.buckets[b] = sum
		before++
	}
}

// contribution is what one unit adds to a metric's cell: numbers in millionths,
// and the buckets of its values.
type contribution struct {
	num, den, pre, preDen *big.Int
	values                []int
}

// sums are all numbers and products that are kept.
func (c *contribution) sums() map[string]*big.Int {
	all := map[string]*big.Int{}
	if c.num == nil {
		return all
	}
	numbers := []struct {
		name string
		x    *big.Int
	}{{"Num", c.num}, {"Den", c.den}, {"Pre", c.pre}, {"PreDen", c.preDen}}
	for i, a := range numbers {
		all[a.name] = a.x
		for _, b := range numbers[i:] {
			all[a.name+b.name] = new(big.Int).Mul(a.x, b.x)
		}
	}
	return all
}

// unit is all that the record says of one unit.
type unit struct {
	exposures []exposure // that the ledger agrees with, of one phase
	events    []*event
}

type exposure struct {
	*event
	settings
}

// recount counts one phase of an experiment, by the rules of docs/tracking.md.
type recount struct {
	settings
	metrics  []metric
	excluded map[string]bool
	cells    cells
}

const maxEvents = 10_000

// count adds one unit, day by day: what it adds on a day is the difference that
// the day's facts make.
func (r *recount) count(id string, u *unit) {
	if len(u.exposures) == 0 {
		return
	}
	slices.SortFunc(u.exposures, func(a, b exposure) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.event.ID, b.event.ID)) })
	var days []time.Time
	for _, x := range u.exposures {
		days = append(days, x.At.UTC().Truncate(24*time.Hour))
	}
	for _, e := range u.events {
		days = append(days, e.At.UTC().Truncate(24*time.Hour))
	}
	slices.SortFunc(days, time.Time.Compare)
	days = slices.Compact(days)
	before := map[string]*contribution{}
	for _, day := range days {
		after := r.state(id, u, day.AddDate(0, 0, 1))
		for key, c := range before {
			r.cells.at(key+day.Format(time.DateOnly)).add(c, -1)
		}
		for key, c := range after {
			r.cells.at(key+day.Format(time.DateOnly)).add(c, 1)
		}
		before = after
	}
	for key, c := range r.dimensions(u, before) {
		r.cells.at(key).add(c, 1)
	}
}

// state is what the unit contributes by all that happened before a moment, by
// the cell without its day.
func (r *recount) state(id string, u *unit, until time.Time) map[string]*contribution {
	seen := slices.DeleteFunc(slices.Clone(u.exposures), func(x exposure) bool { return !x.At.Before(until) })
	if len(seen) == 0 {
		return nil
	}
	first := seen[0]
	v := r.place(first.Variation)
	out := func(why string) map[string]*contribution {
		return map[string]*contribution{cellKey(why, v, 0, "", "", time.Time{}): {}}
	}
	switch {
	case r.excluded[id]:
		return out("!excluded")
	case len(u.events) > maxEvents:
		return out("!bots")
	case slices.ContainsFunc(seen, func(x exposure) bool { return x.Variation != first.Variation }):
		return out("!crossovers")
	}
	all := map[string]*contribution{cellKey("", v, first.epoch, "", "", time.Time{}): {}}
	for i := range r.metrics {
		m := &r.metrics[i]
		all[cellKey(m.Key, v, first.epoch, "", "", time.Time{})] = m.contribution(u.events, first.At, until)
	}
	return all
}

// dimensions are the unit's cells of dimensions, from its state in the end.
func (r *recount) dimensions(u *unit, state map[string]*contribution) map[string]*contribution {
	all := map[string]*contribution{}
	first := u.exposures[0]
	v := r.place(first.Variation)
	for _, dimension := range r.Analysis.Dimensions {
		value := "(none)"
		if x, ok := first.Attributes[dimension]; ok {
			value = fmt.Sprint(x)
		}
		if c, ok := state[cellKey("", v, first.epoch, "", "", time.Time{})]; ok {
			all[cellKey("", v, first.epoch, dimension, value, time.Time{})] = c
		}
		for i := range r.metrics {
			if c, ok := state[cellKey(r.metrics[i].Key, v, first.epoch, "", "", time.Time{})]; ok {
				all[cellKey(r.metrics[i].Key, v, first.epoch, dimension, value, time.Time{})] = c
			}
		}
	}
	return all
}

// contribution is a unit's by the events within the window.
func (m *metric) contribution(events []*event, first, until time.Time) *contribution {
	end := until
	if window := first.Add(time.Duration(m.WindowHours) * time.Hour); m.WindowHours > 0 && window.Before(until) {
		end = window
	}
	c := &contribution{pre: new(big.Int), preDen: new(big.Int)}
	if m.Kind == "quantile" {
		for _, e := range between(events, m.Event, first, end) {
			if e.Value != "" {
				c.values = append(c.values, bucket(millionths(e)))
			}
		}
		return c
	}
	c.num, c.den = m.numbers(events, first, end, first)
	if m.CUPED {
		days := cmp.Or(m.LookbackDays, 14)
		c.pre, c.preDen = m.numbers(events, first.AddDate(0, 0, -days), first, first)
	}
	return c
}

// numbers are a unit's numerator and denominator of the time from start to end.
func (m *metric) numbers(events []*event, start, end, first time.Time) (num, den *big.Int) {
	num, den = new(big.Int), new(big.Int)
	of := between(events, m.Event, start, end)
	one := big.NewInt(1_000_000)
	switch m.Kind {
	case "conversion":
		if len(of) > 0 {
			num.Set(one)
		}
	case "retention":
		if slices.ContainsFunc(of, func(e *event) bool { return !e.At.Before(first.Add(24 * time.Hour)) }) {
			num.Set(one)
		}
	case "count":
		num.Mul(one, big.NewInt(int64(len(of))))
	case "sum", "mean":
		for _, e := range of {
			if e.Value != "" {
				num.Add(num, big.NewInt(millionths(e)))
			}
			if e.Value != "" && m.Kind == "mean" {
				den.Add(den, one)
			}
		}
	case "ratio":
		num = worth(of)
		den = worth(between(events, m.Denominator, start, end))
	}
	if m.Cap != nil {
		if most := big.NewInt(int64(*m.Cap * 1_000_000)); num.Cmp(most) > 0 {
			num.Set(most)
		}
	}
	return num, den
}

// worth is the total of events; one without a value is worth 1.
func worth(events []*event) *big.Int {
	total := new(big.Int)
	for _, e := range events {
		if e.Value == "" {
			total.Add(total, big.NewInt(1_000_000))
			continue
		}
		total.Add(total, big.NewInt(millionths(e)))
	}
	return total
}

func between(events []*event, name string, start, end time.Time) []*event {
	var all []*event
	for _, e := range events {
		if e.Name == name && !e.At.Before(start) && e.At.Before(end) {
			all = append(all, e)
		}
	}
	return all
}

// millionths is a value, which has two decimals at most.
func millionths(e *event) int64 {
	x, ok := new(big.Rat).SetString(e.Value.String())
	if !ok {
		return 0
	}
	return new(big.Int).Quo(x.Mul(x, big.NewRat(1_000_000, 1)).Num(), big.NewInt(1)).Int64()
}

// bucket is the number of the bucket that an amount above 0 falls into: each is a
// hundredth longer than the one before, rounded up.
func bucket(amount int64) int {
	n := 0
	for bound := int64(1); bound <= amount; bound += (bound + 99) / 100 {
		n++
	}
	return n
}
