package control

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/projections"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// newSource returns the source of a follower that reads only when told to.
func newSource(t testing.TB, l ledgertest.Ledger) *source {
	t.Helper()
	store := l.Store(t)
	return &source{store: store, follower: projections.NewFollower(store, l.Pool(t), nil), patience: time.Minute}
}

func (s *source) catchUp(t testing.TB) {
	t.Helper()
	if err := s.follower.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func fetch(t testing.TB, s *source, have *feed.State) *feed.Update {
	t.Helper()
	u, err := s.Fetch(t.Context(), have)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func stateOf(u *feed.Update) *feed.State {
	return &feed.State{Document: u.Document, Keys: u.Keys, Source: "ledger"}
}

func create(t testing.TB, c *commands.Service, key string) {
	t.Helper()
	if _, err := c.CreateExperiment(t.Context(), commands.Call{}, []byte(`{"name":"x","key":"`+key+`"}`)); err != nil {
		t.Fatal(err)
	}
}

func TestSourceFetches(t *testing.T) {
	l := ledgertest.New(t)
	s, c := newSource(t, l), l.Commands(t)
	if _, err := s.Fetch(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "not been read") {
		t.Errorf("before the ledger was read: %v", err)
	}
	s.catchUp(t)
	if u := fetch(t, s, nil); u.Document.Position != 0 || len(u.Document.Experiments) != 0 {
		t.Errorf("an empty ledger is %+v", u.Document)
	}
	create(t, c, "a")
	if _, _, err := c.CreateKey(t.Context(), commands.Call{}, []byte(`{"name":"k","role":"server"}`)); err != nil {
		t.Fatal(err)
	}
	s.catchUp(t)
	u := fetch(t, s, nil)
	snapshot, faults := evaluator.Compile(u.Document)
	if _, ok := snapshot.Experiment("a"); !ok || len(faults) > 0 || u.Document.Position != 2 || u.Rewritten {
		t.Errorf("document %+v, faults %v", u.Document, faults)
	}
	if len(u.Keys) != 1 || len(u.Keys[0].SecretHash) != 64 || u.Keys[0].Role != domain.Server {
		t.Errorf("keys %+v", u.Keys)
	}
	have := stateOf(u)
	if again := fetch(t, s, have); again != nil {
		t.Errorf("what has not changed was fetched again: %+v", again.Document)
	}
	other := newSource(t, l)
	other.catchUp(t)
	a, err := u.Document.Encode()
	b, err2 := fetch(t, other, nil).Document.Encode()
	if err != nil || err2 != nil || string(a) != string(b) {
		t.Errorf("two replicas have %s, %v and %s, %v", a, err, b, err2)
	}

	s.patience = 0
	if _, err := s.Fetch(t.Context(), have); err == nil || !strings.Contains(err.Error(), "last read") {
		t.Errorf("with an old reading: %v", err)
	}
	if u := fetch(t, s, nil); u == nil {
		t.Error("an old reading is better than none")
	}
}

// A lower position than what is served is another's lead, or a history undone.
func TestSourceOfARewrittenLedger(t *testing.T) {
	l := ledgertest.New(t)
	s, c := newSource(t, l), l.Commands(t)
	create(t, c, "a")
	s.catchUp(t)
	restore := l.Backup(t)
	create(t, c, "b")
	ahead := newSource(t, l)
	ahead.catchUp(t)
	have := stateOf(fetch(t, ahead, nil))
	if u := fetch(t, s, have); u == nil || u.Rewritten {
		t.Errorf("who is behind says %+v", u)
	}
	restore()
	if u := fetch(t, s, have); u == nil || !u.Rewritten {
		t.Errorf("after a restore: %+v", u)
	}
}

func TestSourceWatches(t *testing.T) {
	l := ledgertest.New(t)
	s, c := newSource(t, l), l.Commands(t)
	ledgertest.Run(t, s.follower.Run)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	hints := make(chan int64, 1)
	done := make(chan error, 1)
	go func() {
		done <- s.Watch(ctx, func(position int64) {
			select {
			case hints <- position:
			case <-ctx.Done():
			}
		})
	}()
	create(t, c, "a")
	create(t, c, "b")
	var heard []int64
	for !slices.Contains(heard, 2) {
		select {
		case position := <-hints:
			heard = append(heard, position)
		case <-ctx.Done():
			t.Fatalf("heard of %v, not of 2", heard)
		}
	}
	if !slices.IsSorted(heard) {
		t.Errorf("heard of %v", heard)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
