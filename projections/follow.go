package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

const (
	// followPage is how many records are read at once.
	followPage = 2_000
	// followTick is how often the ledger's head is compared with the catalog.
	followTick = time.Second
	// readTimeout bounds one read of records, loadTimeout one of all read models.
	readTimeout = 5 * time.Second
	loadTimeout = time.Minute
)

// Run follows the ledger until ctx ends.
func (f *Follower) Run(ctx context.Context) error {
	var failures int
	audit := true
	for ctx.Err() == nil && f.Stopped() == nil {
		signal := f.store.Signal()
		err := f.follow(ctx, audit)
		f.report(ctx, err, failures)
		if err != nil {
			failures++
			signal = nil
		} else {
			failures = 0
		}
		audit = f.await(ctx, signal, failures)
	}
	<-ctx.Done()
	return ctx.Err()
}

// await waits until there may be something new. It says whether that is for
// the passing of time, or somebody's doubt, rather than for a newer position.
func (f *Follower) await(ctx context.Context, signal <-chan struct{}, failures int) (audit bool) {
	timer := time.NewTimer(retryAfter(failures))
	defer timer.Stop()
	nudge := f.nudge
	if failures > 0 {
		nudge = nil
	}
	select {
	case <-signal:
		return false
	case <-nudge:
	case <-timer.C:
	case <-ctx.Done():
	}
	return true
}

// retryAfter is the pause after so many failures in a row: from 50 ms, doubled,
// up to the tick, which it is after none.
func retryAfter(failures int) time.Duration {
	if failures == 0 || failures > 5 {
		return spread(followTick)
	}
	return spread(50 * time.Millisecond << (failures - 1))
}

func (f *Follower) report(ctx context.Context, err error, failures int) {
	switch {
	case ctx.Err() != nil:
	case err != nil && failures == 0 && f.Stopped() == nil:
		f.log.WarnContext(ctx, "ledger not readable: the last state is kept", "error", err, "position", f.Position())
	case err == nil && failures > 0:
		f.log.InfoContext(ctx, "ledger readable again", "position", f.Position())
	}
}

// CatchUp applies all that the ledger holds now.
func (f *Follower) CatchUp(ctx context.Context) error { return f.follow(ctx, true) }

// follow reads the ledger to its end. An audit also finds out whether the
// ledger is still the one that the catalog was made of.
func (f *Follower) follow(ctx context.Context, audit bool) error {
	f.reading.Lock()
	defer f.reading.Unlock()
	if err := f.Stopped(); err != nil {
		return err
	}
	if !f.isLoaded() {
		if err := f.load(ctx); err != nil {
			return err
		}
	}
	if audit {
		if err := f.audit(ctx); err != nil {
			return err
		}
	}
	// What this process appended itself it was handed already.
	for more := audit || f.Position() < f.store.Known(); more; {
		var err error
		if more, err = f.readPage(ctx); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = time.Now()
	return nil
}

func (f *Follower) isLoaded() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.loaded
}

// audit reloads when the ledger was rewritten: its head is below the catalog,
// or of another hash. (When it is above, the next record shows it.)
func (f *Follower) audit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	// Taken first: the ledger cannot be behind what was committed before.
	position, hash := f.at()
	head, err := f.store.Head(ctx)
	if err != nil {
		return err
	}
	if head.Position < position || head.Position == position && head.Hash != hash {
		return f.reload(ctx, head.Position, nil)
	}
	return nil
}

// readPage applies the next records and says whether there may be more.
func (f *Follower) readPage(ctx context.Context) (more bool, err error) {
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	after, _ := f.at()
	records, err := f.store.ReadAll(reading, after, followPage)
	var poison *eventstore.PoisonError
	if err != nil && !errors.As(err, &poison) {
		return false, err
	}
	f.mu.Lock()
	misfit := f.apply(records)
	f.mu.Unlock()
	if misfit != nil {
		return true, f.distrust(ctx, misfit)
	}
	if poison != nil {
		err := fmt.Errorf("position %d: %w", poison.Position, poison.Err)
		f.stop(err)
		return false, err
	}
	return len(records) == followPage, nil
}

// distrust finds out what it means that a record does not fit: either the
// ledger has another history by now, or the record itself is wrong.
func (f *Follower) distrust(ctx context.Context, misfit error) error {
	asking, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	position, hash := f.at()
	have, ok, err := f.store.HashAt(asking, position)
	if err != nil {
		return err
	}
	if ok && have == hash {
		f.stop(misfit)
		return misfit
	}
	return f.reload(ctx, position, misfit)
}

// reload replaces the catalog by that of a rewritten ledger.
func (f *Follower) reload(ctx context.Context, head int64, misfit error) error {
	f.log.WarnContext(ctx, "the ledger was rewritten, by a restore or a fail-over: reloading",
		"position", f.Position(), "head", head, "misfit", misfit)
	if err := f.load(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reloads++
	f.ghost = f.store.Known()
	return nil
}

// load replaces the catalog by what the read models hold.
func (f *Follower) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	var catalog *domain.Catalog
	err := Snapshot(ctx, f.pool, func(tx pgx.Tx) (err error) {
		catalog, err = Load(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catalog, f.loaded, f.all, f.from = catalog, true, true, catalog.Position()
	clear(f.dirty)
	clear(f.moved)
	f.recent = recent{}
	f.recent.add(catalog.Position(), catalog.Hash(), time.Now())
	f.announce()
	return nil
}

// hashAt is the ledger's hash at a position; ok is false where there is none.
func (f *Follower) hashAt(ctx context.Context, position int64) (hash domain.Hash, ok bool, err error) {
	if hash, ok := f.remembers(position); ok {
		return hash, true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return f.store.HashAt(ctx, position)
}

// remembers is hashAt for recent positions, without asking Postgres.
func (f *Follower) remembers(position int64) (domain.Hash, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.recent.at(position)
}

// appliedAt is when this process applied the record at a recent position.
func (f *Follower) appliedAt(position int64) (time.Time, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	slot := f.recent.slot(position)
	return slot.applied, slot.position == position && !slot.applied.IsZero()
}

// recent remembers the last records.
type recent struct{ ring [4096]applied }

type applied struct {
	position int64
	hash     domain.Hash
	applied  time.Time
}

func (r *recent) slot(position int64) *applied {
	return &r.ring[uint64(position)%uint64(len(r.ring))]
}

func (r *recent) add(position int64, hash domain.Hash, at time.Time) {
	*r.slot(position) = applied{position, hash, at}
}

func (r *recent) at(position int64) (domain.Hash, bool) {
	slot := r.slot(position)
	return slot.hash, slot.position == position && !slot.applied.IsZero()
}
