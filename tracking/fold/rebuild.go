package fold

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking"
)

// Rebuild counts everything again from the first batch on, beside what serves,
// and lets it take that one's place. Folders do the work: one must be running.
// progress, if any, is told how many of how many batches are done. It is a
// domain.ConflictError while another rebuild is under way.
func (f *Folder) Rebuild(ctx context.Context, progress func(done, total int64)) error {
	generation, err := f.beginGeneration(ctx)
	if err != nil {
		return err
	}
	for {
		var state string
		var batch, head int64
		err := f.pool.QueryRow(ctx, `select r.state, r.batch, h.batch from track_rounds r, track_head h where r.generation = $1`, generation).
			Scan(&state, &batch, &head)
		switch {
		case errors.Is(err, pgx.ErrNoRows): // another one has taken its place already
			return nil
		case err != nil:
			return err
		case state != building:
			return nil
		}
		if progress != nil {
			progress(batch, head)
		}
		pause(ctx, f.cfg.Poll)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// beginGeneration makes an empty generation.
func (f *Folder) beginGeneration(ctx context.Context) (generation int, err error) {
	// There is one that is building at most.
	err = f.pool.QueryRow(ctx, `with r as (
			insert into track_rounds (generation, state, round, batch, target, size)
			select max(generation) + 1, 'building', 0, 0, 0, 0 from track_rounds
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
