package sdk

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Against a map that forgets nothing: what is within the window is never first
// again, what is not always is.
func TestSeenRemembersForTheWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSeen(time.Minute, 1_000_000)
		last := map[sighting]time.Time{}
		now := time.Now()
		for range rapid.IntRange(1, 60).Draw(t, "sightings") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			what := sighting{
				experiment: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "experiment"),
				unit:       rapid.SampledFrom([]string{"u", "v"}).Draw(t, "unit"),
				variation:  "x", phase: rapid.IntRange(1, 2).Draw(t, "phase"),
			}
			at, known := last[what]
			want := !known || now.Sub(at) >= time.Minute
			if got := s.first(what, now); got != want {
				t.Fatalf("%v is first: %v, %v after the last", what, got, now.Sub(at))
			}
			if want {
				last[what] = now
			}
		}
	})
}

func TestSeenIsBounded(t *testing.T) {
	s := newSeen(time.Hour, 1_600)
	now := time.Now()
	for i := range 100_000 {
		s.first(sighting{unit: fmt.Sprint(i)}, now)
	}
	for i := range s.shards {
		if n := len(s.shards[i].recent) + len(s.shards[i].older); n > 200 {
			t.Errorf("shard %d remembers %d", i, n)
		}
	}
	if s.first(sighting{unit: "99999"}, now) {
		t.Error("the newest is forgotten")
	}
}

func TestSeenByManyAtOnce(t *testing.T) {
	s := newSeen(time.Hour, 10_000)
	var first atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1_000 {
				if s.first(sighting{unit: fmt.Sprint(i)}, time.Now()) {
					first.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if first.Load() != 1_000 || s.duplicates.Load() != 7_000 {
		t.Errorf("%d were first and %d again", first.Load(), s.duplicates.Load())
	}
	s.forget(sighting{unit: "5"})
	if !s.first(sighting{unit: "5"}, time.Now()) {
		t.Error("what was forgotten is still known")
	}
}
