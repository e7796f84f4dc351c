package queries

import (
	"errors"
	"slices"
	"testing"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
)

// told reads what the ledger tells of a phase of an experiment.
func (s *stack) told(t testing.TB, id string, phase int) (*story, error) {
	t.Helper()
	records, err := s.store.ReadStream(t.Context(), domain.Stream("experiment/"+id), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return tell(records, phase)
}

// Given an experiment that was edited before and after it was switched on, when
// its story is told, then the rule is that of the record that switched it on.
func TestTheRuleIsFixedByTheFirstActivation(t *testing.T) {
	s := newStack(t)
	for _, body := range []string{`{"name":"buys","event":"buy"}`, `{"name":"visits","event":"visit"}`} {
		if _, err := s.commands.CreateResource(t.Context(), commands.Call{}, domain.KindMetric, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	id := s.create(t, `{"name":"x","analysis":{"alpha":0.1}}`).ID.String()
	if told, err := s.told(t, id, 1); err != nil || told.fixed != nil || told.rule.Analysis.Alpha != 0.1 {
		t.Errorf("before it was on: %+v, %v", told, err)
	}
	s.patch(t, "x", `{"analysis":{"alpha":0.01},"metrics":[{"metric":"buys","role":"primary"}]}`)
	s.set(t, "x", domain.Active)
	s.set(t, "x", domain.Inactive)
	s.patch(t, "x", `{"owner":"o","analysis":{"alpha":0.05,"mde":0.1},"metrics":[{"metric":"visits","role":"primary"}]}`)
	s.set(t, "x", domain.Active)
	s.patch(t, "x", `{"variations":[{"key":"control","weight":1},{"key":"treatment","weight":3}],"phase":"same"}`)
	s.patch(t, "x", `{"variations":[{"key":"control","weight":1},{"key":"treatment","weight":9}],"phase":"new"}`)
	s.set(t, "x", domain.Inactive)

	first, err := s.told(t, id, 1)
	if err != nil {
		t.Fatal(err)
	}
	if first.fixed == nil || first.fixed.Version != 3 || first.rule.Analysis.Alpha != 0.01 || first.rule.Metrics[0].Metric != "buys" {
		t.Errorf("fixed at %+v: %+v", first.fixed, first.rule)
	}
	if first.last.Version != 7 || first.last.Analysis.Alpha != 0.05 {
		t.Errorf("left at %+v", first.last.Header)
	}
	if got, err := first.changed(); err != nil || !slices.Equal(got, []string{"/metrics/0/metric", "/analysis/alpha", "/analysis/mde"}) {
		t.Errorf("changed %q, %v", got, err)
	}
	for epoch, want := range [][]float64{{500_000, 500_000, 0}, {250_000, 750_000, 0}, {0, 0, 0}} {
		if got := first.weights(epoch, []string{"control", "treatment", "other"}); !slices.Equal(got, want) {
			t.Errorf("epoch %d has %v, want %v", epoch, got, want)
		}
	}
	second, err := s.told(t, id, 0)
	if err != nil || second.fixed.Version != 8 || second.last.Version != 9 || len(second.epochs) != 1 {
		t.Errorf("second phase: %+v, %v", second, err)
	}
	if got, err := second.changed(); err != nil || len(got) != 0 {
		t.Errorf("changed %q, %v", got, err)
	}
	if _, err := s.told(t, id, 3); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a phase that was not: %v", err)
	}
	s.delete(t, "x")
	if _, err := s.told(t, id, 1); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}
