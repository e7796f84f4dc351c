package fold_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/tallymodel"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

// scenario is what happens in one run of TestCountsExactly.
type scenario struct {
	plans []tally.Plan
	facts []tallymodel.Fact
	added tally.Metric
}

// drawScenario draws facts about two experiments, of ids 1 and 2.
func drawScenario(t *rapid.T) scenario {
	ids := []uuid.UUID{{1}, {2}}
	s := scenario{added: tallymodel.DrawMetric(t, "added")}
	for _, id := range ids {
		plan := tallymodel.DrawPlan(t, id, 1)
		for i := range plan.Metrics {
			plan.Metrics[i].Key = fmt.Sprintf("m%d-%d", id[0], i)
		}
		s.plans = append(s.plans, plan)
	}
	for range 150 {
		s.facts = append(s.facts, tallymodel.DrawFact(t, ids))
	}
	return s
}

// Random facts come in random batches, two folders race, and meanwhile all that
// plans depend on changes; in half of the runs sessions end at any moment. What is
// counted in the end is what the model counts of all facts, what a recount counts,
// and what a rebuild counts, to the last bit; in half of the runs less dimensions that
// have come to have too many values, and in half with tables that are spread by unit.
func TestCountsExactly(t *testing.T) {
	for seed := range 4 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s := rapid.Custom(drawScenario).Example(seed)
			b := newBench(t)
			if seed >= 2 {
				b.values = 2 // some dimensions are too wide
			}
			if seed%3 == 0 {
				b.spread(t)
			}
			experiments := b.prepare(t, &s)
			for range 2 {
				ledgertest.Run(t, b.folder(t).Run)
			}
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			if seed%2 == 1 {
				b.shoot(t, rand.New(rand.NewPCG(uint64(seed), 2)))
			}
			for i, facts := 0, s.facts; len(facts) > 0; i++ {
				n := min(1+random.IntN(12), len(facts))
				b.track(t, facts[:n])
				facts = facts[n:]
				b.upset(t, i, experiments, s.added)
				b.checkNow(t, experiments[random.IntN(2)], 1+random.IntN(2))
				time.Sleep(time.Duration(random.IntN(8)) * time.Millisecond)
			}
			b.check(t, experiments)
			before := b.everything(t)
			if batches, err := fold.New(b.pool, b.oracle, fold.Config{}).Rebuild(t.Context(), nil); err != nil || batches != b.batch {
				t.Fatalf("rebuilt %d batches of %d: %v", batches, b.batch, err)
			}
			if after := b.everything(t); after != before {
				t.Errorf("counted in one go:\n%s\nrebuilt:\n%s", before, after)
			}
		})
	}
}

// prepare makes the experiments of a scenario and gives its facts their ids.
func (b *bench) prepare(t *testing.T, s *scenario) []uuid.UUID {
	must(t)(b.commands.CreateResource(t.Context(), call(), domain.KindSegment, []byte(`{"key":"staff","name":"Staff","ids":["u0"]}`)))
	var experiments []uuid.UUID
	for _, plan := range s.plans {
		id := uuid.New()
		experiments = append(experiments, b.experiment(t, id, plan))
		b.patch(t, id, `{"analysis":{"exclude":["staff"]}}`)
		must(t)(b.commands.SetStatus(t.Context(), call(), id.String(), "active"))
		b.patch(t, id, `{"audience":{"country":"CH"},"phase":"new"}`)
	}
	for i := range s.facts {
		if v := &s.facts[i].Verdict; v.Phase > 0 {
			v.Experiment = experiments[v.Experiment[0]-1]
		}
	}
	b.oracle.facts = s.facts
	return experiments
}

// upset changes something that plans depend on, once each.
func (b *bench) upset(t *testing.T, at int, experiments []uuid.UUID, added tally.Metric) {
	switch at {
	case 3:
		b.define(t, added)
		b.patch(t, experiments[0], `{"metrics":[{"metric":"added","role":"primary"}]}`)
	case 6:
		b.patch(t, experiments[1], `{"analysis":{"dimensions":["beta","nobody"]}}`)
	case 9:
		added.WindowHours = 7
		b.define(t, added)
	case 11:
		must(t)(b.commands.ChangeMembers(t.Context(), call(), "staff", []string{"u1", "u2"}, []string{"u0"}))
	case 13:
		must(t)(b.commands.ChangeMembers(t.Context(), call(), "staff", []string{"u3"}, []string{"u2"}))
	case 14:
		b.patch(t, experiments[1], `{"analysis":{"exclude":[]}}`)
	}
}

// leftOut says who is left out by a plan: the members that the segment had at the
// plan's version.
func leftOut(plan tally.Plan) func(unit string) bool {
	return func(unit string) bool {
		for _, segment := range plan.Exclude {
			if slices.Contains([][]string{2: {"u0"}, 3: {"u1", "u2"}, 4: {"u1", "u3"}}[segment.Version], unit) {
				return true
			}
		}
		return false
	}
}

// checkNow compares what is read of a phase, wherever counting stands, with the
// model.
func (b *bench) checkNow(t *testing.T, experiment uuid.UUID, phase int) fold.Reading {
	t.Helper()
	r, err := fold.Read(t.Context(), b.pool, experiment, phase)
	if err != nil {
		t.Fatal(err)
	}
	if r.Plan.Experiment == uuid.Nil {
		return r
	}
	b.checkWidth(t, &r)
	if diff := differ(without(r.Wide, tallymodel.Cells(r.Plan, b.upTo(r.Batch), leftOut(r.Plan))), r.Cells); diff != "" {
		t.Errorf("phase %d of %s at %d of %d: the model has, counting has (-, +):\n%s", phase, experiment, r.Batch, b.batch, diff)
	}
	return r
}

// without leaves the cells of dimensions out.
func without(dimensions []string, cells map[tally.CellKey]tally.Cell) map[tally.CellKey]tally.Cell {
	maps.DeleteFunc(cells, func(key tally.CellKey, _ tally.Cell) bool { return slices.Contains(dimensions, key.Dimension) })
	return cells
}

// checkWidth compares how many values the dimensions have that are counted with how
// many they may have.
func (b *bench) checkWidth(t *testing.T, r *fold.Reading) {
	t.Helper()
	values := map[string]map[string]bool{}
	for key := range r.Cells {
		if values[key.Dimension] == nil {
			values[key.Dimension] = map[string]bool{}
		}
		values[key.Dimension][key.Value] = true
	}
	for dimension, of := range values {
		if b.values > 0 && len(of) > b.values {
			t.Errorf("%s has %d values at %d; at most %d are counted", dimension, len(of), r.Batch, b.values)
		}
	}
}

// check compares each phase with the model and with recounts, when all is counted.
func (b *bench) check(t *testing.T, experiments []uuid.UUID) {
	t.Helper()
	for _, experiment := range experiments {
		for phase := 1; phase <= 2; phase++ {
			b.checkPhase(t, experiment, phase)
		}
	}
}

func (b *bench) checkPhase(t *testing.T, experiment uuid.UUID, phase int) {
	t.Helper()
	b.settled(t, experiment, phase)
	r := b.checkNow(t, experiment, phase)
	for _, batch := range []int64{0, b.batch / 2, b.batch} {
		again, wide, err := b.past().Recount(t.Context(), r.Plan, batch)
		if err != nil {
			t.Fatal(err)
		}
		if diff := differ(without(wide, tallymodel.Cells(r.Plan, b.upTo(batch), leftOut(r.Plan))), again); diff != "" {
			t.Errorf("phase %d of %s at %d: the model has, recounting has (-, +):\n%s", phase, experiment, batch, diff)
		}
	}
}

// A unit that turns out to be a bot takes with it what was counted of it.
func TestBots(t *testing.T) {
	b := newBench(t)
	plan := tally.Plan{
		UnitType: "user_id", Variations: []string{"control", "a"}, Dimensions: []string{"country"},
		Metrics: []tally.Metric{{Key: "buys", Kind: "count", Event: "buy"}, {Key: "views", Kind: "count", Event: "view"}},
	}
	id := b.experiment(t, uuid.New(), plan)
	facts := []tallymodel.Fact{{
		Variation: "a", Verdict: tracking.Verdict{Ruling: tracking.Agrees, Experiment: id, Phase: 1}, Attributes: []byte(`{"country":"CH"}`),
	}, {Name: "view"}}
	for range tally.MaxEvents {
		facts = append(facts, tallymodel.Fact{Name: "buy"})
	}
	for i := range facts {
		facts[i].UnitType, facts[i].Unit, facts[i].ID = "user_id", "u1", uuid.New()
		facts[i].At = tallymodel.Epoch().Add(time.Duration(i) * time.Second)
	}
	b.oracle.facts = facts
	ledgertest.Run(t, b.folder(t).Run)
	last := len(facts) - 1
	for _, batch := range [][]tallymodel.Fact{facts[:last], facts[last:]} {
		b.track(t, batch)
		b.settled(t, id, 1)
		if r := b.checkNow(t, id, 1); len(r.Cells) == 0 {
			t.Error("nothing is counted")
		}
	}
}

// What cannot be judged stops counting, and is counted when it can be.
func TestPoisonStopsCounting(t *testing.T) {
	b := newBench(t)
	plan := tally.Plan{UnitType: "user_id", Variations: []string{"control", "a"}, Dimensions: []string{}}
	id := b.experiment(t, uuid.New(), plan)
	for i := range 3 {
		b.oracle.facts = append(b.oracle.facts, tallymodel.Fact{
			UnitType: "user_id", Unit: fmt.Sprint("u", i), At: tallymodel.Epoch(), ID: uuid.New(), Variation: "a",
			Verdict: tracking.Verdict{Ruling: tracking.Agrees, Experiment: id, Phase: 1},
		})
	}
	b.track(t, b.oracle.facts[:1])
	folder := b.folder(t)
	ledgertest.Run(t, folder.Run)
	b.settled(t, id, 1)
	b.oracle.poison.Store(true)
	b.track(t, b.oracle.facts[1:2])
	b.track(t, b.oracle.facts[2:])
	for b.oracle.refused.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	if r := b.checkNow(t, id, 1); r.Batch != 1 {
		t.Errorf("counted up to batch %d", r.Batch)
	}
	b.oracle.poison.Store(false)
	b.settled(t, id, 1)
	if r := b.checkNow(t, id, 1); len(r.Cells) != 1 {
		t.Errorf("cells: %v", r.Cells)
	}
	if _, _, err := b.past().Recount(t.Context(), plan, 4); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("beyond the last batch: %v", err)
	}
	if _, err := b.past().Plan(t.Context(), 1, id, 2); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a phase that there is not: %v", err)
	}
}
