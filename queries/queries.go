// Package queries answers: lists and documents, an experiment as it stood at
// any moment, histories, daily reports. Each answer says how current it is; the
// parts that can be answered without Postgres are. Begin with New.
package queries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/projections"
	tracked "github.com/assaylabs/assay/tracking/fold"
)

const (
	// MaxLimit bounds the items of one page.
	MaxLimit = 1000
	// defaultLimit is the items of a page whose reader did not say.
	defaultLimit = 100
	// waitTime bounds Wait.
	waitTime = 2 * time.Second
)

// Service answers queries. It may be used by many goroutines.
type Service struct {
	store    *eventstore.Store
	follower *projections.Follower
	redis    *projections.Redis // nil where there is none
	postgres *postgres
	results  *results
	parsed   cache
	glances  glances
	overview overview
	strays   strays
	ping     ping
}

// New returns the queries on a ledger and its read models; redis may be nil. The
// deriver may be shared: it holds all of the ledger that evaluation depends on.
func New(store *eventstore.Store, follower *projections.Follower, redis *projections.Redis, pool *pgxpool.Pool, deriver tracked.Deriver) *Service {
	reading := &postgres{pool: pool}
	return &Service{
		store: store, follower: follower, redis: redis,
		postgres: reading, results: newResults(store, reading, deriver), strays: newStrays(),
	}
}

// Page is a part of a list. NextCursor fetches the next part; nil at the end.
type Page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// known is the newest position that this process has heard of: what an answer
// must not be behind of, or a caller could miss its own command.
func (s *Service) known() int64 { return s.follower.Known() }

// errUnread is the answer of what reads memory, before there is any.
var errUnread = fmt.Errorf("%w: the ledger has not been read yet", domain.ErrUnavailable)

// current says whether this process's memory holds all that it has heard of.
func (s *Service) current() bool {
	view := s.follower.View()
	return view.Loaded && s.follower.Stopped() == nil && view.Position >= s.known()
}

// Wait waits until queries answer as of that position or a later one, for up to
// 2 s; then it returns domain.ErrUnavailable.
func (s *Service) Wait(ctx context.Context, position int64) error {
	ctx, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	for {
		grown, changed := s.store.Signal(), s.follower.Changed()
		if s.known() >= position {
			break
		}
		select {
		case <-grown:
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: position %d has not been reached", domain.ErrUnavailable, position)
		}
	}
	// A memory that has stopped is not read while Postgres answers.
	if s.follower.View().Position >= position || s.follower.Stopped() != nil {
		return nil
	}
	if err := s.follower.Wait(ctx, position); err != nil && s.follower.Stopped() == nil {
		return fmt.Errorf("%w: position %d has not been read yet: %w", domain.ErrUnavailable, position, err)
	}
	return nil
}

// bound gives a page's limit its default and checks its range.
func bound(limit int) (int, error) {
	if limit == 0 {
		return defaultLimit, nil
	}
	if limit < 0 || limit > MaxLimit {
		return 0, domain.Invalid("limit", "must be a whole number from 1 to %d", MaxLimit)
	}
	return limit, nil
}

// unavailable makes an error one that waiting may cure, unless it is something
// else already.
func unavailable(err error) error {
	var invalid *domain.InvalidError
	if err == nil || errors.Is(err, domain.ErrUnavailable) || errors.Is(err, domain.ErrNotFound) || errors.As(err, &invalid) {
		return err
	}
	return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
}
