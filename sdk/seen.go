package sdk

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// shards of what was seen let evaluations on many cores pass each other.
const shards = 16

// sighting is what makes two exposures the same. A new phase of an experiment
// is analysed afresh and so seen afresh.
type sighting struct {
	experiment, unit, variation string
	phase                       int
}

// seen remembers for a window of time what was exposed, of the newest limit to
// twice the limit sightings. Safe for concurrent use.
type seen struct {
	window time.Duration
	limit  int // of one generation of one shard
	seed   maphash.Seed
	shards [shards]seenShard

	duplicates atomic.Int64
}

type seenShard struct {
	mu sync.Mutex
	// mu guards two generations. What is in the older one was seen before the
	// recent one began, and is forgotten as a whole.
	began         time.Time
	recent, older map[sighting]time.Time
}

func newSeen(window time.Duration, limit int) *seen {
	return &seen{window: window, limit: max(limit/shards, 1), seed: maphash.MakeSeed()}
}

// first says whether the sighting is the first within the window, and remembers
// it.
func (s *seen) first(what sighting, now time.Time) bool {
	shard := s.shard(what)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.recent == nil || now.Sub(shard.began) >= s.window || len(shard.recent) >= s.limit {
		shard.older, shard.recent, shard.began = shard.recent, map[sighting]time.Time{}, now
	}
	at, known := shard.recent[what]
	if !known {
		at, known = shard.older[what]
	}
	if known && now.Sub(at) < s.window {
		s.duplicates.Add(1)
		return false
	}
	what.unit = strings.Clone(what.unit) // it may be a part of a whole request
	shard.recent[what] = now
	return true
}

// forget makes the next sighting a first one again.
func (s *seen) forget(what sighting) {
	shard := s.shard(what)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	delete(shard.recent, what)
	delete(shard.older, what)
}

func (s *seen) shard(what sighting) *seenShard {
	return &s.shards[maphash.String(s.seed, what.unit)%shards]
}
