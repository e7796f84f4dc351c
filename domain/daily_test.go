package domain

import (
	"encoding/json"
	"testing"
	"time"
)

func report(t *testing.T, ch Change) string {
	t.Helper()
	b, err := json.Marshal(ch.Event.(DayClosed).Report)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDaysAreClosedByPosition(t *testing.T) {
	l := newLedger() // 2026-03-01 12:00
	l.create(t, `{"name":"a"}`)
	l.create(t, `{"name":"b"}`)
	for range 2 {
		l.set(t, "a", Active)
		l.set(t, "a", Inactive)
	}
	l.set(t, "b", Active)
	must(t, l)(l.EditExperiment(l.get(t, "b"), []byte(`{"name":"b, renamed"}`)))
	last := l.Position()
	if due := l.CloseDays(l.now); len(due) != 0 {
		t.Fatalf("today must stay open, got %v", due)
	}
	// After midnight, before the closing.
	l.now = time.Date(2026, 3, 2, 0, 0, 0, 1000, time.UTC)
	must(t, l)(l.EditExperiment(l.get(t, "b"), []byte(`{"name":"b, again"}`)))
	l.set(t, "b", Inactive)
	must(t, l)(l.DeleteExperiment(l.get(t, "a")))
	l.now = time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	closed := must(t, l)(l.CloseDays(l.now), nil)
	if len(closed) != 3 {
		t.Fatalf("closed %d days, want 3", len(closed))
	}
	first := closed[0].Event.(DayClosed).Report
	if first.Active != 1 || first.Inactive != 1 || first.TotalChanges != 5 || first.ChangedExperiments != 2 ||
		first.FromPosition != 1 || first.ToPosition != last || !first.Final {
		t.Errorf("first day: %s", report(t, closed[0]))
	}
	for _, ch := range first.Experiments {
		if ch.Key == "b" && (ch.Name != "b, renamed" || ch.Changes != 1) || ch.Key == "a" && ch.Changes != 4 {
			t.Errorf("first day: %s", report(t, closed[0]))
		}
	}
	second, third := closed[1].Event.(DayClosed).Report, closed[2].Event.(DayClosed).Report
	if second.Active != 0 || second.Inactive != 1 || second.TotalChanges != 1 || second.FromPosition != last+1 {
		t.Errorf("second day: %s", report(t, closed[1]))
	}
	if third.Inactive != 1 || third.TotalChanges != 0 || third.FromPosition != third.ToPosition+1 ||
		third.Checkpoint != second.Checkpoint {
		t.Errorf("third day: %s", report(t, closed[2]))
	}
	if due := l.CloseDays(l.now); len(due) != 0 {
		t.Errorf("days would be closed twice: %v", due)
	}
}

func TestDatesOfTimes(t *testing.T) {
	for _, s := range []string{"1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-02-28T23:59:59.999999Z", "2024-02-29T00:00:00Z"} {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		if got := DateOf(at).String(); got != s[:10] {
			t.Errorf("DateOf(%s) = %s", s, got)
		}
	}
}
