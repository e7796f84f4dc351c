package evaluator_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// asked are calls like those of our vectors, by configuration.
func asked(t *testing.T) (snapshots []*evaluator.Snapshot, calls [][]call) {
	t.Helper()
	v := makeVectors(t, 16, 2_500)
	snapshots = compileAll(t, v.Configurations)
	calls = make([][]call, len(snapshots))
	for _, c := range v.Calls {
		calls[c.Configuration] = append(calls[c.Configuration], c)
	}
	return snapshots, calls
}

// TestWaysAgree asks in every way that there is, with one unit for all.
func TestWaysAgree(t *testing.T) {
	snapshots, calls := asked(t)
	var u evaluator.Unit
	var results []evaluator.Result
	for i, s := range snapshots {
		for _, c := range calls[i] {
			who := c.subject()
			s.Prepare(&u, who.id, who.attributes)
			results = s.EvaluateAll(&u, results)
			if len(results) != s.Len() {
				t.Fatalf("%d results of %d experiments", len(results), s.Len())
			}
			for j, e := range s.Experiments() {
				if got := s.Evaluate(e, &u); got != results[j] || got.Experiment != e || e.Index() != j {
					t.Fatalf("%s %v: %v alone, %v of all", e.Key(), who, got, results[j])
				}
				raw, _ := s.EvaluateRaw(e.Key(), who.id, who.attributes)
				if raw != results[j] {
					t.Fatalf("%s %v: %v raw, %v of all", e.Key(), who, raw, results[j])
				}
			}
		}
	}
}

// TestExplanationAgrees reads the answer off the last step.
func TestExplanationAgrees(t *testing.T) {
	snapshots, calls := asked(t)
	var u evaluator.Unit
	for i, s := range snapshots {
		for _, c := range calls[i] {
			e, ok := s.Experiment(c.Experiment)
			if !ok {
				continue
			}
			who := c.subject()
			s.Prepare(&u, who.id, who.attributes)
			x := s.Explain(e, &u)
			if x.Variation != c.Variation || x.Reason.String() != c.Reason {
				t.Fatalf("%s %v: %s %s, want %s %s", e.Key(), who, x.Variation, x.Reason, c.Variation, c.Reason)
			}
			checkSteps(t, x)
		}
	}
}

// checkSteps holds steps to their order, and each to what it says itself.
func checkSteps(t *testing.T, x evaluator.Explanation) {
	t.Helper()
	checks := []string{"status", "unit", "override", "holdout", "audience", "prerequisite", "layer", "traffic", "split"}
	at := 0
	for i, step := range x.Steps {
		place := slices.Index(checks, step.Check)
		last := i == len(x.Steps)-1
		if place < at || step.Decided != last || step.By.ID == "" || step.By.Position == 0 && step.By.Kind == "experiment" {
			t.Fatalf("step %d is wrong: %s", i, encode(t, x))
		}
		at = place
		if last && checks[x.Reason] != step.Check {
			t.Fatalf("%s was decided by %s", x.Reason, step.Check)
		}
		if step.Below != nil && step.Slot != nil {
			below := *step.Slot < *step.Below
			if stop := below == (step.Check == "holdout"); stop != step.Decided {
				t.Fatalf("step %d contradicts itself: %s", i, encode(t, step))
			}
		}
		if step.Slot != nil && step.Ranges != nil {
			inside := slices.ContainsFunc(step.Ranges, func(r domain.Range) bool { return r.From <= *step.Slot && *step.Slot < r.To })
			if inside == (step.Decided && step.Check != "split") {
				t.Fatalf("step %d contradicts itself: %s", i, encode(t, step))
			}
		}
	}
}

func TestExplanationNamesWhatDecided(t *testing.T) {
	l := newLedger(t)
	l.append(l.CreateSegment(l.id(), []byte(`{"key":"staff","name":"staff","ids":["u1"]}`)))
	l.append(l.CreateLayer(l.id(), []byte(`{"key":"line","name":"line","mode":"ordered"}`)))
	l.append(l.CreateLayer(l.id(), []byte(`{"key":"lanes","name":"lanes"}`)))
	l.create("first", `"layer":{"key":"line"},"audience":{"plan":"pro"}`)
	l.create("second", `"layer":{"key":"line"}`)
	l.create("narrow", `"layer":{"key":"lanes","share_ppm":1}`)
	l.create("staff-only", `"audience":{"email":{"$inGroup":"staff"}}`)
	l.create("follows", `"prerequisites":[{"experiment":"narrow","variations":["treatment"]}]`)
	l.create("held", `"tags":["safe"]`)
	l.append(l.CreateHoldout(l.id(), []byte(`{"key":"quiet","name":"quiet","share_ppm":1000000,"tags":["safe"]}`)))
	s := l.snapshot()
	for _, tt := range []struct{ key, reason, kind, by string }{
		{"first", "AUDIENCE", "experiment", "first"},
		{"second", "SPLIT", "experiment", "second"},
		{"narrow", "LAYER", "layer", "lanes"},
		{"staff-only", "AUDIENCE", "experiment", "staff-only"},
		{"follows", "PREREQUISITE", "experiment", "narrow"},
		{"held", "HOLDOUT", "holdout", "quiet"},
	} {
		x := explain(s, tt.key, "u1", nil)
		last := x.Steps[len(x.Steps)-1]
		if x.Reason.String() != tt.reason || string(last.By.Kind) != tt.kind || last.By.Key != tt.by || last.By.Position == 0 {
			t.Errorf("%s: %s", tt.key, encode(t, x))
		}
	}
	pro := explain(s, "second", "u1", map[string]any{"plan": "pro"})
	if last := pro.Steps[len(pro.Steps)-1]; pro.Reason != evaluator.Layer || last.By.Key != "first" {
		t.Errorf("the first of the line takes the unit: %s", encode(t, pro))
	}
	if got := explain(s, "staff-only", "u1", nil).Steps[2].Segments; len(got) != 1 || got[0].Key != "staff" {
		t.Errorf("segments of the audience: %v", got)
	}
	if got := encode(t, explain(s, "held", "\xff", nil)); !json.Valid([]byte(got)) || !strings.Contains(got, "NO_UNIT") {
		t.Errorf("no unit: %s", got)
	}
}

func explain(s *evaluator.Snapshot, key, id string, attributes map[string]any) evaluator.Explanation {
	var u evaluator.Unit
	s.Prepare(&u, id, attributes)
	e, _ := s.Experiment(key)
	return s.Explain(e, &u)
}

// TestAnotherSnapshot mixes up units and experiments of two snapshots: each
// experiment answers as its own snapshot has it.
func TestAnotherSnapshot(t *testing.T) {
	l := newLedger(t)
	l.create("a", `"layer":null`)
	old := l.snapshot()
	l.append(l.CreateLayer(l.id(), []byte(`{"key":"y","name":"y"}`)))
	l.create("b", `"layer":{"key":"y","share_ppm":500000},"unit_type":"user_id"`)
	l.create("c", `"unit_type":"account"`)
	next := l.snapshot()
	attributes := map[string]any{"account": "acme"}
	var u evaluator.Unit
	old.Prepare(&u, "u1", attributes)
	for _, e := range append(slices.Clone(next.Experiments()), old.Experiments()...) {
		want, _ := next.EvaluateRaw(e.Key(), "u1", attributes)
		if got := old.Evaluate(e, &u); got.Variation != want.Variation || got.Reason != want.Reason {
			t.Errorf("%s: %v, want %v", e.Key(), got, want)
		}
	}
	if got := old.Evaluate(old.Experiments()[0], new(evaluator.Unit)); got.Reason != evaluator.NoUnit {
		t.Errorf("a unit never prepared: %v", got)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	snapshots, calls := asked(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, c := range calls[0] {
				if v, reason := ask(snapshots[0], c); v != c.Variation || reason != c.Reason {
					t.Errorf("%s: %s %s, want %s %s", c.Experiment, v, reason, c.Variation, c.Reason)
				}
			}
		})
	}
	wg.Wait()
}

func TestUnitIDs(t *testing.T) {
	l := newLedger(t)
	l.create("e", `"unit_type":"account"`)
	e := l.snapshot().Experiments()[0]
	for _, tt := range []struct {
		account any
		want    string
	}{
		{"acme", "acme"},
		{" acme", " acme"},
		{"", ""},
		{"\xff", ""},
		{nil, ""},
		{true, ""},
		{[]any{"a"}, ""},
		{map[string]any{}, ""},
		{1.0, "1"},
		{math.Copysign(0, -1), "0"},
		{1.5, ""},
		{9007199254740991.0, "9007199254740991"},
		{-9007199254740991.0, "-9007199254740991"},
		{9007199254740992.0, ""},
		{1e300, ""},
		{float32(7), "7"},
		{json.Number("12"), "12"},
		{json.Number("1e3"), "1000"},
		{json.Number("-0"), "0"},
		{json.Number("9007199254740993"), ""},
		{json.Number("1e999"), ""},
		{json.Number("x"), ""},
		{int8(-5), "-5"},
		{int64(1 << 53), ""},
		{uint64(1<<53 - 1), "9007199254740991"},
		{uint64(1 << 63), ""},
	} {
		got, ok := e.UnitID("other", map[string]any{"account": tt.account})
		if want := tt.want != ""; ok != want || ok && got != tt.want {
			t.Errorf("%T %v is unit %q, %t, want %q", tt.account, tt.account, got, ok, tt.want)
		}
		reason := "SPLIT"
		if tt.want == "" {
			reason = "NO_UNIT"
		}
		if _, got := answer(t, l.snapshot(), "e", "other", map[string]any{"account": tt.account}); got != reason {
			t.Errorf("%T %v: %s, want %s", tt.account, tt.account, got, reason)
		}
	}
}

// TestManyRequirements asks what would take for ever without a memory: each of
// a ladder's rungs requires both of the rung before.
func TestManyRequirements(t *testing.T) {
	var raws []json.RawMessage
	rung := func(n int, requires string) {
		for _, side := range "ab" {
			raws = append(raws, []byte(fmt.Sprintf(`{"id":"%[1]d%[2]c","key":"%[1]d%[2]c","status":"active","hash":"xxh3","unit_type":"user_id",
				"salt":"s","traffic_ppm":1000000,"variations":[{"key":"on","value":1}],
				"split":[{"variation":"on","from":0,"to":1000000}],"prerequisites":[%[3]s]}`, n, side, requires)))
		}
	}
	rung(0, "")
	for n := 1; n < 5_000; n++ {
		rung(n, fmt.Sprintf(`{"experiment":"%[1]da","variations":["on"]},{"experiment":"%[1]db","variations":["on"]}`, n-1))
	}
	s := compile(t, evaluator.Document{Experiments: raws})
	if _, reason := answer(t, s, "4999b", "u", nil); reason != "SPLIT" {
		t.Errorf("the last rung: %s", reason)
	}
}
