package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

// hold takes the append lock, so that commands gather; release lets go of it.
func hold(t testing.TB, l ledgertest.Ledger) (release func()) {
	t.Helper()
	conn := l.Superuser(t)
	if _, err := conn.Exec(t.Context(), "begin; select from event_head for update"); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := conn.Exec(t.Context(), "rollback"); err != nil {
			t.Fatal(err)
		}
	}
}

// waitForWaiter returns when somebody waits for the append lock.
func waitForWaiter(t testing.TB, l ledgertest.Ledger) {
	t.Helper()
	conn := l.Superuser(t)
	for range 500 {
		var waits bool
		err := conn.QueryRow(t.Context(), `select exists (select from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock')`).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
		if waits {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("nobody waits for the append lock")
}

// total reads a counter, or a histogram's sum.
func total(t testing.TB, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// Commands that share a transaction share nothing else.
func TestABadCommandFailsAlone(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  func(*eventstore.Command)
		want func(error) bool
		// failures is how many transactions Postgres refuses.
		failures float64
	}{
		{"Decide refuses", func(c *eventstore.Command) {
			c.Decide = func(*eventstore.Tx) (any, error) { return nil, errUnwilling }
		}, func(err error) bool { return errors.Is(err, errUnwilling) }, 0},
		{"Decide refuses after it has appended", func(c *eventstore.Command) {
			decide := c.Decide
			c.Decide = func(tx *eventstore.Tx) (any, error) {
				_, err := decide(tx)
				return nil, errors.Join(err, errUnwilling)
			}
		}, func(err error) bool { return errors.Is(err, errUnwilling) }, 0},
		{"Postgres refuses a column", func(c *eventstore.Command) { c.Meta.Actor = "NUL \x00" }, isInvalid, 2},
		{"Postgres refuses the key", func(c *eventstore.Command) { c.Meta.IdempotencyKey = "not UTF-8 \xff" }, isInvalid, 2},
		{"the answer has no JSON", func(c *eventstore.Command) {
			c.Meta.IdempotencyKey = "k"
			c.Decide = func(*eventstore.Tx) (any, error) { return func() {}, nil }
		}, func(err error) bool { return err != nil && !errors.Is(err, domain.ErrUnavailable) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const good = 40
			l := ledgertest.New(t)
			reg := prometheus.NewRegistry()
			s := eventstore.New(l.Pool(t), eventstore.Config{Inline: projections.Inline{}, Registry: reg})
			ledgertest.Run(t, s.Run)
			release := hold(t, l)
			var wg sync.WaitGroup
			wg.Go(func() { execute(t, s, createMetric("first")) })
			waitForWaiter(t, l) // the first has a transaction to itself; the rest gather
			for i := range good {
				wg.Go(func() {
					if _, err := s.Execute(t.Context(), createMetric(fmt.Sprint("m", i))); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				cmd := createMetric("bad")
				tt.bad(&cmd)
				if _, err := s.Execute(t.Context(), cmd); !tt.want(err) {
					t.Errorf("the bad one got %v", err)
				}
			})
			time.Sleep(50 * time.Millisecond)
			release()
			wg.Wait()
			if n := verify(t, l); n != good+1 {
				t.Errorf("%d records, want %d", n, good+1)
			}
			if n := total(t, reg, "assay_append_failures_total"); n != tt.failures {
				t.Errorf("%v transactions failed, want %v: the group's and the bad one's own", n, tt.failures)
			}
		})
	}
}

func isInvalid(err error) bool {
	var invalid *domain.InvalidError
	return errors.As(err, &invalid)
}

// A command whose caller has left before its turn is not decided.
func TestACallerThatLeftInTime(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	release := hold(t, l)
	var wg sync.WaitGroup
	wg.Go(func() { execute(t, s, createMetric("first")) })
	waitForWaiter(t, l)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Execute(ctx, createMetric("left")); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	release()
	wg.Wait()
	execute(t, s, createMetric("last"))
	if records := all(t, s); len(records) != 2 {
		t.Errorf("%d records, want those of the first and the last", len(records))
	}
}

// A session that dies with the lock, whoever's it is, holds nobody up for long
// and takes nothing with it.
func TestASessionThatDiesWithTheLock(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	execute(t, s, createMetric("first"))
	admin := l.Superuser(t)
	killed := false
	cmd := createMetric("second")
	decide := cmd.Decide
	cmd.Decide = func(tx *eventstore.Tx) (any, error) {
		if !killed {
			killed = true
			kill(t, admin)
		}
		return decide(tx)
	}
	if _, err := s.Execute(t.Context(), cmd); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	if done := execute(t, s, cmd); done.Position != 2 {
		t.Errorf("then appended at %d, want 2", done.Position)
	}
	verify(t, l)
}

// kill ends the sessions that are within a transaction.
func kill(t testing.TB, admin *pgx.Conn) {
	t.Helper()
	var n int
	err := admin.QueryRow(t.Context(), `select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = current_database() and state like 'idle in transaction%'`).Scan(&n)
	if err != nil || n != 1 {
		t.Errorf("ended %d sessions, %v", n, err)
	}
}
