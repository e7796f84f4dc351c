package queries

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

// explained asks what a unit gets.
func (s *stack) explained(t testing.TB, q Question) Explained {
	t.Helper()
	got, err := s.Explain(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return got
}

func people() []Question {
	var all []Question
	for _, unit := range []string{"u1", "u2", "u3", "u4", ""} {
		for _, country := range []string{"US", "CA"} {
			all = append(all, Question{Unit: unit, Attributes: map[string]any{
				"id": unit, "country": country, "tags": []any{"x", unit}, "company": "c" + unit,
			}})
		}
	}
	return all
}

// What is explained for any moment of the past is what was decided then, from
// the view of that moment.
func TestExplainAgreesWithDecisionsRecordedLive(t *testing.T) {
	s := newStack(t)
	w := ledgertest.Wanderer{Commands: s.commands, Random: rand.New(rand.NewPCG(3, 5))}
	w.Furnish(t)
	live := map[int64]*projections.View{}
	var positions []int64
	for len(live) < 300 {
		w.Step(t)
		v := s.follower.View()
		if v.Position > 0 && live[v.Position] == nil {
			live[v.Position] = v
			positions = append(positions, v.Position)
		}
	}
	asked := people()
	reasons := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range 4 {
		random := rand.New(rand.NewPCG(uint64(worker), 9))
		wg.Go(func() {
			for range 250 {
				v := live[positions[random.IntN(len(positions))]]
				q := asked[random.IntN(len(asked))]
				q.Moment.Position = v.Position
				got, err := s.Explain(t.Context(), q)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				agree(t, got, v, q, reasons)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(reasons) != 9 {
		t.Errorf("the history shows %v: not every reason", reasons)
	}
}

// agree compares an answer with the decisions of a view, and counts the reasons.
func agree(t testing.TB, got Explained, v *projections.View, q Question, reasons map[string]int) {
	t.Helper()
	snapshot, faults := evaluator.Compile(v.Document())
	if len(faults) > 0 || got.Position != v.Position || !got.At.Equal(v.At) || len(got.Explanations) != snapshot.Len() {
		t.Errorf("at %d: %d explanations at %d, want %d; faults %v", v.Position, len(got.Explanations), got.Position, snapshot.Len(), faults)
		return
	}
	var u evaluator.Unit
	for _, x := range got.Explanations {
		e, _ := snapshot.Experiment(x.Experiment.Key)
		snapshot.Prepare(&u, q.Unit, q.Attributes)
		want := snapshot.Evaluate(e, &u)
		if x.Variation != e.Variations()[want.Variation].Key || x.Reason != want.Reason ||
			x.Experiment.Version != e.Version() || x.Experiment.Position != e.Position() {
			t.Errorf("at %d %s of %+v: explained as %s, %v of version %d, decided as %d, %v of version %d",
				v.Position, e.Key(), q, x.Variation, x.Reason, x.Experiment.Version, want.Variation, want.Reason, e.Version())
		}
		for _, step := range x.Steps {
			if step.Record.Position < 1 || step.Record.Position > v.Position || step.Record.Type == "" {
				t.Errorf("at %d %s: %s names %+v", v.Position, e.Key(), step.Check, step.Record)
			}
		}
		reasons[want.Reason.String()]++
	}
}

// Each step names the record that last set what it looked at.
func TestExplainNamesRecords(t *testing.T) {
	s := newStack(t)
	resource := func(kind domain.Kind, body string) {
		t.Helper()
		if _, err := s.commands.CreateResource(t.Context(), commands.Call{}, kind, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	call := commands.Call{}
	call.Actor, call.Reason = "ada", "hired"
	for _, do := range []func(){ // each is one record
		func() { resource(domain.KindSegment, `{"name":"staff"}`) },
		func() { resource(domain.KindLayer, `{"name":"l"}`) },
		func() { resource(domain.KindHoldout, `{"name":"h","share_ppm":0}`) },
		func() { s.create(t, `{"name":"Other","key":"other"}`) },
		func() { s.create(t, `{"name":"x","key":"x","layer":{"key":"l","share_ppm":1000000}}`) },
		func() { s.set(t, "other", domain.Active) },
		func() { s.patch(t, "x", `{"audience":{"id":{"$inGroup":"staff"}}}`) },
		func() { s.patch(t, "x", `{"prerequisites":[{"experiment":"other","variations":["treatment"]}]}`) },
		func() { s.set(t, "x", domain.Active) },
		func() { s.patch(t, "x", `{"description":"d"}`) },
		func() {
			if _, err := s.commands.ChangeMembers(t.Context(), call, "staff", []string{"u1"}, nil); err != nil {
				t.Fatal(err)
			}
		},
		func() { s.patch(t, "other", `{"overrides":{"u1":"treatment"}}`) },
		func() { s.patch(t, "x", `{"traffic_ppm":0}`) },
		func() { s.patch(t, "x", `{"traffic_ppm":1000000}`) },
		func() { s.patch(t, "x", `{"owner":"o"}`) },
		func() { s.set(t, "x", domain.Inactive) },
	} {
		do()
	}
	question := Question{Unit: "u1", Attributes: map[string]any{"id": "u1"}, Experiment: "x"}
	for position, want := range map[int64]string{
		5:  "INACTIVE status 5",
		9:  "AUDIENCE status 9, unit 5, holdout 3, audience 7 staff 1",
		10: "AUDIENCE status 9, unit 5, holdout 3, audience 7 staff 1",
		12: "SPLIT status 9, unit 5, holdout 3, audience 7 staff 11, prerequisite 12, layer 5, traffic 5, split 5",
		13: "TRAFFIC status 9, unit 5, holdout 3, audience 7 staff 11, prerequisite 12, layer 5, traffic 13",
		15: "SPLIT status 9, unit 5, holdout 3, audience 7 staff 11, prerequisite 12, layer 5, traffic 14, split 5",
		16: "INACTIVE status 16",
	} {
		question.Moment.Position = position
		got := s.explained(t, question)
		if len(got.Explanations) != 1 {
			t.Fatalf("%+v", got)
		}
		x := got.Explanations[0]
		var steps []string
		for _, step := range x.Steps {
			text := fmt.Sprint(step.Check, " ", step.Record.Position)
			for i, g := range step.SegmentRecords {
				text += fmt.Sprint(" ", step.Segments[i].Key, " ", g.Position)
			}
			steps = append(steps, text)
		}
		if have := x.Reason.String() + " " + strings.Join(steps, ", "); have != want {
			t.Errorf("at %d: %s, want %s", position, have, want)
		}
	}
	question.Moment.Position = 15
	named := s.explained(t, question).Explanations[0].Steps[3].SegmentRecords[0]
	if named.Type != "segment.members_changed" || named.Actor != "ada" || named.Reason != "hired" || named.At.IsZero() {
		t.Errorf("record %+v", named)
	}
}

// Of many experiments the record that last wrote the settings is named.
func TestExplainOfMany(t *testing.T) {
	s := newStack(t)
	batch := make([]commands.BatchCommand, exactly+1)
	for i := range batch {
		batch[i] = commands.BatchCommand{Op: "create", Body: fmt.Appendf(nil, `{"name":"x","key":"e%03d"}`, i)}
	}
	if _, err := s.commands.Batch(t.Context(), commands.Call{}, batch); err != nil {
		t.Fatal(err)
	}
	s.set(t, "e000", domain.Active)           // 102
	s.patch(t, "e000", `{"description":"d"}`) // 103
	got := s.explained(t, Question{Unit: "u"}).Explanations
	if len(got) != exactly+1 || got[0].Reason != evaluator.Split {
		t.Fatalf("%d explanations, the first is %+v", len(got), got[0])
	}
	for i, step := range got[0].Steps {
		want := int64(103)
		if step.Check == "status" {
			want = 102
		}
		if step.Record.Position != want || step.Record.Type == "" {
			t.Errorf("step %d: %s names %+v, want %d", i, step.Check, step.Record, want)
		}
	}
	if step := got[1].Steps[0]; step.Record.Position != 2 {
		t.Errorf("%+v", step)
	}
}

func TestExplainMoments(t *testing.T) {
	s := newStack(t)
	if got := s.explained(t, Question{Unit: "u"}); got.Position != 0 || len(got.Explanations) != 0 {
		t.Errorf("of an empty ledger: %+v", got)
	}
	first := s.create(t, `{"name":"a","key":"a"}`)
	s.set(t, "a", domain.Active)
	s.delete(t, "a") // 3 and 4
	again := s.create(t, `{"name":"a","key":"a"}`)
	head, err := s.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.store.ReadAll(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	const missing = "not found"
	for name, tt := range map[string]struct {
		ref    string
		moment Moment
		want   uuid.UUID
		fault  string
	}{
		"now":                   {"a", Moment{}, again.ID, ""},
		"the first of two":      {"a", Moment{Position: 2}, first.ID, ""},
		"by id":                 {first.ID.String(), Moment{Position: 2}, first.ID, ""},
		"by time":               {"a", Moment{At: records[1].RecordedAt}, first.ID, ""},
		"deleted":               {"a", Moment{Position: 4}, uuid.Nil, missing},
		"deleted, by id, now":   {first.ID.String(), Moment{}, uuid.Nil, missing},
		"not yet created":       {again.ID.String(), Moment{Position: 4}, uuid.Nil, missing},
		"before all":            {"a", Moment{At: records[0].RecordedAt.Add(-time.Hour)}, uuid.Nil, missing},
		"unknown":               {"b", Moment{}, uuid.Nil, missing},
		"impossible":            {"b\x00", Moment{}, uuid.Nil, missing},
		"beyond the head":       {"a", Moment{Position: 6}, uuid.Nil, "position"},
		"in the future":         {"a", Moment{At: head.Now.Add(time.Hour)}, uuid.Nil, "at"},
		"a negative position":   {"a", Moment{Position: -1}, uuid.Nil, "position"},
		"a position and a time": {"a", Moment{Position: 1, At: head.Now}, uuid.Nil, "at"},
		"a version":             {"a", Moment{Version: 1}, uuid.Nil, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Explain(t.Context(), Question{Unit: "u", Experiment: tt.ref, Moment: tt.moment})
			var invalid *domain.InvalidError
			switch {
			case tt.fault == "" && (err != nil || len(got.Explanations) != 1 || got.Explanations[0].Experiment.ID != tt.want.String()):
				t.Errorf("%+v, %v", got, err)
			case tt.fault == missing && !errors.Is(err, domain.ErrNotFound):
				t.Errorf("%+v, %v, want not found", got, err)
			case tt.fault != "" && tt.fault != missing && (!errors.As(err, &invalid) || invalid.Field != tt.fault):
				t.Errorf("%+v, %v, want a fault of %s", got, err, tt.fault)
			}
		})
	}
}
