package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/projections"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// createMetric is a command that appends one record, a metric with that key.
func createMetric(key string) eventstore.Command {
	return eventstore.Command{
		Meta: eventstore.Meta{Actor: "ann", Reason: "test"},
		Decide: func(tx *eventstore.Tx) (any, error) {
			changes, err := tx.Catalog.CreateMetric(uuid.New(), fmt.Appendf(nil, `{"key":%q,"name":"M","event":"e"}`, key))
			if err != nil {
				return nil, err
			}
			return key, tx.Append(changes...)
		},
	}
}

func execute(t testing.TB, s *eventstore.Store, cmd eventstore.Command) eventstore.Committed {
	t.Helper()
	done, err := s.Execute(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// verify checks the whole ledger and says how many records it has.
func verify(t testing.TB, l ledgertest.Ledger) int64 {
	t.Helper()
	v, err := projections.Verify(t.Context(), l.Pool(t), projections.VerifyOptions{})
	if err != nil || !v.OK() {
		t.Fatalf("verify: %+v, %v", v, err)
	}
	return v.Records
}

// all reads the whole ledger.
func all(t testing.TB, s *eventstore.Store) []eventstore.Record {
	t.Helper()
	records, err := s.ReadAll(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

var errUnwilling = errors.New("unwilling")

// wish is a random command: it appends to streams of its own and to one that
// all share, and now and then gives up, before or after it has appended.
func wish(random *rand.Rand, shared domain.Stream) (cmd eventstore.Command, fails bool) {
	own, giveUp := random.IntN(3), random.IntN(6)
	cmd = eventstore.Command{Decide: func(tx *eventstore.Tx) (any, error) {
		if giveUp == 0 {
			return nil, errUnwilling
		}
		for range own {
			id := uuid.New()
			changes, err := tx.Catalog.CreateSegment(id, fmt.Appendf(nil, `{"name":"S","key":"s-%s","ids":["a"]}`, id))
			if err != nil {
				return nil, err
			}
			if err := tx.Append(changes...); err != nil {
				return nil, err
			}
		}
		member := uuid.NewString()
		err := tx.Append(domain.Change{Stream: shared, Event: domain.MembersChanged{Added: []string{member}}})
		if giveUp == 1 {
			return nil, errUnwilling
		}
		return member, err
	}}
	return cmd, giveUp <= 1
}

func TestConcurrentStoresAppendOneLedger(t *testing.T) {
	l := ledgertest.New(t)
	stores := []*eventstore.Store{l.Store(t), l.Store(t)}
	segment := uuid.New()
	execute(t, stores[0], eventstore.Command{Decide: func(tx *eventstore.Tx) (any, error) {
		changes, err := tx.Catalog.CreateSegment(segment, []byte(`{"name":"shared"}`))
		return nil, errors.Join(err, tx.Append(changes...))
	}})
	shared := domain.StreamOf(domain.KindSegment, segment)

	var mu sync.Mutex
	acknowledged := map[int64]eventstore.Record{}
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 40 {
				cmd, fails := wish(random, shared)
				done, err := stores[worker%2].Execute(t.Context(), cmd)
				if fails != errors.Is(err, errUnwilling) || !fails && err != nil {
					t.Errorf("fails is %v: %v", fails, err)
				}
				mu.Lock()
				for _, r := range done.Records {
					if twice, ok := acknowledged[r.Position]; ok {
						t.Errorf("position %d went to %s and %s", r.Position, twice.Stream, r.Stream)
					}
					acknowledged[r.Position] = r
				}
				mu.Unlock()
			}
		})
	}
	// The clock steps back, forth and back under their feet.
	for _, offset := range []time.Duration{-time.Hour, time.Minute, -24 * time.Hour} {
		time.Sleep(50 * time.Millisecond)
		l.SetClock(t, offset)
	}
	wg.Wait()

	records := all(t, stores[0])
	if len(records) != len(acknowledged)+1 {
		t.Errorf("%d records, %d acknowledged", len(records), len(acknowledged)+1)
	}
	versions := map[domain.Stream]int{}
	for i, r := range records {
		if r.Position != int64(i)+1 {
			t.Fatalf("record %d has position %d", i+1, r.Position)
		}
		if versions[r.Stream]++; r.Version != versions[r.Stream] {
			t.Errorf("record %d has version %d of %s, want %d", r.Position, r.Version, r.Stream, versions[r.Stream])
		}
		if i > 0 && r.RecordedAt.Before(records[i-1].RecordedAt) {
			t.Errorf("record %d is of %v, the one before of %v", r.Position, r.RecordedAt, records[i-1].RecordedAt)
		}
		if told := acknowledged[r.Position]; i > 0 && (told.Hash != r.Hash || !told.RecordedAt.Equal(r.RecordedAt)) {
			t.Errorf("record %d is %+v, acknowledged as %+v", r.Position, r, told)
		}
	}
	verify(t, l)
}

func TestStoresHearOfEachOther(t *testing.T) {
	l := ledgertest.New(t)
	writer, reader := l.Store(t), l.Store(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for n := int64(1); n <= 3; n++ {
		if done := execute(t, writer, createMetric(fmt.Sprint("m", n))); done.Position != n || writer.Known() != n {
			t.Errorf("appended at %d, knows of %d, want %d", done.Position, writer.Known(), n)
		}
		for signal := reader.Signal(); reader.Known() < n; signal = reader.Signal() {
			select {
			case <-signal:
			case <-ctx.Done():
				t.Fatalf("did not hear of %d", n)
			}
		}
	}
}

func TestCommandsThatAppendNothing(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	execute(t, s, createMetric("m"))
	done := execute(t, s, eventstore.Command{Decide: func(tx *eventstore.Tx) (any, error) {
		return tx.Catalog.Metrics.Len(), tx.Append()
	}})
	if done.Answer != 1 || done.Position != 1 || len(done.Records) != 0 {
		t.Errorf("got %+v", done)
	}
	var conflict *domain.ConflictError
	if _, err := s.Execute(t.Context(), createMetric("m")); !errors.As(err, &conflict) {
		t.Errorf("got %v, want Decide's own error", err)
	}
	if n := verify(t, l); n != 1 {
		t.Errorf("%d records", n)
	}
}
