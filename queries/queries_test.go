package queries

import (
	"testing"

	"github.com/assaylabs/assay/domain"
)

// Restored to an earlier moment, the ledger is served as it is now: what had
// been heard of its other future neither holds up readers nor hides anything.
func TestQueriesAfterARestore(t *testing.T) {
	s := newStack(t)
	s.create(t, `{"name":"one"}`)
	restore := s.ledger.Backup(t)
	for range 5 {
		s.set(t, "one", domain.Active)
		s.set(t, "one", domain.Inactive)
	}
	s.settle(t)
	restore()
	s.settleAt(t, 1)
	serves := func(status domain.Status, position int64) {
		t.Helper()
		if err := s.Wait(t.Context(), position); err != nil {
			t.Fatal(err)
		}
		doc, _, at, err := s.Experiment(t.Context(), "one", Moment{})
		if err != nil || at != position || decode[domain.Experiment](t, doc).Status != status {
			t.Errorf("%s at %d, %v, want it %s at %d", doc, at, err, status, position)
		}
		list, err := s.Experiments(t.Context(), ListOptions{Status: string(status)})
		if err != nil || list.Position != position || len(list.Items) != 1 {
			t.Errorf("%+v, %v, want one %s at %d", list, err, status, position)
		}
	}
	serves(domain.Inactive, 1)
	if list, err := s.Experiments(t.Context(), ListOptions{}); err != nil || list.Source != FromRedis {
		t.Errorf("%+v, %v", list, err)
	}
	if h := s.Health(t.Context()); h.Dependencies["memory"].Lag != 0 || h.Dependencies["redis"].Lag != 0 {
		t.Errorf("health %+v", h)
	}
	s.set(t, "one", domain.Active)
	serves(domain.Active, 2)
	other := stackOn(t, s.ledger, s.redisURL)
	other.set(t, "one", domain.Inactive)
	serves(domain.Inactive, 3)
}
