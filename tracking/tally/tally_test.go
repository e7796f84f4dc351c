package tally_test

import (
	"bytes"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/internal/tallymodel"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/tally"
)

// unit names a history.
type unit struct{ unitType, id string }

// add adds a fact to the history of its unit, and says in what it changed it.
func add(h *tally.History, f tallymodel.Fact) tally.Change {
	at := f.At.UnixMicro()
	switch {
	case f.Name != "":
		var value int64
		if f.Value != nil {
			value = *f.Value
		}
		was := h.Bot()
		h.Happen(f.Name, at, value, f.Value != nil)
		return tally.Change{All: h.Bot() != was, Names: []string{f.Name}}
	case f.Verdict.Ruling == tracking.Agrees:
		h.Expose(tally.Exposure{
			Experiment: f.Verdict.Experiment, Phase: f.Verdict.Phase, Variation: f.Variation, Epoch: f.Verdict.Epoch,
			At: at, ID: f.ID, Attributes: tally.AppendAttributes(nil, f.Attributes),
		})
	case f.Verdict.Ruling == tracking.Disagrees:
		h.Miss(tally.Disagreed, f.Verdict.Experiment, f.Verdict.Phase, f.Variation, at)
	default:
		h.Miss(tally.Overrode, f.Verdict.Experiment, f.Verdict.Phase, f.Variation, at)
	}
	return tally.Change{All: true}
}

func histories(facts []tallymodel.Fact) map[unit]*tally.History {
	all := map[unit]*tally.History{}
	for _, f := range facts {
		u := unit{f.UnitType, f.Unit}
		if all[u] == nil {
			all[u] = &tally.History{}
		}
		add(all[u], f)
	}
	return all
}

func count(c *tally.Counter, all map[unit]*tally.History) map[tally.CellKey]tally.Cell {
	var sums tally.Sums
	for u, h := range all {
		c.Count(h, u.unitType, u.id, &tally.Change{All: true}, false, &sums)
	}
	return sums.Cells(&c.Plan)
}

func differ(want, got map[tally.CellKey]tally.Cell) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b *big.Int) bool {
		return a == b || a != nil && b != nil && a.Cmp(b) == 0
	}))
}

func drawFacts(t *rapid.T, experiments []uuid.UUID) []tallymodel.Fact {
	facts := make([]tallymodel.Fact, rapid.IntRange(1, 60).Draw(t, "facts"))
	for i := range facts {
		facts[i] = tallymodel.DrawFact(t, experiments)
	}
	return facts
}

func experiments() []uuid.UUID { return []uuid.UUID{{1}, {2}} }

func excludes(id string) bool { return id == "u5" }

func TestCountsWhatTheModelCounts(t *testing.T) {
	bounds := tally.NewBounds()
	rapid.Check(t, func(t *rapid.T) {
		plan := tallymodel.DrawPlan(t, experiments()[0], 1)
		facts := drawFacts(t, experiments())
		c := tally.NewCounter(plan, bounds, excludes)
		want := tallymodel.Cells(plan, facts, excludes)
		if diff := differ(want, count(c, histories(facts))); diff != "" {
			t.Fatalf("the model has, counting has (-, +):\n%s", diff)
		}
	})
}

// One fact after another, each taking away what it makes wrong, and by way of
// bytes.
func TestCountsFactByFact(t *testing.T) {
	bounds := tally.NewBounds()
	rapid.Check(t, func(t *rapid.T) {
		plan := tallymodel.DrawPlan(t, experiments()[0], 1)
		facts := drawFacts(t, experiments())
		c := tally.NewCounter(plan, bounds, excludes)
		stored := map[unit][]byte{}
		var decoder tally.Decoder
		var sums tally.Sums
		for _, f := range facts {
			u := unit{f.UnitType, f.Unit}
			var before, after tally.History
			if b := stored[u]; b != nil {
				if decoder.Decode(b, &before) != nil || decoder.Decode(b, &after) != nil {
					t.Fatal("a history cannot be read back")
				}
			}
			change := add(&after, f)
			var step tally.Sums
			c.Count(&before, u.unitType, u.id, &change, true, &step)
			c.Count(&after, u.unitType, u.id, &change, false, &step)
			if err := sums.Add(step.Append(nil)); err != nil {
				t.Fatal(err)
			}
			stored[u] = after.Append(nil)
		}
		all := histories(facts)
		if diff := differ(count(c, all), sums.Cells(&plan)); diff != "" {
			t.Fatalf("at once, fact by fact (-, +):\n%s", diff)
		}
		for u, h := range all {
			if !bytes.Equal(h.Append(nil), stored[u]) {
				t.Fatalf("history of %v: %x at once, %x fact by fact", u, h.Append(nil), stored[u])
			}
		}
	})
}

func TestHistoryHasOneForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t, experiments())
		shuffled := rapid.Permutation(facts).Draw(t, "shuffled")
		other := histories(shuffled)
		for u, h := range histories(facts) {
			one := h.Append(nil)
			if !bytes.Equal(one, other[u].Append(nil)) {
				t.Fatalf("history of %v depends on the order of facts", u)
			}
			var decoded tally.History
			if err := new(tally.Decoder).Decode(one, &decoded); err != nil || !bytes.Equal(decoded.Append(nil), one) {
				t.Fatalf("%x reads as %x, %v", one, decoded.Append(nil), err)
			}
		}
	})
}

// Too many events make a bot in whatever order they come, and it stays one.
func TestBots(t *testing.T) {
	exposure := tallymodel.Fact{
		UnitType: "user_id", Unit: "u1", At: tallymodel.Epoch(), Variation: "a",
		Verdict: tracking.Verdict{Ruling: tracking.Agrees, Experiment: uuid.UUID{1}, Phase: 1},
	}
	var facts []tallymodel.Fact
	for i := range tally.MaxEvents {
		facts = append(facts, tallymodel.Fact{
			UnitType: "user_id", Unit: "u1", At: tallymodel.Epoch().Add(time.Duration(i) * time.Minute), ID: uuid.New(), Name: "buy",
		})
	}
	facts = append(facts, exposure)
	plan := tally.Plan{
		Experiment: uuid.UUID{1}, Phase: 1, UnitType: "user_id", Variations: []string{"control", "a"},
		Metrics: []tally.Metric{{Key: "buys", Kind: "count", Event: "buy"}},
	}
	c := tally.NewCounter(plan, tally.NewBounds(), nil)
	if diff := differ(tallymodel.Cells(plan, facts, nil), count(c, histories(facts))); diff != "" {
		t.Errorf("as many events as may be (-, +):\n%s", diff)
	}
	more := facts[0]
	more.ID = uuid.New()
	last := append(slices.Clone(facts), more)
	first := append([]tallymodel.Fact{exposure}, append([]tallymodel.Fact{more}, facts[:len(facts)-1]...)...)
	want := map[tally.CellKey]tally.Cell{{Metric: tally.Bots, Variation: 1, Day: time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC)}: {N: 1}}
	for _, facts := range [][]tallymodel.Fact{first, last, append(slices.Clone(last), more)} {
		all := histories(facts)
		if diff := differ(want, count(c, all)); diff != "" {
			t.Errorf("one event more (-, +):\n%s", diff)
		}
		if form := slices.Collect(maps.Values(all))[0].Append(nil); len(form) > 100 {
			t.Errorf("a bot's history has %d bytes", len(form))
		}
	}
}
