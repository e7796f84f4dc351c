package fold

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/tally"
)

// round is a generation's, as its row has it.
type round struct {
	generation    int
	state         string
	number        int64
	batch, target int64
	since, day    time.Time
}

// The states of a generation.
const (
	building = "building"
	serving  = "serving"
	retired  = "retired"
)

// turn ends a round that all shards have done, and begins the next one if there
// is anything to do in it. It says whether it began one; false too where shards
// are still at it, or another process at this.
func (f *Folder) turn(ctx context.Context, generation int) (began bool, err error) {
	err = pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, settings); err != nil {
			return err
		}
		r := round{generation: generation}
		// Not for update: plans that steps add refer to the row.
		err := tx.QueryRow(ctx, `select state, round, batch, target, day from track_rounds
			where generation = $1 and state <> 'retired' for no key update skip locked`, generation).
			Scan(&r.state, &r.number, &r.batch, &r.target, &r.day)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		deltas, over, err := r.found(ctx, tx)
		if err != nil || !over {
			return err
		}
		if err := f.publish(ctx, tx, &r, deltas); err != nil {
			return fmt.Errorf("cells of round %d: %w", r.number, err)
		}
		began, err = f.begin(ctx, tx, &r)
		return err
	})
	return began, err
}

// found returns what the shards found in the round; over is false where some are
// not done yet. It holds on to them.
func (r *round) found(ctx context.Context, tx pgx.Tx) (deltas [][]byte, over bool, err error) {
	rows, err := tx.Query(ctx, `select round, deltas from track_folds where generation = $1 order by shard for update skip locked`, r.generation)
	if err != nil {
		return nil, false, err
	}
	done := 0
	var number int64
	var found []byte
	_, err = pgx.ForEachRow(rows, []any{&number, &found}, func() error {
		if number == r.number {
			done++
		}
		if len(found) > 0 {
			deltas = append(deltas, found)
		}
		return nil
	})
	return deltas, done == tracking.Shards, err
}

// publish adds what the shards found to the cells.
func (f *Folder) publish(ctx context.Context, tx pgx.Tx, r *round, deltas [][]byte) error {
	sums := map[int64]*tally.Sums{}
	for _, found := range deltas {
		if err := addDeltas(sums, found); err != nil {
			return err
		}
	}
	fresh, err := f.addToCells(ctx, tx, r.generation, sums)
	if err != nil {
		return err
	}
	if len(deltas) > 0 {
		_, err := tx.Exec(ctx, `update track_folds set deltas = null where generation = $1 and deltas is not null`, r.generation)
		if err != nil {
			return err
		}
	}
	r.batch = r.target
	if r.state == serving {
		if err := f.narrow(ctx, tx, r.batch, fresh); err != nil {
			return fmt.Errorf("bound dimensions: %w", err)
		}
	}
	return swapPlans(ctx, tx, r.generation)
}

// errDeltas says that bytes are not what a step leaves.
var errDeltas = errors.New("deltas: malformed")

// addDeltas adds what a step left, plan by plan.
func addDeltas(sums map[int64]*tally.Sums, b []byte) error {
	for len(b) > 0 {
		plan, n := binary.Uvarint(b)
		size, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || size > uint64(len(b)-n-m) {
			return errDeltas
		}
		of := sums[int64(plan)]
		if of == nil {
			of = &tally.Sums{}
			sums[int64(plan)] = of
		}
		b = b[n+m:]
		if err := of.Add(b[:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// swapPlans lets plans that are filled take the place of those before.
func swapPlans(ctx context.Context, tx pgx.Tx, generation int) error {
	rows, err := tx.Query(ctx, `select p.plan from track_plans p where p.generation = $1 and p.state = 'building'
		and not exists (select from track_builds b where b.plan = p.plan and not b.done) order by p.plan`, generation)
	if err != nil {
		return err
	}
	filled, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(filled) == 0 {
		return err
	}
	for _, sql := range []string{
		`delete from track_plans o using track_plans p where p.plan = any($1) and o.generation = p.generation
			and o.experiment_id = p.experiment_id and o.phase = p.phase and o.state = 'serving'`,
		`delete from track_builds where plan = any($1)`,
		`update track_plans set state = 'serving' where plan = any($1)`,
	} {
		if _, err := tx.Exec(ctx, sql, filled); err != nil {
			return err
		}
	}
	return nil
}

// begin begins the next round, if there is anything to do in it.
func (f *Folder) begin(ctx context.Context, tx pgx.Tx, r *round) (bool, error) {
	if err := f.replan(ctx, tx, r.generation); err != nil {
		return false, fmt.Errorf("make plans: %w", err)
	}
	if r.state == building {
		if err := f.takeOver(ctx, tx, r); err != nil {
			return false, err
		}
	}
	size, filling, err := f.border(ctx, tx, r)
	if err != nil {
		return false, fmt.Errorf("find the next border: %w", err)
	}
	began := filling || r.target > r.batch
	if began {
		r.number++
	}
	_, err = tx.Exec(ctx, `update track_rounds set state = $2, round = $3, batch = $4, target = $5, size = $6,
		since = $7, day = $8 where generation = $1`,
		r.generation, r.state, r.number, r.batch, r.target, size, r.since, r.day)
	return began, err
}

// border finds the batch that the next round goes up to: the last one, or the one
// before which some shard has as many rows as a round may have, but the next at
// least. size is about how many rows there are; filling says whether there are
// plans to be filled.
func (f *Folder) border(ctx context.Context, tx pgx.Tx, r *round) (size int64, filling bool, err error) {
	r.since = r.day
	err = tx.QueryRow(ctx, `select batch, day, exists (select from track_plans where generation = $1 and state = 'building')
		from track_head`, r.generation).Scan(&r.target, &r.day, &filling)
	if err != nil || r.target == r.batch {
		return 0, filling, err
	}
	// A statement for each shard, and no join of them: that one a sharded Postgres
	// would refuse.
	var batch pgx.Batch
	for shard := range tracking.Shards {
		batch.Queue(`select count(*), max(batch), max(day) from (
			select batch, day from tracked where shard = $3 and batch > $1 and day >= $4 order by batch limit $2 + 1) t`,
			r.batch, f.cfg.RoundRows, shard, r.since).QueryRow(func(row pgx.Row) error {
			var n int64
			var last *int64
			var day *time.Time
			if err := row.Scan(&n, &last, &day); err != nil || n == 0 {
				return err
			}
			size += n
			// What comes after the batch before the last is of its day at least.
			if border := max(*last-1, r.batch+1); n > int64(f.cfg.RoundRows) && border < r.target {
				r.target, r.day = border, *day
			}
			return nil
		})
	}
	err = tx.SendBatch(ctx, &batch).Close()
	return size, filling, err
}

// takeOver lets a generation serve as soon as it has come as far as the one that
// does.
func (f *Folder) takeOver(ctx context.Context, tx pgx.Tx, r *round) error {
	tag, err := tx.Exec(ctx, `update track_rounds set state = 'retired' where generation in
		(select generation from track_rounds where state = 'serving' and batch <= $1 for no key update skip locked)`, r.batch)
	if err != nil || tag.RowsAffected() != 1 {
		return err
	}
	r.state = serving
	return f.narrowAll(ctx, tx, r)
}
