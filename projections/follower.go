package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// Follower keeps a catalog for readers in step with the ledger: by what this
// process appends at once, by what others append as soon as it hears of it.
// Without Postgres it keeps the last state; a record that it cannot apply stops
// it for good. All methods may be called concurrently.
type Follower struct {
	store *eventstore.Store
	pool  *pgxpool.Pool
	log   *slog.Logger
	// reading is held while the ledger is read; it is taken before mu.
	reading sync.Mutex
	nudge   chan struct{}

	mu      sync.RWMutex
	catalog *domain.Catalog // guarded by mu, as all below
	loaded  bool
	recent  recent
	// dirty are the entities that changed since the last view, moved the ids that
	// entered or left segments; all says that everything did.
	dirty   map[domain.Stream]struct{}
	moved   map[uuid.UUID]map[string]struct{}
	all     bool
	stopped error
	changed chan struct{}
	// current is when the ledger was last read to its end.
	current time.Time
	reloads uint64
	// from is the position at which the read models were loaded: records after it
	// were checked one by one.
	from int64
	// ghost is the newest position of a history that was rewritten: to have heard
	// of it means nothing.
	ghost int64

	// generation counts the changes of the catalog; it is written under mu.
	generation atomic.Uint64
	building   sync.Mutex // held while a view is built; taken before mu
	view       atomic.Pointer[View]
}

// NewFollower returns a follower of the store's ledger, empty until Run has
// loaded it. Give its Offer to the store as OnCommit. log may be nil.
func NewFollower(store *eventstore.Store, pool *pgxpool.Pool, log *slog.Logger) *Follower {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &Follower{
		store: store, pool: pool, log: log.With("projection", "memory"),
		nudge:   make(chan struct{}, 1),
		catalog: domain.NewCatalog(time.Time{}),
		dirty:   map[domain.Stream]struct{}{},
		moved:   map[uuid.UUID]map[string]struct{}{},
		changed: make(chan struct{}),
		current: time.Now(),
	}
	f.view.Store(emptyView())
	return f
}

// Offer applies records that this process has just committed, so that its
// readers see them at once. It does not wait for anything slow; what it cannot
// use is read from the ledger later.
func (f *Follower) Offer(records []eventstore.Record) {
	f.mu.Lock()
	err := f.apply(records)
	f.mu.Unlock()
	if err != nil {
		f.wake()
	}
}

// View returns experiments and their context as they stand now. It is built by the first who
// asks after a change, so that a burst of changes costs little.
func (f *Follower) View() *View {
	if v := f.view.Load(); v.generation == f.generation.Load() {
		return v
	}
	f.building.Lock()
	defer f.building.Unlock()
	old := f.view.Load()
	next, changed := f.draft(old)
	if err := next.change(changed); err != nil {
		f.stop(fmt.Errorf("position %d: %w", next.Position, err))
		frozen := *old
		frozen.generation = next.generation
		next = &frozen
	}
	f.view.Store(next)
	return next
}

// draft returns a view that still has the old one's content, with what has to be
// changed in it.
func (f *Follower) draft(old *View) (*View, changes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := *old
	var changed changes
	if f.all {
		next, changed = *emptyView(), everything(f.catalog)
	} else {
		changed.members = f.rolls()
		for stream := range f.dirty {
			changed.add(f.catalog, stream)
		}
	}
	next.stand(f.catalog)
	next.Loaded, next.generation = f.loaded, f.generation.Load()
	f.all = false
	clear(f.dirty)
	clear(f.moved)
	return &next, changed
}

// rolls says of the ids that moved whether they are in now. f.mu is held.
func (f *Follower) rolls() map[uuid.UUID]roll {
	rolls := make(map[uuid.UUID]roll, len(f.moved))
	for segment, ids := range f.moved {
		members := f.catalog.Members(segment)
		moved := make(roll, 0, len(ids))
		for id := range ids {
			_, in := members[id]
			moved = append(moved, mention{id, in})
		}
		rolls[segment] = moved
	}
	return rolls
}

// WithCatalog lets read look at the whole catalog, which stands still
// meanwhile. read must be quick and must not keep the catalog; entities that it
// finds may be kept.
func (f *Follower) WithCatalog(read func(*domain.Catalog)) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	read(f.catalog)
}

// Position is the ledger's as far as it was applied.
func (f *Follower) Position() int64 {
	position, _ := f.at()
	return position
}

// Stopped says why the follower applies nothing any more, nil while it does.
func (f *Follower) Stopped() error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.stopped
}

// ReadAt is when the ledger was last read to its end, by this process's clock.
func (f *Follower) ReadAt() time.Time {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.current
}

// Checked says which records this process has seen to follow from each other:
// those after from, up to to.
func (f *Follower) Checked() (from, to int64) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.from, f.catalog.Position()
}

// Changed returns a channel that is closed at the next change.
func (f *Follower) Changed() <-chan struct{} {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.changed
}

// Wait returns when the position is applied, or domain.ErrUnavailable when that
// does not happen before ctx ends.
func (f *Follower) Wait(ctx context.Context, position int64) error {
	for first := true; ; first = false {
		f.mu.RLock()
		changed, stopped, done := f.changed, f.stopped, f.loaded && f.catalog.Position() >= position
		f.mu.RUnlock()
		switch {
		case done:
			return nil
		case stopped != nil:
			return fmt.Errorf("%w: stopped at %w", domain.ErrUnavailable, stopped)
		}
		if first {
			f.wake()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: position %d is not reached yet", domain.ErrUnavailable, position)
		}
	}
}

// Known is the newest position that this process has heard of, in the history
// that the ledger has now.
func (f *Follower) Known() int64 {
	known := f.store.Known()
	f.mu.RLock()
	defer f.mu.RUnlock()
	if known <= f.ghost {
		return f.catalog.Position()
	}
	return max(known, f.catalog.Position())
}

// Lag is by how many positions, and for how long, the ledger is known to be
// ahead.
func (f *Follower) Lag() (positions int64, d time.Duration) {
	known := f.Known()
	f.mu.RLock()
	defer f.mu.RUnlock()
	if positions = known - f.catalog.Position(); positions <= 0 {
		return 0, 0
	}
	return positions, time.Since(f.current)
}

func (f *Follower) at() (int64, domain.Hash) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.catalog.Position(), f.catalog.Hash()
}

func (f *Follower) wake() {
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}

// errForked says that a record belongs to another history than the catalog.
var errForked = errors.New("belongs to another history")

// apply applies those of the records that are new, in order, up to the first
// that does not fit. f.mu is held.
func (f *Follower) apply(records []eventstore.Record) (err error) {
	if !f.loaded || f.stopped != nil {
		return nil
	}
	before, now := f.catalog.Position(), time.Now()
	for i := range records {
		r := &records[i]
		if r.Position <= f.catalog.Position() {
			if hash, ok := f.recent.at(r.Position); ok && hash != r.Hash {
				return fmt.Errorf("position %d: %w", r.Position, errForked)
			}
			continue
		}
		if err = f.applyOne(r, now); err != nil {
			err = fmt.Errorf("position %d: %w", r.Position, err)
			break
		}
	}
	if f.catalog.Position() > before {
		f.announce()
	}
	return err
}

// applyOne asserts what must hold of every record.
func (f *Follower) applyOne(r *eventstore.Record, at time.Time) error {
	c := f.catalog
	switch {
	case r.Position != c.Position()+1:
		return fmt.Errorf("does not follow %d", c.Position())
	case r.Chain(c.Hash()) != r.Hash:
		return fmt.Errorf("its hash does not follow from the record before it: it %w, or was changed", errForked)
	case r.Version != c.Version(r.Stream)+1:
		return fmt.Errorf("version %d of %s does not follow %d", r.Version, r.Stream, c.Version(r.Stream))
	}
	c.Begin()
	c.Apply(r.Stamp(), r.Stream, r.Event)
	if active, inactive := c.Counts(); active < 0 || inactive < 0 {
		c.Rollback()
		return fmt.Errorf("%s leaves %d active and %d inactive experiments", r.Type, active, inactive)
	}
	c.Keep()
	if !f.all {
		f.note(r)
	}
	f.recent.add(r.Position, r.Hash, at)
	return nil
}

// note remembers what a record changed for the next view. f.mu is held.
func (f *Follower) note(r *eventstore.Record) {
	f.dirty[r.Stream] = struct{}{}
	if e, ok := r.Event.(domain.MembersChanged); ok {
		_, segment, _ := r.Stream.Entity()
		f.move(segment, e)
	}
}

func (f *Follower) move(segment uuid.UUID, e domain.MembersChanged) {
	if f.moved[segment] == nil {
		f.moved[segment] = map[string]struct{}{}
	}
	for _, id := range slices.Concat(e.Added, e.Removed) {
		f.moved[segment][id] = struct{}{}
	}
}

// announce tells that the catalog changed. f.mu is held.
func (f *Follower) announce() {
	f.generation.Add(1)
	close(f.changed)
	f.changed = make(chan struct{})
}

// stop ends the following for good.
func (f *Follower) stop(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped != nil {
		return
	}
	f.stopped = err
	// Who waits for a position has to hear of it.
	close(f.changed)
	f.changed = make(chan struct{})
	f.log.Error("projection stopped: it serves its last state until the cause is gone and the process restarted",
		"error", err, "position", f.catalog.Position())
}

// spread is d less up to a quarter, so that replicas do not march in step.
func spread(d time.Duration) time.Duration { return d - rand.N(d/4+1) }
