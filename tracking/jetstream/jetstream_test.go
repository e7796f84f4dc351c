package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/natstest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/intake"
	"github.com/assaylabs/assay/tracking/jetstream"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// open returns a stream that a loader may take from.
func open(t *testing.T, cfg jetstream.Config) *jetstream.Stream {
	t.Helper()
	s, err := jetstream.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func events(n int) []tracking.Event {
	list := make([]tracking.Event, n)
	for i := range list {
		list[i] = tracking.Event{
			ID: uuid.New(), Type: tracking.Custom, At: time.Now().UTC().Truncate(time.Microsecond),
			Unit: fmt.Sprintf("u%d", rand.N(1000)), Name: "purchase", Value: new(tracking.Amount(i)),
		}
	}
	return list
}

// loading runs a loader into the ledger's database until the test ends or stop is
// called.
func loading(t *testing.T, stream *jetstream.Stream, l ledgertest.Ledger) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in := intake.New(l.Pool(t), intake.Config{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = in.Run(ctx) })
	wg.Go(func() { _ = jetstream.NewLoader(stream, in.Store).Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// arrived says what is wrong unless the database has all of these events, and
// each once.
func arrived(t *testing.T, pool *pgxpool.Pool, ids []uuid.UUID) error {
	var rows, found int
	err := pool.QueryRow(t.Context(), "select count(*), count(distinct id) from tracked where id = any($1)", ids).Scan(&rows, &found)
	if err == nil && (rows != len(ids) || found != rows) {
		err = fmt.Errorf("%d rows of %d events, want one of each of %d", rows, found, len(ids))
	}
	return err
}

func idsOf(list []tracking.Event) (ids []uuid.UUID) {
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

// eventually waits until try has nothing to say against it.
func eventually(t *testing.T, within time.Duration, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, s *jetstream.Stream, list []tracking.Event) {
	t.Helper()
	eventually(t, 20*time.Second, func() error {
		_, err := s.Store(t.Context(), list)
		return err
	})
}

// Events come out as they went in, however many messages they take, also those
// that Postgres could not take at first.
func TestLoad(t *testing.T) {
	t.Parallel()
	cluster := natstest.Start(t, 1)
	server := pgtest.Dedicated(t, nil)
	l := ledgertest.Migrate(t, server.URL(localpg.Superuser, "postgres"))
	pool := l.Pool(t)
	for _, namespace := range []string{"", "staging"} {
		stream := open(t, jetstream.Config{URL: cluster.URL(), Namespace: namespace})
		stop := loading(t, stream, l)
		put(t, stream, events(1))
		server.Kill()
		list := events(8000) // over a megabyte
		put(t, stream, list)
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, 30*time.Second, func() error { return arrived(t, pool, idsOf(list)) })
		for _, e := range []tracking.Event{list[0], list[len(list)-1]} {
			var unit string
			var at time.Time
			var value int64
			if err := pool.QueryRow(t.Context(), "select unit_id, at, value from tracked where id = $1", e.ID).Scan(&unit, &at, &value); err != nil {
				t.Fatal(err)
			}
			if unit != e.Unit || !at.Equal(e.At) || value != int64(*e.Value) {
				t.Fatalf("got %s %s %d, want %+v", unit, at, value, e)
			}
		}
		stop()
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	cluster := natstest.Start(t, 1)
	stream := open(t, jetstream.Config{URL: cluster.URL(), MaxBytes: 256 << 10})
	if err := stream.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := stream.Store(t.Context(), events(100)); err != nil {
			if !errors.Is(err, tracking.ErrFull) {
				t.Fatalf("error %v, want that it is full", err)
			}
			return
		}
	}
	t.Error("took more than it holds")
}

func TestDown(t *testing.T) {
	t.Parallel()
	cluster := natstest.Start(t, 1)
	l := ledgertest.New(t)
	pool := l.Pool(t)
	stream := open(t, jetstream.Config{URL: cluster.URL()})
	loading(t, stream, l)
	put(t, stream, events(1))
	cluster.Nodes[0].Kill()
	if _, err := stream.Store(t.Context(), events(1)); !errors.Is(err, tracking.ErrDown) {
		t.Errorf("error %v, want that it is down", err)
	}
	cluster.Nodes[0].Start(t)
	list := events(3)
	put(t, stream, list)
	put(t, stream, list) // sent again: the same message
	eventually(t, 30*time.Second, func() error { return arrived(t, pool, idsOf(list)) })
}

// Whatever node of three is killed, and whenever, what was acknowledged arrives.
func TestClusterLosesNothing(t *testing.T) {
	t.Parallel()
	losesNothing(t, 3)
}

func TestClusterLosesNothingSoak(t *testing.T) {
	if os.Getenv("ASSAY_SOAK") != "1" {
		t.Log("the long form runs with ASSAY_SOAK=1")
		return
	}
	losesNothing(t, 60)
}

func losesNothing(t *testing.T, kills int) {
	t.Helper()
	cluster := natstest.Start(t, 3)
	l := ledgertest.New(t)
	pool := l.Pool(t)
	first, second := open(t, jetstream.Config{URL: cluster.URL()}), open(t, jetstream.Config{URL: cluster.URL()})
	stop := loading(t, first, l)
	loading(t, second, l)
	put(t, first, events(1))

	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var acknowledged []uuid.UUID
	failures := 0
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for stream := []*jetstream.Stream{first, second}[i%2]; ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
				list := events(1 + rand.N(20))
				_, err := stream.Store(ctx, list)
				mu.Lock()
				if err != nil {
					failures++
				}
				if err == nil {
					acknowledged = append(acknowledged, idsOf(list)...)
				}
				mu.Unlock()
			}
		})
	}
	for range kills {
		node := cluster.Nodes[rand.N(3)]
		time.Sleep(rand.N(300 * time.Millisecond))
		node.Kill()
		time.Sleep(rand.N(300 * time.Millisecond))
		node.Start(t)
		put(t, first, events(1))
	}
	stop() // the other loader gets what this one had
	cancel()
	writers.Wait()
	eventually(t, 90*time.Second, func() error { return arrived(t, pool, acknowledged) })
	t.Logf("%d events acknowledged, %d requests failed, %d kills", len(acknowledged), failures, kills)
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged")
	}
}
