// Package tallymodel counts as docs/tracking.md says, word by word and without
// a thought for speed, so that tests have something to compare with. It shares
// no arithmetic with what it is compared to.
package tallymodel

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/tally"
)

// Fact is an event of one unit, with what the ledger says where it is an exposure:
// those have no Name.
type Fact struct {
	UnitType, Unit string
	At             time.Time
	ID             uuid.UUID
	Name           string
	Value          *int64 // millionths
	Variation      string
	Verdict        tracking.Verdict
	Attributes     json.RawMessage
}

// bot is how many events a unit may have.
const bot = 10_000

// Cells counts facts, each of which is there once.
func Cells(plan tally.Plan, facts []Fact, excluded func(unit string) bool) map[tally.CellKey]tally.Cell {
	units := map[string][]Fact{}
	for _, f := range facts {
		if f.UnitType == plan.UnitType {
			units[f.Unit] = append(units[f.Unit], f)
		}
	}
	cells := book{}
	for unit, facts := range units {
		slices.SortFunc(facts, func(a, b Fact) int {
			if c := a.At.Compare(b.At); c != 0 {
				return c
			}
			return bytes.Compare(a.ID[:], b.ID[:])
		})
		countUnit(plan, facts, excluded != nil && excluded(unit), cells)
	}
	return cells.close()
}

func countUnit(plan tally.Plan, facts []Fact, isExcluded bool, cells book) {
	events := 0
	for _, f := range facts {
		if f.Name != "" {
			events++
		}
		if f.Name == "" && of(plan, f) && f.Verdict.Ruling == tracking.Disagrees {
			cells.add(tally.CellKey{Metric: tally.Disagreements, Variation: place(plan, f.Variation), Day: day(f.At)}, one(), 1)
		}
		if f.Name == "" && of(plan, f) && f.Verdict.Ruling == tracking.Overridden {
			cells.add(tally.CellKey{Metric: tally.Overridden, Variation: place(plan, f.Variation), Day: day(f.At)}, one(), 1)
		}
	}
	leftOut := ""
	if events > bot {
		leftOut = tally.Bots
	}
	if isExcluded {
		leftOut = tally.Excluded
	}
	yesterday := book{}
	for d := day(facts[0].At); !d.After(day(facts[len(facts)-1].At)); d = d.AddDate(0, 0, 1) {
		var known []Fact
		for _, f := range facts {
			if !day(f.At).After(d) {
				known = append(known, f)
			}
		}
		today := state(plan, known, leftOut)
		for key, cell := range today {
			key.Day = d
			cells.add(key, cell, 1)
		}
		for key, cell := range yesterday {
			key.Day = d
			cells.add(key, cell, -1)
		}
		yesterday = today
	}
	first, counts := deciding(plan, facts)
	for key, cell := range yesterday {
		if !counts || key.Metric != "" && key.Metric[0] == '!' {
			continue
		}
		for _, name := range plan.Dimensions {
			key := key
			key.Dimension, key.Value = name, attribute(first, name)
			cells.add(key, cell, 1)
		}
	}
}

// of says whether an exposure is of the plan's experiment and phase.
func of(plan tally.Plan, f Fact) bool {
	return f.Verdict.Experiment == plan.Experiment && f.Verdict.Phase == plan.Phase
}

func day(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func place(plan tally.Plan, variation string) int { return slices.Index(plan.Variations, variation) }

func attribute(f Fact, name string) string {
	var all map[string]json.RawMessage
	if len(f.Attributes) == 0 || json.Unmarshal(f.Attributes, &all) != nil {
		return "(none)"
	}
	value := string(all[name])
	switch {
	case value == "", value == "null", value[0] == '{', value[0] == '[':
		return "(none)"
	case value[0] == '"':
		_ = json.Unmarshal(all[name], &value)
	}
	if len(value) > 100 {
		runes := []rune(value)
		for len(string(runes)) > 100 {
			runes = runes[:len(runes)-1]
		}
		value = string(runes)
	}
	return value
}

// deciding is the exposure that decides, of facts in order. counts is false where
// there is none.
func deciding(plan tally.Plan, facts []Fact) (first Fact, counts bool) {
	for _, f := range facts {
		if f.Name == "" && of(plan, f) && f.Verdict.Ruling == tracking.Agrees {
			return f, true
		}
	}
	return Fact{}, false
}

// state is what a unit contributes given all that is known of it.
func state(plan tally.Plan, known []Fact, leftOut string) book {
	cells := book{}
	first, exposed := deciding(plan, known)
	if !exposed {
		return cells
	}
	for _, f := range known {
		if leftOut == "" && f.Name == "" && of(plan, f) && f.Verdict.Ruling == tracking.Agrees && f.Variation != first.Variation {
			leftOut = tally.Crossovers
		}
	}
	variation := place(plan, first.Variation)
	if leftOut != "" {
		cells.add(tally.CellKey{Metric: leftOut, Variation: variation}, one(), 1)
		return cells
	}
	cells.add(tally.CellKey{Variation: variation, Epoch: first.Verdict.Epoch}, one(), 1)
	for _, m := range plan.Metrics {
		cells.add(tally.CellKey{Metric: m.Key, Variation: variation, Epoch: first.Verdict.Epoch}, measure(m, first.At, known), 1)
	}
	return cells
}

func one() tally.Cell { return tally.Cell{N: 1} }

// events are those of a name in [from, to).
func events(known []Fact, name string, from, to time.Time) []Fact {
	var found []Fact
	for _, f := range known {
		if f.Name == name && name != "" && !f.At.Before(from) && f.At.Before(to) {
			found = append(found, f)
		}
	}
	return found
}

func measure(m tally.Metric, first time.Time, known []Fact) tally.Cell {
	end := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if m.WindowHours > 0 {
		end = first.Add(time.Duration(m.WindowHours) * time.Hour)
	}
	lookback := 14
	if m.LookbackDays > 0 {
		lookback = m.LookbackDays
	}
	begin := first.Add(-time.Duration(lookback) * 24 * time.Hour)
	start := first
	if m.Kind == "retention" {
		start = first.Add(24 * time.Hour)
	}
	if m.Kind == "quantile" {
		return tally.Cell{N: 1, Sketch: sketch(events(known, m.Event, start, end))}
	}
	num := number(m, events(known, m.Event, start, end))
	pre := number(m, events(known, m.Event, begin, first))
	var den, preDen *big.Int
	switch m.Kind {
	case "mean":
		den = withValue(events(known, m.Event, start, end))
		preDen = withValue(events(known, m.Event, begin, first))
	case "ratio":
		den = totals(events(known, m.Denominator, start, end), 1e6)
		preDen = totals(events(known, m.Denominator, begin, first), 1e6)
	}
	if !m.CUPED {
		pre, preDen = nil, nil
	}
	cell := one()
	for i, pair := range [tally.SumCount][2]*big.Int{
		tally.Num: {num, unity()}, tally.NumNum: {num, num},
		tally.Den: {den, unity()}, tally.DenDen: {den, den}, tally.NumDen: {num, den},
		tally.Pre: {pre, unity()}, tally.PrePre: {pre, pre}, tally.NumPre: {num, pre},
		tally.PreDen: {preDen, unity()}, tally.PreDenPreDen: {preDen, preDen}, tally.PrePreDen: {pre, preDen},
		tally.DenPreDen: {den, preDen}, tally.NumPreDen: {num, preDen}, tally.PreNumDen: {pre, den},
	} {
		if pair[0] != nil && pair[1] != nil {
			cell.Sums[i] = new(big.Int).Mul(pair[0], pair[1])
		}
	}
	return cell
}

func unity() *big.Int { return big.NewInt(1) }

// number is a unit's, capped, in millionths.
func number(m tally.Metric, events []Fact) *big.Int {
	var n *big.Int
	switch m.Kind {
	case "conversion", "retention":
		return big.NewInt(int64(min(len(events), 1)) * 1e6)
	case "count":
		n = big.NewInt(int64(len(events)) * 1e6)
	case "sum", "mean":
		n = totals(events, 0)
	case "ratio":
		n = totals(events, 1e6)
	}
	if m.Cap != nil && n.Cmp(big.NewInt(*m.Cap)) > 0 {
		return big.NewInt(*m.Cap)
	}
	return n
}

func totals(events []Fact, without int64) *big.Int {
	n := new(big.Int)
	for _, f := range events {
		if f.Value != nil {
			n.Add(n, big.NewInt(*f.Value))
		} else {
			n.Add(n, big.NewInt(without))
		}
	}
	return n
}

func withValue(events []Fact) *big.Int {
	n := int64(0)
	for _, f := range events {
		if f.Value != nil {
			n++
		}
	}
	return big.NewInt(n * 1e6)
}

func sketch(events []Fact) tally.Sketch {
	var values []int64
	for _, f := range events {
		if f.Value != nil {
			values = append(values, *f.Value)
		}
	}
	slices.Sort(values)
	s := tally.Sketch{}
	for i := range values {
		bucket := bucketOf(values[i])
		b := s[bucket]
		up := int64(i + 1)
		b.Events++
		b.Squares += up*up - (up-1)*(up-1)
		b.Products += int64(len(values))
		s[bucket] = b
	}
	return s
}

// bucketOf walks up the bounds.
func bucketOf(value int64) int32 {
	if value < 0 {
		return -bucketOf(-value)
	}
	bucket := int32(0)
	for bound := int64(1); bound <= value; bucket++ {
		step := bound / 100
		if bound%100 > 0 {
			step++
		}
		bound += step
	}
	return bucket
}
