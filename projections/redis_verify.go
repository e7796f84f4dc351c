package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
)

// How long Redis may take to stand where the ledger does: while it is only
// behind, and while it has to be healed.
const (
	behindTime = time.Second
	unfitTime  = 6 * time.Second
)

// compareRedis lists how Redis differs from the ledger that a catalog was folded
// from. The system may be serving: both are read until they stand at the same
// position. A Redis that is away, empty or behind shows nobody anything wrong:
// that is noted.
func (v *verifier) compareRedis(ctx context.Context, pool *pgxpool.Pool) error {
	r := &redisReplayer{
		Redis:   NewRedis(v.opts.Redis, v.opts.Namespace, nil, pool, slog.New(slog.DiscardHandler)),
		catalog: v.catalog, opts: ReplayOptions{Redacted: v.opts.Redacted},
	}
	for start := time.Now(); ; {
		if err := r.fold(ctx); err != nil {
			return err
		}
		at, err := r.read(ctx, true)
		if err == nil {
			err = at.fault
		}
		if err == nil && at.mark.position == r.view.Position {
			v.compareDocs(at, r.view)
			return nil
		}
		waited := time.Since(start)
		switch {
		case errors.Is(err, ErrRedisCorrupt) && waited > unfitTime:
			v.mismatch("%v", err)
			return nil
		case errors.Is(err, ErrRedisCorrupt) || waited < behindTime:
		case err != nil:
			v.Notes = append(v.Notes, err.Error())
			return nil
		case at.mark.position > r.view.Position:
			v.mismatch("redis: it stands at position %d, beyond the ledger's end %d", at.mark.position, r.view.Position)
			return nil
		default:
			v.Notes = append(v.Notes, fmt.Sprintf("redis stands at position %d, behind the ledger's %d", at.mark.position, r.view.Position))
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(spread(healRetry)):
		}
	}
}

func (v *verifier) compareDocs(at found, view *View) {
	before := len(v.Mismatches)
	docs := make([]contextField, len(view.Docs))
	for i, d := range view.Docs {
		docs[i] = contextField{d.Experiment.ID.String(), d.JSON}
	}
	v.compareFields("experiment ", at.docs, docs)
	v.compareFields("context ", at.context, view.contextFields(-1))
	if at.mark != view.mark() && len(v.Mismatches) == before {
		v.mismatch("redis: its digest is of another history, %s", domain.Checkpoint(at.mark.position, at.mark.hash))
	}
}

func (v *verifier) compareFields(what string, have map[string]string, want []contextField) {
	for _, f := range want {
		if value, ok := have[f.name]; !ok {
			v.mismatch("redis: %s%s is missing", what, f.name)
		} else if value != string(f.value) {
			v.mismatch("redis: %s%s is %.200s and should be %.200s", what, f.name, value, f.value)
		}
	}
	if len(have) > len(want) {
		v.mismatch("redis: %d fields of %stoo many", len(have)-len(want), what)
	}
}
