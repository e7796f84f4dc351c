package fold_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/tallymodel"
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
// plans depend on changes: what is counted in the end is what the model counts of
// all facts, what a recount counts, and what a rebuild counts, to the last bit.
func TestCountsExactly(t *testing.T) {
	for seed := range 6 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s := rapid.Custom(drawScenario).Example(seed)
			b := newBench(t)
			experiments := b.prepare(t, &s)
			for range 2 {
				ledgertest.Run(t, b.folder(t).Run)
			}
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			for i, facts := 0, s.facts; len(facts) > 0; i++ {
				n := min(1+random.IntN(12), len(facts))
				b.track(t, facts[:n])
				facts = facts[n:]
				b.upset(t, i, experiments, s.added)
				time.Sleep(time.Duration(random.IntN(8)) * time.Millisecond)
			}
			b.check(t, experiments)
			before := b.everything(t)
			if batches, err := b.folder(t).Rebuild(t.Context(), nil); err != nil || batches != b.batch {
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

// check compares each phase with the model and with a recount.
func (b *bench) check(t *testing.T, experiments []uuid.UUID) {
	t.Helper()
	facts := b.oracle.facts[:b.stored]
	for _, experiment := range experiments {
		for phase := 1; phase <= 2; phase++ {
			r := b.settled(t, experiment, phase)
			members := map[string]bool{"u1": len(r.Plan.Exclude) > 0, "u3": len(r.Plan.Exclude) > 0}
			want := tallymodel.Cells(r.Plan, facts, func(unit string) bool { return members[unit] })
			if diff := differ(want, r.Cells); diff != "" {
				t.Errorf("phase %d of %s: the model has, counting has (-, +):\n%s", phase, experiment, diff)
			}
			again, err := b.past().Recount(t.Context(), r.Plan, b.batch)
			if err != nil {
				t.Fatal(err)
			}
			if diff := differ(want, again); diff != "" {
				t.Errorf("phase %d of %s: the model has, recounting has (-, +):\n%s", phase, experiment, diff)
			}
			half, err := b.past().Recount(t.Context(), r.Plan, b.batch/2)
			if err != nil {
				t.Fatal(err)
			}
			if diff := differ(tallymodel.Cells(r.Plan, b.upTo(b.batch/2), func(unit string) bool { return members[unit] }), half); diff != "" {
				t.Errorf("phase %d of %s half way: the model has, recounting has (-, +):\n%s", phase, experiment, diff)
			}
		}
	}
}
