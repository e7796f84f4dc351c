package queries

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

// recount makes the report of a day out of all records, the plainest way.
func recount(records []eventstore.Record, date domain.Date) domain.DailyReport {
	r := domain.DailyReport{Date: date, FromPosition: 1, Experiments: []domain.DailyChange{}}
	var hash domain.Hash
	active, exists := map[uuid.UUID]bool{}, map[uuid.UUID]domain.Experiment{}
	changes := map[uuid.UUID]domain.DailyChange{}
	for _, record := range records {
		day := domain.DateOf(record.RecordedAt)
		if day > date {
			if closed, ok := record.Event.(domain.DayClosed); ok && closed.Report.Date == date {
				r.Final = true
			}
			continue
		}
		if day < date {
			r.FromPosition = record.Position + 1
		}
		r.ToPosition, hash = record.Position, record.Hash
		_, id, _ := record.Stream.Entity()
		switch e := record.Event.(type) {
		case domain.Created[domain.Experiment]:
			exists[id], active[id] = e.After, false
		case domain.Deleted[domain.Experiment]:
			delete(active, id)
		case domain.StatusChanged:
			active[id] = e.New == domain.Active
			if day == date {
				changes[id] = domain.DailyChange{ExperimentID: id, Key: exists[id].Key, Name: exists[id].Name, Changes: changes[id].Changes + 1}
				r.TotalChanges++
			}
		}
	}
	for _, on := range active {
		if on {
			r.Active++
		} else {
			r.Inactive++
		}
	}
	for _, c := range changes {
		r.Experiments = append(r.Experiments, c)
	}
	slices.SortFunc(r.Experiments, func(a, b domain.DailyChange) int {
		return cmp.Compare(a.ExperimentID.String(), b.ExperimentID.String())
	})
	r.ChangedExperiments = len(changes)
	r.Checkpoint = domain.Checkpoint(r.ToPosition, hash)
	return r
}

// Days with and without records, deletions and switching to and fro, before
// they are closed and after: each report is what a count of the records gives.
func TestDailyReports(t *testing.T) {
	s := newStack(t)
	first := domain.DateOf(time.Now())
	const day = 24 * time.Hour
	for i := range 4 {
		s.create(t, fmt.Sprintf(`{"name":"e%d"}`, i))
	}
	s.set(t, "e0", domain.Active)
	s.set(t, "e1", domain.Active)
	s.set(t, "e1", domain.Inactive)
	s.ledger.SetClock(t, day)
	s.delete(t, "e0")
	s.ledger.SetClock(t, 4*day) // two days without records
	s.set(t, "e2", domain.Active)
	s.create(t, `{"name":"again","key":"e0"}`)
	s.patch(t, "e3", `{"description":"no change of status"}`)

	s.compareDays(t, first, first+4)
	ledgertest.Run(t, projections.NewCloser(s.store, nil).Run)
	within(t, func() error {
		r, err := s.DailyReport(t.Context(), first+3)
		if err == nil && !r.Final {
			err = errors.New("it is not closed")
		}
		return err
	})
	s.compareDays(t, first, first+4)
	s.set(t, "e3", domain.Active)
	s.compareDays(t, first, first+4)
	s.ledger.SetClock(t, 0) // a clock that goes back makes no other day of it
	s.set(t, "e3", domain.Inactive)
	s.compareDays(t, first, first+4)
}

func (s *stack) compareDays(t testing.TB, first, today domain.Date) {
	t.Helper()
	records, err := s.store.ReadAll(t.Context(), 0, MaxLimit)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.DailyReports(t.Context(), first-2, today+2)
	if err != nil || len(all) != int(today-first)+1 {
		t.Fatalf("%d reports, %v", len(all), err)
	}
	short, err := s.DailySummaries(t.Context(), first-2, today+2)
	if err != nil || len(short) != len(all) {
		t.Fatalf("%d summaries of %d reports, %v", len(short), len(all), err)
	}
	for i, r := range all {
		want := DailySummary{
			Date: r.Date, Final: r.Final, Active: r.Active, Inactive: r.Inactive, ChangedExperiments: r.ChangedExperiments,
			TotalChanges: r.TotalChanges, FromPosition: r.FromPosition, ToPosition: r.ToPosition, Checkpoint: r.Checkpoint,
		}
		if short[i] != want {
			t.Errorf("in short %+v, want %+v", short[i], want)
		}
	}
	for date := first; date <= today; date++ {
		want := fmt.Sprintf("%+v", recount(records, date))
		one, err := s.DailyReport(t.Context(), date)
		if got := fmt.Sprintf("%+v", one); err != nil || got != want {
			t.Errorf("%s: %s, %v\nwant %s", date, got, err, want)
		}
		if got := fmt.Sprintf("%+v", all[date-first]); got != want {
			t.Errorf("%s in a list: %s\nwant %s", date, got, want)
		}
	}
	for _, date := range []domain.Date{first - 1, today + 1, first - 100_000} {
		var invalid *domain.InvalidError
		if r, err := s.DailyReport(t.Context(), date); !errors.As(err, &invalid) || invalid.Field != "date" {
			t.Errorf("%s: %+v, %v", date, r, err)
		}
	}
}

func TestDaysOfAnEmptyLedger(t *testing.T) {
	s := newStack(t)
	today := domain.DateOf(time.Now())
	s.compareDays(t, today, today)
	for _, tt := range []struct{ from, to domain.Date }{{today, today - 1}, {today - 400, today}} {
		var invalid *domain.InvalidError
		if _, err := s.DailyReports(t.Context(), tt.from, tt.to); !errors.As(err, &invalid) {
			t.Errorf("from %s to %s: %v", tt.from, tt.to, err)
		}
		if _, err := s.DailySummaries(t.Context(), tt.from, tt.to); !errors.As(err, &invalid) {
			t.Errorf("summaries from %s to %s: %v", tt.from, tt.to, err)
		}
	}
}
