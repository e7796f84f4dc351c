package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
)

// world is a ledger of one's own: what a source may come to hold.
type world struct {
	position    int64
	experiments map[int]string
	deleted     []evaluator.Tombstone
}

func idOf(n int) string { return fmt.Sprintf("0193f000-0000-7000-8000-%012d", n) }

// set writes experiment e<n>, in which everybody gets the variation.
func (w *world) set(n int, variation string) {
	w.position++
	if w.experiments == nil {
		w.experiments = map[int]string{}
	}
	w.experiments[n] = fmt.Sprintf(`{"id":%q,"key":"e%d","version":1,"position":%d,"status":"active","phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","tags":[],`+
		`"audience":{},"traffic_ppm":1000000,"variations":[{"key":"off","value":false,"weight":1},{"key":"on","value":true,"weight":1}],`+
		`"split":[{"variation":%q,"from":0,"to":1000000}],"overrides":{},"prerequisites":[]}`, idOf(n), n, w.position, variation)
}

func (w *world) remove(n int) {
	w.position++
	delete(w.experiments, n)
	w.deleted = append(w.deleted, evaluator.Tombstone{Kind: domain.KindExperiment, ID: idOf(n), Position: w.position})
}

func (w *world) document() evaluator.Document {
	d := evaluator.Document{Position: w.position, At: time.Unix(w.position, 0).UTC(), Deleted: slices.Clone(w.deleted)}
	for n := range 1000 {
		if raw, ok := w.experiments[n]; ok {
			d.Experiments = append(d.Experiments, json.RawMessage(raw))
		}
	}
	return d
}

// at is a world after so many writes of experiment e1, the last of which gives
// everybody the variation.
func at(position int64, variation string) evaluator.Document {
	w := world{position: position - 1}
	w.set(1, variation)
	return w.document()
}

// source is one that does as it is told.
type source struct {
	name string

	mu    sync.Mutex
	held  *feed.Update // guarded by mu, as all below
	given *feed.Update // what was returned last
	err   error
	hang  bool
	asked int
	hint  func(int64) // of who watches now
}

func newSource(name string, d evaluator.Document) *source {
	s := &source{name: name}
	s.hold(d)
	return s
}

func (s *source) Name() string { return s.name }

func (s *source) Fetch(ctx context.Context, have *feed.State) (*feed.Update, error) {
	s.mu.Lock()
	s.asked++
	held, err, hang, known := s.held, s.err, s.hang, s.held == s.given
	if err == nil {
		s.given = held
	}
	s.mu.Unlock()
	switch {
	case hang:
		<-ctx.Done()
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	case known && have != nil && have.Document.Position == held.Document.Position && have.Source == s.name:
		return nil, nil
	}
	return held, nil
}

func (s *source) Watch(ctx context.Context, hint func(int64)) error {
	s.mu.Lock()
	if err := s.err; err != nil {
		s.mu.Unlock()
		return err
	}
	s.hint = hint
	s.mu.Unlock()
	hint(0)
	<-ctx.Done()
	return ctx.Err()
}

func (s *source) hold(d evaluator.Document) { s.give(&feed.Update{Document: d}) }

func (s *source) give(u *feed.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.err, s.hang = u, nil, false
}

var errDown = errors.New("down")

func (s *source) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errDown
}

// tell gives whoever watches a hint.
func (s *source) tell(position int64) {
	s.mu.Lock()
	hint := s.hint
	s.mu.Unlock()
	hint(position)
}

func (s *source) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// start runs a feed until the test ends.
func start(t testing.TB, f *feed.Feed) {
	t.Helper()
	run(t, f.Run)
}

func run(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// serves fails the test unless the feed serves this.
func serves(t testing.TB, f *feed.Feed, position int64, variation, from string) {
	t.Helper()
	s := f.State()
	if s == nil {
		t.Fatalf("nothing is served, want position %d", position)
	}
	if got := s.Document.Position; got != position || s.Source != from || s.Snapshot.Position() != position {
		t.Errorf("position %d from %s is served, want %d from %s", got, s.Source, position, from)
	}
	if got := variationOf(s, "e1"); got != variation {
		t.Errorf("everybody gets %q, want %q", got, variation)
	}
}

func variationOf(s *feed.State, key string) string {
	got, ok := s.Snapshot.EvaluateRaw(key, "u1", nil)
	if !ok {
		return "no experiment"
	}
	return got.Experiment.Variations()[got.Variation].Key
}

func keyNamed(name string) domain.Key {
	return domain.Key{Header: domain.Header{ID: uuid.MustParse(idOf(500))}, Name: name, Role: domain.Server, SecretHash: "hash", Origins: []string{}}
}
