package eventstore_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
)

// keyed is a command under an idempotency key that would append anew each time.
func keyed(actor, key string, request byte) eventstore.Command {
	cmd := createMetric(uuid.NewString())
	cmd.Meta.Actor, cmd.Meta.IdempotencyKey, cmd.Meta.RequestHash = actor, key, [32]byte{request}
	return cmd
}

func TestOneKeyOnTwoStoresAtOnceIsOneCommand(t *testing.T) {
	l := ledgertest.New(t)
	stores := []*eventstore.Store{l.Store(t), l.Store(t)}
	for round := range 10 {
		key := uuid.NewString()
		answers := make([]eventstore.Committed, 8)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				var err error
				if answers[i], err = stores[i%2].Execute(t.Context(), keyed("ann", key, 1)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var first string
		var kept []string
		for _, a := range answers {
			if a.Position != int64(round)+1 {
				t.Errorf("position %d, want %d", a.Position, round+1)
			}
			if a.Replayed {
				kept = append(kept, string(a.Kept))
			} else {
				first += `"` + a.Answer.(string) + `"`
			}
		}
		if len(kept) != len(answers)-1 {
			t.Fatalf("%d of %d were replayed", len(kept), len(answers))
		}
		for _, k := range kept {
			if k != first {
				t.Errorf("replayed %s, the first was told %s", k, first)
			}
		}
	}
	if n := verify(t, l); n != 10 {
		t.Errorf("%d records, want 10", n)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	l := ledgertest.New(t)
	s, other := l.Store(t), l.Store(t)
	first := execute(t, s, keyed("ann", "k", 1))
	if first.Replayed || first.Position != 1 {
		t.Errorf("first %+v", first)
	}
	execute(t, s, createMetric("m"))

	t.Run("the same request is answered as it was", func(t *testing.T) {
		again := execute(t, other, keyed("ann", "k", 1))
		if !again.Replayed || again.Position != 1 || len(again.Records) != 0 || string(again.Kept) != `"`+first.Answer.(string)+`"` {
			t.Errorf("again %+v", again)
		}
	})
	t.Run("another request is refused", func(t *testing.T) {
		var invalid *domain.InvalidError
		if _, err := other.Execute(t.Context(), keyed("ann", "k", 2)); !errors.As(err, &invalid) || invalid.Field != "Idempotency-Key" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another actor's key is another key", func(t *testing.T) {
		if done := execute(t, s, keyed("bob", "k", 2)); done.Replayed || done.Position != 3 {
			t.Errorf("got %+v", done)
		}
	})
	t.Run("no key is no key", func(t *testing.T) {
		for position := int64(4); position < 6; position++ {
			if done := execute(t, s, keyed("ann", "", 1)); done.Replayed || done.Position != position {
				t.Errorf("got %+v, want a record at %d", done, position)
			}
		}
	})
	t.Run("a refusal is not kept", func(t *testing.T) {
		cmd := keyed("ann", "later", 1)
		decide, willing := cmd.Decide, false
		cmd.Decide = func(tx *eventstore.Tx) (any, error) {
			if !willing {
				return nil, errUnwilling
			}
			return decide(tx)
		}
		if _, err := s.Execute(t.Context(), cmd); !errors.Is(err, errUnwilling) {
			t.Errorf("got %v", err)
		}
		willing = true
		if done := execute(t, other, cmd); done.Replayed || done.Position != 6 {
			t.Errorf("got %+v", done)
		}
	})
	t.Run("an answer without records is kept", func(t *testing.T) {
		cmd := keyed("ann", "nothing", 1)
		cmd.Decide = func(*eventstore.Tx) (any, error) { return map[string]int{"n": 1}, nil }
		execute(t, s, cmd)
		if again := execute(t, other, cmd); !again.Replayed || string(again.Kept) != `{"n":1}` || again.Position != 6 {
			t.Errorf("again %+v", again)
		}
	})
	if n := verify(t, l); n != 6 {
		t.Errorf("%d records, want 6", n)
	}
}
