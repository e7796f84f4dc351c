package eventstore_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
)

// Postgres crashes under load: what was acknowledged is there, what was not
// is there at most once, and appending goes on by itself.
func TestACrashOfPostgres(t *testing.T) {
	server := pgtest.Dedicated(t, nil)
	l := ledgertest.Migrate(t, server.URL("postgres", "postgres"))
	s := l.Store(t)
	execute(t, s, createMetric("before"))

	stop := make(chan struct{})
	var mu sync.Mutex
	acknowledged := map[string]int64{}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("m-%d-%d", worker, i)
				done, err := s.Execute(t.Context(), createMetric(key))
				if err != nil && !errors.Is(err, domain.ErrUnavailable) {
					t.Errorf("%s: %v", key, err)
				}
				if err == nil {
					mu.Lock()
					acknowledged[key] = done.Position
					mu.Unlock()
				} else {
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged)
	}
	grow := func(by int) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for want := count() + by; count() < want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("appending does not go on")
			}
		}
	}
	grow(50)
	for range 2 {
		server.Kill()
		if _, err := s.Execute(t.Context(), createMetric("meanwhile")); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("while Postgres is down: %v", err)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		grow(50)
	}
	close(stop)
	wg.Wait()

	keys := map[string]int64{}
	for _, r := range all(t, s) {
		created := r.Event.(domain.Created[domain.Metric])
		if _, twice := keys[created.After.Key]; twice {
			t.Errorf("%s is in the ledger twice", created.After.Key)
		}
		keys[created.After.Key] = r.Position
	}
	for key, position := range acknowledged {
		if keys[key] != position {
			t.Errorf("%s was acknowledged at %d, is at %d", key, position, keys[key])
		}
	}
	verify(t, l)
}

func TestReadingWhilePostgresIsDown(t *testing.T) {
	server := pgtest.Dedicated(t, map[string]string{"fsync": "off"})
	l := ledgertest.Migrate(t, server.URL("postgres", "postgres"))
	s := l.Store(t)
	server.Kill()
	ctx := t.Context()
	for name, read := range map[string]func() error{
		"Head":       func() error { _, err := s.Head(ctx); return err },
		"ReadAll":    func() error { _, err := s.ReadAll(ctx, 0, 1); return err },
		"ReadStream": func() error { _, err := s.ReadStream(ctx, domain.DaysStream, 0, 1); return err },
		"StreamAt":   func() error { _, err := s.StreamAt(ctx, domain.DaysStream, 1); return err },
		"PositionAt": func() error { _, err := s.PositionAt(ctx, time.Now()); return err },
		"HashAt":     func() error { _, _, err := s.HashAt(ctx, 1); return err },
		"Execute":    func() error { _, err := s.Execute(ctx, eventstore.Command{}); return err },
	} {
		if err := read(); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("%s: %v, want unavailable", name, err)
		}
	}
}
