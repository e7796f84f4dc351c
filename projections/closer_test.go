package projections_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

// recount makes the reports of all closed days from nothing but the records, in
// the plainest way.
func recount(t testing.TB, l ledgertest.Ledger, records []eventstore.Record) map[string]string {
	t.Helper()
	type experiment struct {
		key, name string
		on, out   bool
	}
	all := map[uuid.UUID]*experiment{}
	at := func(id uuid.UUID) *experiment {
		if all[id] == nil {
			all[id] = &experiment{}
		}
		return all[id]
	}
	reports := map[string]string{}
	date := domain.DateOf(value[time.Time](t, l.Superuser(t), "select began_at from event_head"))
	last := domain.DateOf(records[len(records)-1].RecordedAt)
	for i := 0; date < last; date++ {
		r := domain.DailyReport{Date: date, Final: true, FromPosition: int64(i) + 1, Experiments: []domain.DailyChange{}}
		changes := map[uuid.UUID]int{}
		for ; i < len(records) && domain.DateOf(records[i].RecordedAt) == date; i++ {
			_, id, _ := records[i].Stream.Entity()
			switch e := records[i].Event.(type) {
			case domain.Created[domain.Experiment]:
				at(id).key, at(id).name = e.After.Key, e.After.Name
			case domain.Changed[domain.Experiment]:
				at(id).name = e.After.Name
			case domain.StatusChanged:
				at(id).on = e.New == domain.Active
				changes[id]++
			case domain.Deleted[domain.Experiment]:
				at(id).out = true
			}
		}
		for _, e := range all {
			switch {
			case e.out:
			case e.on:
				r.Active++
			default:
				r.Inactive++
			}
		}
		for _, id := range slices.SortedFunc(maps.Keys(changes), func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) }) {
			r.TotalChanges += changes[id]
			r.Experiments = append(r.Experiments, domain.DailyChange{ExperimentID: id, Key: at(id).key, Name: at(id).name, Changes: changes[id]})
		}
		r.ChangedExperiments = len(changes)
		r.ToPosition = int64(i)
		var hash domain.Hash
		if i > 0 {
			hash = records[i-1].Hash
		}
		r.Checkpoint = domain.Checkpoint(r.ToPosition, hash)
		text, err := domain.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		reports[date.String()] = string(text)
	}
	return reports
}

// finals are the final reports.
func finals(t testing.TB, l ledgertest.Ledger) map[string]string {
	t.Helper()
	rows, err := l.Superuser(t).Query(t.Context(), "select date::text, report::text from daily_reports")
	if err != nil {
		t.Fatal(err)
	}
	reports := map[string]string{}
	var date, report string
	if _, err := pgx.ForEachRow(rows, []any{&date, &report}, func() error {
		reports[date] = report
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return reports
}

// exact fails the test unless every day that is over was closed once, in order,
// and its report is what the records say.
func exact(t testing.TB, l ledgertest.Ledger, s *eventstore.Store, days int) map[string]string {
	t.Helper()
	agrees(t, l)
	records, err := s.ReadAll(t.Context(), 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	want, have := recount(t, l, records), finals(t, l)
	if len(want) != days {
		t.Errorf("%d days are over, want %d", len(want), days)
	}
	for _, date := range slices.Sorted(maps.Keys(want)) {
		if have[date] != want[date] {
			t.Errorf("report of %s:\nhave %s\nwant %s", date, have[date], want[date])
		}
	}
	var closed []string
	for _, r := range records {
		if e, ok := r.Event.(domain.DayClosed); ok {
			closed = append(closed, e.Report.Date.String())
		}
	}
	if order := slices.Sorted(maps.Keys(want)); !slices.Equal(closed, order) || len(have) != len(want) {
		t.Errorf("closed %v, want %v", closed, order)
	}
	return have
}

// closedDays waits until so many days are closed.
func closedDays(t testing.TB, l ledgertest.Ledger, n int) {
	t.Helper()
	conn := l.Superuser(t)
	eventually(t, 15*time.Second, func() error {
		var have int
		err := conn.QueryRow(t.Context(), "select count(*) from daily_reports").Scan(&have)
		if err == nil && have < n {
			err = fmt.Errorf("%d of %d days are closed", have, n)
		}
		return err
	})
}

// Two replicas race for every midnight, commands go on, and sessions are ended
// in the middle of whatever they do.
func TestEachDayIsClosedOnce(t *testing.T) {
	l := ledgertest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 2 {
		w := newWriter(t, l)
		ledgertest.Run(t, projections.NewCloser(w.store, nil).Run)
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("w%d-%d", i, n%5)
				_, err := w.CreateExperiment(t.Context(), caller, fmt.Appendf(nil, `{"key":%q,"name":"N"}`, key))
				_, err2 := w.SetStatus(t.Context(), caller, key, []string{"active", "inactive"}[n/5%2])
				var conflict *domain.ConflictError
				for _, err := range []error{err, err2} {
					if err != nil && !errors.Is(err, domain.ErrUnavailable) && !errors.Is(err, domain.ErrNotFound) && !errors.As(err, &conflict) {
						t.Error(err)
					}
				}
			}
		})
	}
	admin := l.Superuser(t)
	ended := int64(0)
	wg.Go(func() {
		for last := int64(-1); ctx.Err() == nil; time.Sleep(15 * time.Millisecond) {
			// One for each record, at most: at a pace by the clock nobody would get
			// anything done on a slow machine.
			head := value[int64](t, admin, "select position from event_head")
			if head == last {
				continue
			}
			if n := exec(t, admin, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
				and usename <> current_user and (state like 'idle in transaction%' or wait_event_type = 'Lock') order by random() limit 1`); n > 0 {
				last, ended = head, ended+n
			}
		}
	})
	for days := 1; days <= 3; days++ {
		l.SetClock(t, time.Duration(days)*day)
		closedDays(t, l, days)
	}
	cancel()
	wg.Wait()
	if ended == 0 {
		t.Error("no session was ended")
	}
	exact(t, l, newWriter(t, l).store, 3)
}

func TestAReplicaThatDiesWhileItCloses(t *testing.T) {
	l := ledgertest.New(t)
	a, b := newWriter(t, l), newWriter(t, l)
	for i, w := range []*writer{a, b} {
		w.done(w.CreateExperiment(t.Context(), caller, fmt.Appendf(nil, `{"key":"e%d","name":"E"}`, i)))
	}
	a.done(a.SetStatus(t.Context(), caller, "e0", "active"))
	l.SetClock(t, 2*day)
	admin := l.Superuser(t)
	_, err := a.store.Execute(t.Context(), eventstore.Command{Decide: func(tx *eventstore.Tx) (any, error) {
		n := exec(t, admin, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'")
		if n != 1 {
			t.Errorf("ended %d sessions", n)
		}
		return nil, tx.Append(tx.Catalog.CloseDays(tx.Now)...)
	}})
	if !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("the closing got %v", err)
	}
	if n := len(finals(t, l)); n != 0 {
		t.Errorf("%d days were closed by the dead", n)
	}
	closeDays(t, b.store)
	closeDays(t, a.store)
	exact(t, l, a.store, 2)
}

// Nothing ran for days: they are closed in order, as they were, and stay so.
func TestDaysWhenNothingRan(t *testing.T) {
	l := ledgertest.New(t)
	w := newWriter(t, l)
	for _, key := range []string{"a", "b", "c"} {
		w.done(w.CreateExperiment(t.Context(), caller, fmt.Appendf(nil, `{"key":%q,"name":"N"}`, key)))
		w.done(w.SetStatus(t.Context(), caller, key, "active"))
	}
	w.done(w.DeleteExperiment(t.Context(), caller, "c"))
	l.SetClock(t, 3*day)
	w.done(w.SetStatus(t.Context(), caller, "a", "inactive")) // before anybody closes
	ledgertest.Run(t, projections.NewCloser(w.store, nil).Run)
	closedDays(t, l, 3)
	before := exact(t, l, w.store, 3)
	date := func(days int) string { return time.Now().UTC().Add(time.Duration(days) * day).Format(time.DateOnly) }
	for days, want := range []string{
		`"active":2,"inactive":0,"changed_experiments":3,"total_changes":4,`,
		`"active":2,"inactive":0,"changed_experiments":0,"total_changes":0,"experiments":[],"from_position":9,"to_position":8,`,
		`"active":2,"inactive":0,"changed_experiments":0,"total_changes":0,"experiments":[],"from_position":9,"to_position":8,`,
	} {
		if !strings.Contains(before[date(days)], want) {
			t.Errorf("day %d: %s, want %s", days, before[date(days)], want)
		}
	}

	w.done(w.PatchExperiment(t.Context(), caller, "a", []byte(`{"name":"Renamed"}`)))
	w.done(w.DeleteExperiment(t.Context(), caller, "b"))
	l.SetClock(t, 4*day)
	closedDays(t, l, 4)
	after := exact(t, l, w.store, 4)
	for date, report := range before {
		if after[date] != report {
			t.Errorf("the final report of %s became %s", date, after[date])
		}
	}
	if w.err != nil {
		t.Error(w.err)
	}
}

// atMidnight sets the ledger's clock to so long before its next midnight.
func atMidnight(t testing.TB, l ledgertest.Ledger, before time.Duration) {
	t.Helper()
	now := time.Now().UTC()
	l.SetClock(t, now.Truncate(day).Add(day).Add(-before).Sub(now))
}

// A command that has its time before midnight and commits after it belongs to
// the day before; one that waits for the lock over midnight to its own.
func TestACommitOverMidnight(t *testing.T) {
	l := ledgertest.New(t)
	a, b := newWriter(t, l), newWriter(t, l)
	a.done(a.CreateExperiment(t.Context(), caller, []byte(`{"key":"slow","name":"N"}`)))
	a.done(a.CreateExperiment(t.Context(), caller, []byte(`{"key":"waits","name":"N"}`)))
	atMidnight(t, l, 600*time.Millisecond)
	midnight := time.Now().Add(600 * time.Millisecond)

	var wg sync.WaitGroup
	decided := make(chan time.Time, 1)
	wg.Go(func() {
		// With an idempotency key it decides under the lock, not ahead of it.
		_, err := a.store.Execute(t.Context(), eventstore.Command{
			Meta: eventstore.Meta{IdempotencyKey: "slow"},
			Decide: func(tx *eventstore.Tx) (any, error) {
				decided <- tx.Now
				time.Sleep(time.Until(midnight) + 100*time.Millisecond)
				e, _ := tx.Catalog.Experiments.ByKey("slow")
				changes, err := tx.Catalog.SetStatus(e, domain.Active)
				return nil, errors.Join(err, tx.Append(changes...))
			},
		})
		if err != nil {
			t.Error(err)
		}
	})
	before := <-decided
	wg.Go(func() { b.done(b.SetStatus(t.Context(), caller, "waits", "active")) })
	wg.Wait()
	closeDays(t, b.store)
	closeDays(t, a.store)
	reports := exact(t, l, a.store, 1)
	report := reports[before.Format(time.DateOnly)]
	if !strings.Contains(report, `"active":1,"inactive":1,"changed_experiments":1,"total_changes":1,`) || !strings.Contains(report, `"key":"slow"`) {
		t.Errorf("the day before has %s", report)
	}
	if a.err != nil || b.err != nil {
		t.Error(a.err, b.err)
	}
}

// A closed day stays closed when the clock falls back into it.
func TestTheClockStepsBackOverMidnight(t *testing.T) {
	l := ledgertest.New(t)
	w := newWriter(t, l)
	w.done(w.CreateExperiment(t.Context(), caller, []byte(`{"key":"e","name":"N"}`)))
	l.SetClock(t, day)
	closeDays(t, w.store)
	before := exact(t, l, w.store, 1)
	for i, offset := range []time.Duration{0, -day, -30 * day, day + time.Second} {
		l.SetClock(t, offset)
		w.done(w.SetStatus(t.Context(), caller, "e", []string{"active", "inactive"}[i%2]))
		closeDays(t, w.store)
		other := newWriter(t, l) // and of one that has just started
		closeDays(t, other.store)
		if after := exact(t, l, other.store, 1); !maps.Equal(before, after) {
			t.Errorf("the report became %v", after)
		}
	}
	if w.err != nil {
		t.Error(w.err)
	}
}

// A replica that was idle while another closed days knows what it knows.
func TestAStoreThatCatchesUpOverAClosing(t *testing.T) {
	l := ledgertest.New(t)
	idle, busy := newWriter(t, l), newWriter(t, l)
	idle.done(idle.CreateExperiment(t.Context(), caller, []byte(`{"key":"e","name":"N"}`)))
	for days := 1; days <= 3; days++ {
		busy.done(busy.SetStatus(t.Context(), caller, "e", []string{"inactive", "active"}[days%2]))
		l.SetClock(t, time.Duration(days)*day)
		closeDays(t, busy.store)
	}
	idle.done(idle.SetStatus(t.Context(), caller, "e", "inactive"))
	idle.done(idle.PatchExperiment(t.Context(), caller, "e", []byte(`{"name":"Renamed"}`)))
	closeDays(t, idle.store)
	agrees(t, l)
	l.SetClock(t, 5*day)
	closeDays(t, idle.store)
	exact(t, l, busy.store, 5)
	if idle.err != nil || busy.err != nil {
		t.Error(idle.err, busy.err)
	}
}

// A day whose closing was lost by a restore is closed again, however long the
// ledger has grown since.
func TestALostClosingIsDoneAgain(t *testing.T) {
	l := ledgertest.New(t)
	w := newWriter(t, l)
	w.done(w.CreateExperiment(t.Context(), caller, []byte(`{"key":"e","name":"N"}`)))
	restore := l.Backup(t)
	l.SetClock(t, day)
	ledgertest.Run(t, projections.NewCloser(w.store, nil).Run)
	closedDays(t, l, 1)

	restore()
	var anew []commands.BatchCommand
	for i := range 10 {
		anew = append(anew, commands.BatchCommand{Op: "create", Body: fmt.Appendf(nil, `{"key":"n%d","name":"N"}`, i)})
	}
	if _, err := newWriter(t, l).Batch(t.Context(), caller, anew); err != nil {
		t.Fatal(err)
	}
	closedDays(t, l, 1)
	exact(t, l, w.store, 1)
}
