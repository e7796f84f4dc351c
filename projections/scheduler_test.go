package projections_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

// scheduled is the change of an experiment's schedule, as a patch; zero is none.
func scheduled(start, stop time.Time) []byte {
	value := func(at time.Time) string {
		if at.IsZero() {
			return "null"
		}
		return `"` + at.UTC().Format(time.RFC3339Nano) + `"`
	}
	return fmt.Appendf(nil, `{"schedule":{"start_at":%s,"stop_at":%s}}`, value(start), value(stop))
}

func (r *replica) patch(t testing.TB, ref string, patch []byte) {
	t.Helper()
	if _, err := r.PatchExperiment(t.Context(), commands.Call{}, ref, patch); err != nil {
		t.Fatal(err)
	}
}

// now is the ledger's time.
func (r *replica) now(t testing.TB) time.Time {
	t.Helper()
	head, err := r.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head.Now
}

// schedule runs the replica's scheduler.
func (r *replica) schedule(t testing.TB) {
	t.Helper()
	ledgertest.Run(t, projections.NewScheduler(r.store, r.follower, nil).Run)
}

// byScheduler are the records that schedulers left, by experiment. It fails the
// test when one of them is not what the ledger before it calls for.
func byScheduler(t testing.TB, s *eventstore.Store) map[uuid.UUID][]domain.Status {
	t.Helper()
	records, err := s.ReadAll(t.Context(), 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	c := domain.NewCatalog(records[0].RecordedAt)
	done := map[uuid.UUID][]domain.Status{}
	for i := range records {
		r := &records[i]
		if _, id, _ := r.Stream.Entity(); r.Actor == domain.Scheduler {
			e, _ := c.Experiments.ByID(id)
			to, since, ok := e.Due(r.RecordedAt)
			if !ok || r.Event != (domain.StatusChanged{Old: e.Status, New: to}) || !strings.HasSuffix(r.Reason, "_at "+since.Format(time.RFC3339Nano)) {
				t.Errorf("record %d is %+v because of %q, due is %q since %v", r.Position, r.Event, r.Reason, to, since)
			}
			done[id] = append(done[id], to)
		}
		c.Apply(r.Stamp(), r.Stream, r.Event)
	}
	return done
}

// carriedOut waits until the schedulers have left so many records.
func carriedOut(t testing.TB, s *eventstore.Store, n int) {
	t.Helper()
	eventually(t, healTime, func() error {
		have := 0
		for _, done := range byScheduler(t, s) {
			have += len(done)
		}
		if have < n {
			return fmt.Errorf("%d of %d are carried out", have, n)
		}
		return nil
	})
}

// idle gives schedulers the time to do what they should not.
func idle() { time.Sleep(1500 * time.Millisecond) }

// Two replicas race for the same moment, and sessions are ended meanwhile.
func TestScheduleOfTwoReplicas(t *testing.T) {
	t.Parallel()
	l := ledgertest.New(t)
	a, b := newReplica(t, l), newReplica(t, l)
	a.create(t, 20)
	start := a.now(t).Add(700 * time.Millisecond)
	for i := range 20 {
		a.patch(t, fmt.Sprintf("e%d", i), scheduled(start, start.Add(600*time.Millisecond)))
	}
	a.schedule(t)
	b.schedule(t)
	admin := l.Superuser(t)
	ledgertest.Run(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			_, _ = admin.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
				and usename <> current_user and state like 'idle in transaction%' order by random() limit 1`)
			time.Sleep(50 * time.Millisecond)
		}
		return nil
	})
	carriedOut(t, a.store, 40)
	idle()
	for id, done := range byScheduler(t, a.store) {
		if fmt.Sprint(done) != "[active inactive]" {
			t.Errorf("%s was switched %v", id, done)
		}
	}
}

// A replica whose session dies while it carries a schedule out has done nothing;
// whoever comes next does it.
func TestASchedulerThatDies(t *testing.T) {
	t.Parallel()
	l := ledgertest.New(t)
	a, b := newReplica(t, l), newReplica(t, l)
	a.create(t, 1)
	a.patch(t, "e0", scheduled(a.now(t), time.Time{}))
	admin := l.Superuser(t)
	_, err := a.store.Execute(t.Context(), eventstore.Command{
		// With a key it is decided under the lock and never ahead of it.
		Meta: eventstore.Meta{Actor: domain.Scheduler, IdempotencyKey: "k"},
		Decide: func(tx *eventstore.Tx) (any, error) {
			if n := exec(t, admin, `select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database
				where d.datname = current_database() and l.relation = 'event_head'::regclass and l.mode = 'RowShareLock'`); n != 1 {
				t.Errorf("ended %d sessions", n)
			}
			e, _ := tx.Catalog.Experiments.ByKey("e0")
			changes, reason, err := tx.Catalog.CarryOut(e, tx.Now)
			tx.Because(reason)
			return nil, errors.Join(err, tx.Append(changes...))
		},
	})
	if !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if done := byScheduler(t, a.store); len(done) != 0 {
		t.Errorf("the dead did %v", done)
	}
	b.schedule(t)
	a.schedule(t)
	carriedOut(t, a.store, 1)
}

// Nobody was there for three days.
func TestScheduleThatIsLate(t *testing.T) {
	t.Parallel()
	l := ledgertest.New(t)
	r := newReplica(t, l)
	r.create(t, 4)
	now := r.now(t)
	r.patch(t, "e0", scheduled(now.Add(time.Hour), time.Time{}))
	r.patch(t, "e1", scheduled(now.Add(time.Hour), now.Add(2*time.Hour)))
	r.set(t, "e2", "active")
	r.patch(t, "e2", scheduled(time.Time{}, now.Add(2*time.Hour)))
	r.patch(t, "e3", scheduled(now.Add(100*time.Hour), time.Time{}))
	l.SetClock(t, 3*day)
	r.schedule(t)
	carriedOut(t, r.store, 2)
	idle()
	done := byScheduler(t, r.store)
	for key, want := range map[string]string{"e0": "[active]", "e1": "[]", "e2": "[inactive]", "e3": "[]"} {
		if have := fmt.Sprint(done[r.follower.View().ByKey[key].Experiment.ID]); have != want {
			t.Errorf("%s was switched %s, want %s", key, have, want)
		}
	}
}

// It is the ledger's clock that counts, wherever it steps.
func TestScheduleAndTheClock(t *testing.T) {
	t.Parallel()
	l := ledgertest.New(t)
	r := newReplica(t, l)
	r.create(t, 1)
	r.schedule(t)
	now := r.now(t)
	r.patch(t, "e0", scheduled(now.Add(time.Hour), now.Add(2*time.Hour)))
	l.SetClock(t, time.Hour)
	carriedOut(t, r.store, 1)
	l.SetClock(t, -time.Hour)
	r.set(t, "e0", "inactive") // a person has the last word
	l.SetClock(t, 90*time.Minute)
	idle()
	l.SetClock(t, 3*time.Hour)
	idle()
	for _, done := range byScheduler(t, r.store) {
		if fmt.Sprint(done) != "[active]" {
			t.Errorf("switched %v", done)
		}
	}
}

// People and two schedulers at once, while the clock steps: every record of a
// schedule is called for, and in the end nothing is left to do.
func TestScheduleAmongPeople(t *testing.T) {
	t.Parallel()
	l := ledgertest.New(t)
	replicas := []*replica{newReplica(t, l), newReplica(t, l)}
	replicas[0].create(t, 5)
	for _, r := range replicas {
		r.schedule(t)
	}
	random := rand.New(rand.NewPCG(7, 7))
	for i := range 150 {
		r, ref := replicas[i%2], fmt.Sprintf("e%d", random.IntN(5))
		var err error
		switch random.IntN(4) {
		case 0:
			_, err = r.SetStatus(t.Context(), commands.Call{}, ref, []string{"active", "inactive"}[random.IntN(2)])
		case 1:
			l.SetClock(t, time.Duration(random.IntN(4_000)-1_000)*time.Millisecond)
		default:
			start := time.Now().Add(time.Duration(random.IntN(3_000)-1_000) * time.Millisecond)
			_, err = r.PatchExperiment(t.Context(), commands.Call{}, ref, scheduled(start, start.Add(time.Duration(100+random.IntN(1_000))*time.Millisecond)))
		}
		time.Sleep(10 * time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
	}
	l.SetClock(t, time.Minute)
	eventually(t, healTime, func() error {
		now := replicas[0].now(t)
		for _, d := range replicas[0].follower.View().Docs {
			if to, since, ok := d.Experiment.Due(now); ok {
				return fmt.Errorf("%s should be %s since %v", d.Experiment.Key, to, since)
			}
		}
		return nil
	})
	if done := byScheduler(t, replicas[0].store); len(done) == 0 {
		t.Error("the schedulers have done nothing")
	}
}
