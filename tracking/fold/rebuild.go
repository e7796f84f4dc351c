package fold

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking"
)

// Rebuild counts everything again from the first batch on, beside what serves,
// and lets it take that one's place. It returns how many batches that were.
// Folders do the work: one must be running. progress, if any, is told how many of
// how many batches are done. It is a domain.ConflictError while another rebuild is
// under way.
func (f *Folder) Rebuild(ctx context.Context, progress func(done, total int64)) (batches int64, err error) {
	generation, err := f.beginGeneration(ctx)
	if err != nil {
		return 0, err
	}
	for {
		var state string
		var head int64
		err := f.pool.QueryRow(ctx, `select state, batch, (select batch from track_head) from track_rounds where generation = $1`, generation).
			Scan(&state, &batches, &head)
		switch {
		case errors.Is(err, pgx.ErrNoRows), err == nil && state != building:
			return batches, nil
		case err != nil && !isAway(err):
			return batches, err
		case err == nil && progress != nil:
			progress(batches, head)
		}
		if pause(ctx, f.cfg.Poll); ctx.Err() != nil {
			return batches, ctx.Err()
		}
	}
}

// beginGeneration makes an empty generation.
func (f *Folder) beginGeneration(ctx context.Context) (generation int, err error) {
	// There is one that is building at most.
	err = f.pool.QueryRow(ctx, `with r as (
			insert into track_rounds (generation, state, round, batch, target, size, since, day)
			select max(generation) + 1, 'building', 0, 0, 0, 0, '0001-01-01', '0001-01-01' from track_rounds
			on conflict do nothing returning generation
		), f as (
			insert into track_folds (generation, shard, round) select generation, generate_series(0, $1::int - 1), 0 from r
		)
		select generation from r`, tracking.Shards).Scan(&generation)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, &domain.ConflictError{Problem: "another rebuild is under way"}
	}
	return generation, err
}
