// Package intake stores tracked events in Postgres, each id once. Concurrent
// callers share transactions: what comes while one is under way goes with the
// next. Begin with New; Store works while Run runs.
package intake

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/assaylabs/assay/tracking"
)

// Config of an Intake. The zero value of each has a default.
type Config struct {
	// Writers is how many transactions may be under way, default 2: while one
	// waits for the disk, another fills, if there is enough for both.
	Writers int
	// MaxEvents and MaxBytes bound what may wait to be stored, default 100,000
	// events and 64 MiB.
	MaxEvents, MaxBytes int
	// Timeout bounds Store, default 1.8 s.
	Timeout  time.Duration
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Conns is how many connections an intake with the default writers uses.
const Conns = 3

const (
	// maxGroup is about how many events share one transaction at most.
	maxGroup = 5_000
	// enough is how many must wait for a transaction beside another; fewer wait for
	// that one's end, since large groups cost less.
	enough = 1_000
	// partitionInterval and partitionRetry are the pauses before the partitions of
	// the next day are looked after again.
	partitionInterval, partitionRetry = time.Hour, time.Second
)

// Intake stores events. Its methods may be called concurrently.
type Intake struct {
	pool    *pgxpool.Pool
	cfg     Config
	metrics *metrics
	ready   chan struct{} // holds one: something waits

	mu      sync.Mutex
	waiting []*request // guarded by mu
	// events and bytes are of all that waits or is being stored; guarded by mu.
	events, bytes int
	queued        int // events that wait; guarded by mu
	active        int // writers that are storing; guarded by mu
}

// request is a caller's batch.
type request struct {
	events []tracking.Event
	bytes  int
	answer chan outcome // holds one
	outcome
}

type outcome struct {
	stored tracking.Stored
	err    error
}

// New returns the intake of the database that the pool reaches.
func New(pool *pgxpool.Pool, cfg Config) *Intake {
	cfg.Writers = cmp.Or(cfg.Writers, 2)
	cfg.MaxEvents = cmp.Or(cfg.MaxEvents, 100_000)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 64<<20)
	cfg.Timeout = cmp.Or(cfg.Timeout, 1800*time.Millisecond)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	in := &Intake{pool: pool, cfg: cfg, ready: make(chan struct{}, 1)}
	in.metrics = newMetrics(cfg.Registry, in.Waiting)
	return in
}

// Run stores what Store asks for, and keeps partitions for today and tomorrow,
// until ctx ends. Whoever waits then is told that it cannot be.
func (in *Intake) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range in.cfg.Writers {
		wg.Go(func() { in.write(ctx) })
	}
	wg.Go(func() { in.keepPartitions(ctx) })
	wg.Wait()
	for group := in.take(); group != nil; group = in.take() {
		in.done(group, tracking.ErrDown)
	}
	return ctx.Err()
}

// Store returns when all events but those that the database refuses are
// committed, here or before. They must be as tracking.Parse returns them. The
// error is tracking.ErrFull, or one that wraps tracking.ErrDown: then some may be
// stored all the same, and a retry finds them to be duplicates.
func (in *Intake) Store(ctx context.Context, events []tracking.Event) (tracking.Stored, error) {
	if len(events) == 0 {
		return tracking.Stored{}, nil
	}
	r := &request{events: events, bytes: size(events), answer: make(chan outcome, 1)}
	if !in.enqueue(r) {
		return tracking.Stored{}, tracking.ErrFull
	}
	timer := time.NewTimer(in.cfg.Timeout)
	defer timer.Stop()
	select {
	case out := <-r.answer:
		return out.stored, out.err
	case <-timer.C:
	case <-ctx.Done():
	}
	in.forget(r)
	return tracking.Stored{}, tracking.ErrDown
}

// size is about how many bytes events take in memory.
func size(events []tracking.Event) int {
	const event = 256
	n := event * len(events)
	for i := range events {
		e := &events[i]
		n += len(e.Unit) + len(e.UnitType) + len(e.Experiment) + len(e.Variation) + len(e.Name) + len(e.Attributes)
		for unitType, unit := range e.Units {
			n += event + len(unitType) + len(unit)
		}
	}
	return n
}

func (in *Intake) enqueue(r *request) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.events > 0 && (in.events+len(r.events) > in.cfg.MaxEvents || in.bytes+r.bytes > in.cfg.MaxBytes) {
		return false
	}
	in.events += len(r.events)
	in.bytes += r.bytes
	in.queued += len(r.events)
	in.waiting = append(in.waiting, r)
	if in.active == 0 || in.queued >= enough {
		in.call()
	}
	return true
}

// call wakes a writer.
func (in *Intake) call() {
	select {
	case in.ready <- struct{}{}:
	default:
	}
}

// forget takes back what no writer has begun with.
func (in *Intake) forget(r *request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if i := slices.Index(in.waiting, r); i >= 0 {
		in.waiting = slices.Delete(in.waiting, i, i+1)
		in.queued -= len(r.events)
		in.release(r)
	}
}

// release is called under mu.
func (in *Intake) release(r *request) {
	in.events -= len(r.events)
	in.bytes -= r.bytes
}

// take returns the oldest that wait, for a writer to store; nil when there is
// nothing to do. What it returns goes to done in the end.
func (in *Intake) take() []*request {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.active > 0 && in.queued < enough {
		return nil
	}
	n, events := 0, 0
	for n < len(in.waiting) && events < maxGroup {
		events += len(in.waiting[n].events)
		n++
	}
	if n == 0 {
		return nil
	}
	group := slices.Clone(in.waiting[:n])
	in.waiting = slices.Delete(in.waiting, 0, n)
	in.active++
	in.queued -= events
	if in.queued >= enough {
		in.call()
	}
	return group
}

// done tells callers what became of their events; err, unless nil, is of all.
func (in *Intake) done(group []*request, err error) {
	in.mu.Lock()
	in.active--
	for _, r := range group {
		in.release(r)
	}
	in.mu.Unlock()
	for _, r := range group {
		r.err = cmp.Or(r.err, err)
		r.answer <- r.outcome
	}
}

// Waiting is how many events wait to be stored, or are being stored.
func (in *Intake) Waiting() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.events
}

func (in *Intake) keepPartitions(ctx context.Context) {
	for {
		pause := partitionInterval
		if err := in.makePartitions(ctx); err != nil {
			in.cfg.Log.DebugContext(ctx, "no partitions for tracked events yet", "error", err)
			pause = partitionRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
