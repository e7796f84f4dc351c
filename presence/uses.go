package presence

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Uses notes when each key was used. It holds as many as there are keys, for only
// those that were let in are noted. It may be used by many goroutines.
type Uses struct {
	// newest is when the last key came that had not come before, in milliseconds.
	newest atomic.Int64

	mu    sync.Mutex
	marks map[uuid.UUID]*Mark // guarded by mu
}

// NewUses returns uses of which none is noted.
func NewUses() *Uses { return &Uses{marks: map[uuid.UUID]*Mark{}} }

// Mark is where the uses of one key are noted. A nil Mark notes nothing.
type Mark struct {
	uses        *Uses
	first, last atomic.Int64 // in milliseconds since 1970; 0 for never
}

// Of returns the key's mark, the same each time; nil where uses are not noted.
func (u *Uses) Of(id uuid.UUID) *Mark {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	m := u.marks[id]
	if m == nil {
		m = &Mark{uses: u}
		u.marks[id] = m
	}
	return m
}

// markEvery is how exactly the last use is noted: so a busy key's mark is seldom
// written to, and processors need not pass it to and fro.
const markEvery = time.Second

// Note notes a use. It costs nothing worth mentioning.
func (m *Mark) Note(now time.Time) {
	if m == nil {
		return
	}
	at := now.UnixMilli()
	if at-m.last.Load() < markEvery.Milliseconds() {
		return
	}
	if m.first.CompareAndSwap(0, at) {
		m.uses.newest.Store(at)
	}
	m.last.Store(at)
}

// Newest is when a key was used last that had not been used before here.
func (u *Uses) Newest() time.Time { return time.UnixMilli(u.newest.Load()) }

// Since returns keys that were used since then, at most so many: first those that
// are new since then. Which others are left out is for chance to say, so that it
// is not always the same.
func (u *Uses) Since(since time.Time, limit int) []Use {
	u.mu.Lock()
	used := make([]Use, 0, min(len(u.marks), limit))
	for id, m := range u.marks {
		last := time.UnixMilli(m.last.Load()).UTC()
		if m.last.Load() != 0 && !last.Before(since) {
			used = append(used, Use{KeyID: id, First: time.UnixMilli(m.first.Load()).UTC(), Last: last})
		}
	}
	u.mu.Unlock()
	if len(used) > limit {
		slices.SortStableFunc(used, func(a, b Use) int { return cmp.Compare(isNew(b, since), isNew(a, since)) })
		used = used[:limit]
	}
	return used
}

func isNew(u Use, since time.Time) int {
	if u.First.Before(since) {
		return 0
	}
	return 1
}
