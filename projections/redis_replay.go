package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// replayPatience bounds the attempts to swap the rebuilt hash in while others
// move the old one.
const replayPatience = 10 * time.Second

// RedisReplayed is what ReplayRedis did.
type RedisReplayed struct {
	// Records were folded, Documents are in Redis.
	Records   int64 `json:"records"`
	Documents int   `json:"documents"`
}

// ReplayRedis rebuilds a namespace's hash from the ledger's first record on, and
// puts it in the place of whatever Redis holds, while the system serves.
func ReplayRedis(ctx context.Context, pool *pgxpool.Pool, client redis.UniversalClient, namespace string, opts ReplayOptions) (RedisReplayed, error) {
	head, err := eventstore.ReadHead(ctx, pool)
	if err != nil {
		return RedisReplayed{}, fmt.Errorf("read the ledger's head: %w", err)
	}
	r := &redisReplayer{
		Redis:   NewRedis(client, namespace, nil, pool, slog.New(slog.DiscardHandler)),
		catalog: domain.NewCatalog(head.BeganAt), opts: opts, total: head.Position,
	}
	if err := r.fold(ctx); err != nil {
		return RedisReplayed{}, err
	}
	swapping, cancel := context.WithTimeout(ctx, replayPatience)
	defer cancel()
	for start := time.Now(); ; {
		done, err := r.attempt(swapping, time.Since(start) < lockPatience)
		if done || err != nil && !errors.Is(err, errBusy) {
			return r.result(), err
		}
		select {
		case <-swapping.Done():
			return RedisReplayed{}, fmt.Errorf("swap the rebuilt hash in: %w", swapping.Err())
		case <-time.After(spread(lockRetry)):
		}
	}
}

// redisReplayer is a projection whose view comes from the ledger alone.
type redisReplayer struct {
	*Redis
	catalog *domain.Catalog
	view    *View
	opts    ReplayOptions
	total   int64
}

func (r *redisReplayer) result() RedisReplayed {
	return RedisReplayed{Records: r.catalog.Position(), Documents: len(r.view.Docs)}
}

// fold applies what the ledger holds after the catalog, and makes the view anew
// if that was anything.
func (r *redisReplayer) fold(ctx context.Context) error {
	err := readOn(ctx, r.pool, r.catalog.Position(), r.opts.Redacted, r.apply)
	if err != nil || r.view != nil && r.view.Position == r.catalog.Position() {
		return err
	}
	r.view, err = viewOf(r.catalog)
	return err
}

func (r *redisReplayer) apply(c *chunk) error {
	for i := range c.records {
		record := &c.records[i]
		if record.Chain(r.catalog.Hash()) != record.Hash {
			return fmt.Errorf("record %d: its hash does not follow from the record before it", record.Position)
		}
		r.catalog.Apply(record.Stamp(), record.Stream, record.Event)
	}
	if c.fault != nil {
		return fmt.Errorf("record %d: %s", c.fault.position, c.fault.problem)
	}
	if r.opts.Progress != nil {
		r.opts.Progress(r.catalog.Position(), max(r.total, r.catalog.Position()))
	}
	return nil
}

// attempt swaps the view in, unless somebody moves the hash meanwhile. The tail
// of the ledger is folded first, so that Redis does not go back.
func (r *redisReplayer) attempt(ctx context.Context, patient bool) (done bool, err error) {
	if err := r.fold(ctx); err != nil {
		return false, err
	}
	release, err := r.lock(ctx, patient, r.view)
	if err != nil {
		return false, err
	}
	defer release()
	at, err := r.read(ctx, true)
	if err != nil {
		return false, err
	}
	// Whoever has the lock finds few records that came since.
	if err := r.fold(ctx); err != nil {
		return false, err
	}
	now, err := r.exchange(ctx, at, r.view)
	return err == nil && now.mark == r.view.mark(), err
}
