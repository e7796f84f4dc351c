// Package feed keeps one process supplied with what it evaluates from. It asks
// sources in order of preference, takes what is newer as a whole, keeps the last
// good copy on disk and says how old it is. Nothing that a source does, or fails
// to do, takes away what is there.
//
// Begin with [New] and [Feed.Run]; serve from [Feed.State].
package feed

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// retryFirst is the pause after a round in which no source had what is wanted;
	// it doubles up to Poll.
	retryFirst = 100 * time.Millisecond
	// rest is for how many times as long as it took to make a state of what came
	// nothing new is asked for: a flood of changes leaves most of a core.
	rest = 4
	// credit is how much of that rest may be owed: a few changes in a row are
	// taken as they come.
	credit = 500 * time.Millisecond
	// crossCheck is every how many polls all sources are asked, not only the first
	// that is up: it may be cut off from those who write to it and not know.
	crossCheck = 6
)

// Config says how a feed asks. The zero value is right for most.
type Config struct {
	// Poll is the longest pause between questions, asked beside hints: 5 s when 0.
	Poll time.Duration
	// Timeout bounds one question to one source: 10 s when 0.
	Timeout time.Duration
	// StaleAfter is for how long no source may have confirmed what is served
	// before it is stale: 15 s when 0.
	StaleAfter time.Duration
	// Log is nil for none.
	Log *slog.Logger
}

// Feed keeps one current state. Its methods may be called concurrently.
type Feed struct {
	cfg    Config
	stored []Source // asked once, at the start
	lines  []*line  // asked again and again, in order of preference
	disk   *Disk    // nil for none

	current   atomic.Pointer[State]
	confirmed atomic.Pointer[time.Time]
	swaps     atomic.Uint64
	wanted    atomic.Int64  // the newest position that somebody spoke of
	nudge     chan struct{} // capacity 1

	mu        sync.Mutex
	listeners map[chan struct{}]struct{} // guarded by mu
}

// New returns a feed of sources in order of preference. What is stored here (a
// Disk, a File) is asked first, at the start, and then never again: the newest of
// it serves until another source answers. The Disk is given each later state.
func New(cfg Config, sources ...Source) *Feed {
	cfg.Poll = cmp.Or(cfg.Poll, 5*time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.StaleAfter = cmp.Or(cfg.StaleAfter, 15*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Feed{cfg: cfg, nudge: make(chan struct{}, 1), listeners: map[chan struct{}]struct{}{}}
	for _, s := range sources {
		switch s := s.(type) {
		case *Disk:
			f.disk = s
			f.stored = append(f.stored, s)
		case *File:
			f.stored = append(f.stored, s)
		default:
			f.lines = append(f.lines, newLine(s, cfg.Log))
		}
	}
	return f
}

// Run keeps the state current until ctx ends, and then returns nil.
func (f *Feed) Run(ctx context.Context) error {
	f.begin(ctx)
	begun := f.State()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, l := range f.lines {
		wg.Go(func() { l.watch(ctx, f.hint) })
	}
	if f.disk != nil {
		wg.Go(func() { f.keep(ctx, begun) })
	}
	retry, owed := retryFirst, time.Duration(0)
	for round := 0; ctx.Err() == nil; round++ {
		pause := f.cfg.Poll
		met, took := f.refresh(ctx, round%crossCheck == 0)
		if met {
			retry = retryFirst
		} else if pause = retry; retry < f.cfg.Poll {
			retry = min(2*retry, f.cfg.Poll)
		} else {
			f.wanted.Store(0) // nobody has it: it was a rumour
		}
		owed += min(rest*took, f.cfg.Poll)
		asked := time.Now()
		f.sleep(ctx, pause)
		wait(ctx, owed-credit-time.Since(asked))
		owed = max(0, owed-time.Since(asked))
	}
	return nil
}

// begin takes the newest of what is stored here.
func (f *Feed) begin(ctx context.Context) {
	for _, s := range f.stored {
		update, err := s.Fetch(ctx, f.State())
		if err == nil {
			err = f.take(ctx, s.Name(), update)
		}
		if err != nil && !errors.Is(err, ErrBehind) && !errors.Is(err, ErrNothing) {
			f.cfg.Log.WarnContext(ctx, "stored snapshot is of no use", "source", s.Name(), "error", err)
		}
	}
}

// refresh asks the sources in order until one of them confirms what is there, or
// replaces it, at a position that is at least the wanted one; or it asks all. It
// returns how long it took to take what came.
func (f *Feed) refresh(ctx context.Context, all bool) (met bool, took time.Duration) {
	want := f.wanted.Load()
	for _, l := range f.lines {
		if met && !all {
			break
		}
		update, err := l.fetch(ctx, f.State(), f.cfg.Timeout)
		if err == nil {
			start := time.Now()
			err = f.take(ctx, l.source.Name(), update)
			took += time.Since(start)
		}
		l.note(ctx, err)
		if s := f.State(); err == nil && s != nil && s.Document.Position >= want {
			met = true
		}
	}
	return met, took
}

// hint is what watched sources call: it never waits.
func (f *Feed) hint(position int64) {
	if s := f.State(); s != nil && position != 0 && position <= s.Document.Position {
		return
	}
	for {
		known := f.wanted.Load()
		if position <= known || f.wanted.CompareAndSwap(known, position) {
			break
		}
	}
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}

// sleep waits for a hint, for about d at most: processes that began together ask
// apart.
func (f *Feed) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-f.nudge:
	case <-time.After(d - rand.N(d/4)):
	}
}

// wait is time.Sleep that ends with ctx.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// State is what to serve from; nil until the first is there.
func (f *Feed) State() *State { return f.current.Load() }

// Age is for how long no source has confirmed that the state is the newest; 0
// without a state.
func (f *Feed) Age() time.Duration {
	if at := f.confirmed.Load(); at != nil {
		return max(0, time.Since(*at))
	}
	return 0
}

// Stale says that nothing has confirmed the state for longer than StaleAfter, or
// since it was read from this machine's disk.
func (f *Feed) Stale() bool {
	s := f.State()
	return s == nil || s.stored || f.Age() > f.cfg.StaleAfter
}

// Subscribe returns a channel that gets a value when the state has changed since
// the last. Who is slow gets one for many changes. Call cancel in the end.
func (f *Feed) Subscribe() (changed <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners[c] = struct{}{}
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.listeners, c)
	}
}

func (f *Feed) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.listeners {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Status is what is known of one source.
type Status struct {
	Name string
	// Up says that it answered when it was last asked.
	Up bool
	// Err says why it is not up.
	Err string
	// Failures counts the questions that it did not answer, or not fitly.
	Failures uint64
}

// Sources tells of the sources that are asked again and again, in order.
func (f *Feed) Sources() []Status {
	all := make([]Status, len(f.lines))
	for i, l := range f.lines {
		all[i] = l.Status()
	}
	return all
}

// Swaps counts how often another state was taken.
func (f *Feed) Swaps() uint64 { return f.swaps.Load() }
