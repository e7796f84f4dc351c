package feed

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// State is what a process serves from. Immutable: keep it and share it freely.
type State struct {
	Document evaluator.Document
	Snapshot *evaluator.Snapshot
	Keys     []domain.Key
	// ETag is the document's: strong, the same on every replica.
	ETag string
	// Source is the name of the one that it came from, or that confirmed what had
	// been read from this machine's disk.
	Source string
	// Fetched is when it came; Feed.Age tells of its last confirmation.
	Fetched time.Time
	// Faults are the experiments that cannot be evaluated.
	Faults []evaluator.Fault

	stored bool // not yet confirmed by a source that can know
}

// newState compiles an update. Where the content is that of have, what was
// compiled stays.
func newState(source string, u *Update, have *State) (*State, error) {
	next := &State{Document: u.Document, Keys: u.Keys, ETag: u.etag, Source: source, Fetched: time.Now(), stored: u.stored}
	if next.ETag == "" {
		var err error
		if next.ETag, err = ETag(u.Document); err != nil {
			return nil, err
		}
	}
	if have != nil && have.ETag == next.ETag {
		next.Document, next.Snapshot, next.Faults = have.Document, have.Snapshot, have.Faults
		return next, nil
	}
	if have != nil {
		next.Snapshot, next.Faults = have.Snapshot.Recompile(u.Document)
	} else {
		next.Snapshot, next.Faults = evaluator.Compile(u.Document)
	}
	return next, nil
}

// ETag returns a document's strong ETag, which tells its position to people.
func ETag(d evaluator.Document) (string, error) {
	body, err := d.Encode()
	if err != nil {
		return "", fmt.Errorf("encode the snapshot: %w", err)
	}
	sum := xxh3.Hash128(body)
	return fmt.Sprintf(`"%d-%016x%016x"`, d.Position, sum.Hi, sum.Lo), nil
}

// take makes an update the state, unless it is older, or empty for no reason. A
// nil update confirms what is there.
func (f *Feed) take(ctx context.Context, source string, u *Update) error {
	have := f.current.Load()
	if u == nil {
		if have == nil {
			return ErrNothing
		}
		f.confirm(have, source)
		return nil
	}
	if err := fit(have, u); err != nil {
		return err
	}
	next, err := newState(source, u, have)
	if err != nil {
		return err
	}
	if have != nil && have.ETag == next.ETag {
		f.confirm(have, source)
		return nil
	}
	f.swap(ctx, have, next, u)
	return nil
}

// fit says why an update cannot follow what is there.
func fit(have *State, u *Update) error {
	switch {
	case have == nil || u.Rewritten:
		return nil
	case u.Document.Position < have.Document.Position, u.stored && u.Document.Position == have.Document.Position:
		return ErrBehind
	case len(u.Document.Experiments) == 0 && len(have.Document.Experiments) > 0 && !deletes(u.Document, have.Document.Position):
		return ErrEmptied
	}
	return nil
}

// deletes says whether an experiment was deleted after a position.
func deletes(d evaluator.Document, after int64) bool {
	return slices.ContainsFunc(d.Deleted, func(t evaluator.Tombstone) bool {
		return t.Kind == domain.KindExperiment && t.Position > after
	})
}

// confirm notes that the state is the newest. What came from disk is the
// source's from now on.
func (f *Feed) confirm(have *State, source string) {
	if have.stored {
		proven := *have
		proven.stored, proven.Source, proven.Fetched = false, source, time.Now()
		f.current.Store(&proven)
	}
	now := time.Now()
	f.confirmed.Store(&now)
}

func (f *Feed) swap(ctx context.Context, have, next *State, u *Update) {
	log := f.cfg.Log.With("source", next.Source, "position", next.Document.Position)
	if have != nil && next.Document.Position <= have.Document.Position {
		log.WarnContext(ctx, "the ledger was rewritten: another snapshot is served", "was", have.Document.Position)
	}
	if len(next.Faults) > 0 && (have == nil || !slices.Equal(have.Faults, next.Faults)) {
		var all []string
		for _, fault := range next.Faults {
			all = append(all, fmt.Sprint(fault))
		}
		log.ErrorContext(ctx, "experiments that cannot be evaluated are left out", "faults", strings.Join(all, "; "))
	}
	at := u.at
	if !u.stored {
		at = time.Now()
	}
	f.confirmed.Store(&at)
	f.current.Store(next)
	f.swaps.Add(1)
	f.tell()
	if have == nil {
		log.InfoContext(ctx, "serving a snapshot", "experiments", next.Snapshot.Len(), "age", f.Age().Round(time.Second))
	}
}
