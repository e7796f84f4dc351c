package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/projections"
)

// sourcePatience is for how long the ledger may not have been read before what
// was read does not count as current any more. It is read once a second.
const sourcePatience = 5 * time.Second

// Source returns the ledger as a source of a feed in this process, named
// "ledger". Each feed needs one of its own.
func (p *Plane) Source() feed.Source {
	return &source{store: p.Store, follower: p.Follower, patience: sourcePatience}
}

type source struct {
	store    *eventstore.Store
	follower *projections.Follower
	patience time.Duration
	last     *projections.View // what was fetched last
}

func (s *source) Name() string { return "ledger" }

// Fetch returns the follower's view. While the ledger cannot be read it is of no
// use to a feed that has a state already: that others might know better.
func (s *source) Fetch(ctx context.Context, have *feed.State) (*feed.Update, error) {
	readAt, view := s.follower.ReadAt(), s.follower.View()
	if !view.Loaded {
		return nil, errors.New("the ledger has not been read yet")
	}
	if err := s.follower.Stopped(); err != nil && have != nil {
		return nil, fmt.Errorf("the ledger cannot be applied: %w", err)
	}
	if age := time.Since(readAt); age > s.patience && have != nil {
		return nil, fmt.Errorf("the ledger was last read %v ago", age.Round(time.Second))
	}
	if view == s.last && have != nil && have.Source == s.Name() && have.Document.Position == view.Position {
		return nil, nil
	}
	u := &feed.Update{Document: view.Document(), Keys: view.Keys()}
	if have != nil && have.Document.Position > view.Position {
		// Either another is ahead, or what is served is of a history that was undone.
		head, err := s.store.Head(ctx)
		if err != nil {
			return nil, err
		}
		u.Rewritten = head.Position < have.Document.Position
	}
	s.last = view
	return u, nil
}

// Watch tells of each change of the follower's view.
func (s *source) Watch(ctx context.Context, hint func(position int64)) error {
	for ctx.Err() == nil {
		changed := s.follower.Changed()
		hint(s.follower.Position())
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
