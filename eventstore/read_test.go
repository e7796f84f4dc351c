package eventstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
)

func TestReading(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	ctx := t.Context()
	for i := range 9 {
		l.SetClock(t, time.Duration(i/2)*time.Hour)
		execute(t, s, createMetric(fmt.Sprint("m", i)))
	}
	records := all(t, s)

	t.Run("a page", func(t *testing.T) {
		page, err := s.ReadAll(ctx, 3, 2)
		if err != nil || len(page) != 2 || page[0].Hash != records[3].Hash || page[1].Hash != records[4].Hash {
			t.Errorf("got %+v, %v", page, err)
		}
	})
	t.Run("a moment", func(t *testing.T) {
		times := []time.Time{records[0].RecordedAt.Add(-time.Hour), records[8].RecordedAt.Add(time.Hour)}
		for _, r := range records {
			times = append(times, r.RecordedAt, r.RecordedAt.Add(-time.Microsecond), r.RecordedAt.Add(time.Microsecond))
		}
		for _, at := range times {
			var want int64
			for _, r := range records {
				if !r.RecordedAt.After(at) {
					want = r.Position
				}
			}
			if got, err := s.PositionAt(ctx, at); err != nil || got != want {
				t.Errorf("%v: got %d, %v, want %d", at, got, err, want)
			}
		}
	})
	t.Run("hashes", func(t *testing.T) {
		for position, want := range map[int64]eventstore.Hash{0: {}, 1: records[0].Hash, 9: records[8].Hash} {
			if got, ok, err := s.HashAt(ctx, position); err != nil || !ok || got != want {
				t.Errorf("%d: %x, %v, %v", position, got, ok, err)
			}
		}
		if _, ok, err := s.HashAt(ctx, 10); err != nil || ok {
			t.Errorf("there is a record 10: %v", err)
		}
	})
	t.Run("the head", func(t *testing.T) {
		head, err := s.Head(ctx)
		if err != nil || head.Position != 9 || head.Hash != records[8].Hash || !head.RecordedAt.Equal(records[8].RecordedAt) ||
			head.Now.Before(head.RecordedAt) || head.BeganAt.After(records[0].RecordedAt) {
			t.Errorf("got %+v, %v", head, err)
		}
	})
}

func TestReadingAStream(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	id := uuid.New()
	execute(t, s, createMetric("m"))
	execute(t, s, eventstore.Command{Decide: func(tx *eventstore.Tx) (any, error) {
		changes, err := tx.Catalog.CreateSegment(id, []byte(`{"name":"S","ids":["a"]}`))
		return nil, errors.Join(err, tx.Append(changes...))
	}})
	execute(t, s, createMetric("n"))
	stream := domain.StreamOf(domain.KindSegment, id)
	execute(t, s, eventstore.Command{Decide: func(tx *eventstore.Tx) (any, error) {
		return nil, tx.Append(domain.Change{Stream: stream, Event: domain.Deleted[domain.Segment]{}})
	}})
	positions := func(records []eventstore.Record, err error) string {
		t.Helper()
		var at []int64
		for _, r := range records {
			at = append(at, r.Position)
		}
		return fmt.Sprint(at, err)
	}
	for want, got := range map[string]string{
		"[2 3 5] <nil>": positions(s.ReadStream(t.Context(), stream, 0, 10)),
		"[3] <nil>":     positions(s.ReadStream(t.Context(), stream, 1, 1)),
		"[2 3] <nil>":   positions(s.StreamAt(t.Context(), stream, 4)),
		"[] <nil>":      positions(s.StreamAt(t.Context(), stream, 1)),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A record that this program does not understand stops readers, after what is
// before it, and commands with them.
func TestAPoisonRecord(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	for i := range 3 {
		execute(t, s, createMetric(fmt.Sprint("m", i)))
	}
	conn := l.Superuser(t)
	if _, err := conn.Exec(t.Context(), `alter table events disable trigger all;
		update events set schema_version = 99 where position = 2`); err != nil {
		t.Fatal(err)
	}
	records, err := s.ReadAll(t.Context(), 0, 10)
	var poison *eventstore.PoisonError
	var unknown *eventstore.UnknownTypeError
	if len(records) != 1 || !errors.As(err, &poison) || poison.Position != 2 || !errors.As(err, &unknown) || errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("read %d records, %v", len(records), err)
	}
}
