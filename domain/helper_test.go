package domain

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// ledger is a catalog with the stamps that a ledger would give.
type ledger struct {
	*Catalog
	now time.Time
}

func newLedger() *ledger {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &ledger{NewCatalog(began), began}
}

func (l *ledger) append(changes ...Change) {
	for _, ch := range changes {
		l.Apply(Stamp{
			Position: l.Position() + 1, Version: l.Version(ch.Stream) + 1, At: l.now,
			Hash: Hash{byte(l.Position() + 1)},
		}, ch.Stream, ch.Event)
	}
}

// must appends what a decision returned.
func must(t testing.TB, l *ledger) func([]Change, error) []Change {
	return func(changes []Change, err error) []Change {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		l.append(changes...)
		return changes
	}
}

// refused checks that a decision was refused with a fault of that field.
func refused(t testing.TB, field string) func([]Change, error) {
	return func(_ []Change, err error) {
		t.Helper()
		var invalid *InvalidError
		if !errors.As(err, &invalid) || !strings.HasPrefix(invalid.Field, field) {
			t.Errorf("got %v, want a fault of %s", err, field)
		}
	}
}

func conflicts(t testing.TB) func([]Change, error) {
	return func(_ []Change, err error) {
		t.Helper()
		var conflict *ConflictError
		if !errors.As(err, &conflict) {
			t.Errorf("got %v, want a conflict", err)
		}
	}
}

func (l *ledger) create(t testing.TB, body string) *Experiment {
	t.Helper()
	draft, err := ParseExperimentDraft([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if draft.ID == uuid.Nil {
		draft.ID = uuid.Must(uuid.NewV7())
	}
	must(t, l)(l.CreateExperiment(draft))
	return l.get(t, draft.ID.String())
}

func (l *ledger) get(t rapid.TB, ref string) *Experiment {
	t.Helper()
	e, err := l.Experiments.Find(ref)
	if err != nil {
		t.Fatalf("%s: %v", ref, err)
	}
	return e
}

func (l *ledger) draft(t testing.TB, body string) ([]Change, error) {
	t.Helper()
	draft, err := ParseExperimentDraft([]byte(body))
	if err != nil {
		return nil, err
	}
	if draft.ID == uuid.Nil {
		draft.ID = uuid.Must(uuid.NewV7())
	}
	return l.CreateExperiment(draft)
}

func (l *ledger) set(t testing.TB, ref string, s Status) {
	t.Helper()
	must(t, l)(l.SetStatus(l.get(t, ref), s))
}

func newUUID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
