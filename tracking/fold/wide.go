package fold

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/tracking/tally"
)

// planDimension names a dimension of a plan.
type planDimension struct {
	plan      int64
	dimension string
}

// readWide lists the dimensions of a generation's plans that are not counted by,
// since they had too many values.
func readWide(ctx context.Context, tx pgx.Tx, generation int) (map[int64][]string, error) {
	rows, err := tx.Query(ctx, `select p.plan, w.dimension from track_wide w join track_plans p on p.hash = w.plan
		where p.generation = $1`, generation)
	if err != nil {
		return nil, err
	}
	wide := map[int64][]string{}
	var of planDimension
	_, err = pgx.ForEachRow(rows, []any{&of.plan, &of.dimension}, func() error {
		wide[of.plan] = append(wide[of.plan], of.dimension)
		return nil
	})
	return wide, err
}

// wideAt lists the dimensions of a plan that are not counted by at a batch.
func wideAt(ctx context.Context, q eventstore.Querier, plan *tally.Plan, batch int64) ([]string, error) {
	doc, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(doc)
	rows, err := q.Query(ctx, `select dimension from track_wide where plan = $1 and batch <= $2 order by dimension`, hash[:], batch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// narrow records which of the dimensions have too many values as of a batch, and
// deletes the cells of those, and of others that are known to be wide. Only what
// serves may record: what it has answered before must not change.
func (f *Folder) narrow(ctx context.Context, tx pgx.Tx, batch int64, dimensions []planDimension) error {
	if len(dimensions) == 0 {
		return nil
	}
	plans, names := make([]int64, len(dimensions)), make([]string, len(dimensions))
	for i, of := range dimensions {
		plans[i], names[i] = of.plan, of.dimension
	}
	rows, err := tx.Query(ctx, `insert into track_wide (plan, dimension, batch)
		select p.hash, k.dimension, $3 from unnest($1::bigint[], $2::text[]) k (plan, dimension) join track_plans p on p.plan = k.plan
		where (select count(distinct c.value) from track_cells c
			where c.plan = k.plan and c.dimension = k.dimension and c.metric = '') > $4
		on conflict do nothing returning dimension`, plans, names, batch, f.cfg.Values)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(found) > 0 {
		f.cfg.Log.WarnContext(ctx, "dimensions have too many values to be counted by", "dimensions", found, "batch", batch)
	}
	_, err = tx.Exec(ctx, `delete from track_cells c
		using unnest($1::bigint[], $2::text[]) k (plan, dimension), track_plans p, track_wide w
		where p.plan = k.plan and w.plan = p.hash and w.dimension = k.dimension and c.plan = k.plan and c.dimension = k.dimension`,
		plans, names)
	return err
}

// narrowAll is narrow of all dimensions of a generation that begins to serve.
func (f *Folder) narrowAll(ctx context.Context, tx pgx.Tx, r *round) error {
	rows, err := tx.Query(ctx, `select distinct p.plan, c.dimension from track_plans p join track_cells c on c.plan = p.plan
		where p.generation = $1 and c.dimension <> '' and c.metric = ''`, r.generation)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (of planDimension, err error) {
		err = row.Scan(&of.plan, &of.dimension)
		return of, err
	})
	if err != nil {
		return err
	}
	return f.narrow(ctx, tx, r.batch, all)
}
