package fold

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/tracking/tally"
)

// build fills plans that are building with the next units, from their histories
// as this job has left them: those that it counted before it came to them are in
// already, and those behind are not.
func (f *Folder) build(ctx context.Context, tx pgx.Tx, w *worker, j *job) error {
	room := f.cfg.BuildUnits
	for _, c := range j.building {
		for _, shard := range j.shards {
			p := c.built[shard]
			if p.done || room == 0 {
				continue
			}
			n, last, err := f.fill(ctx, tx, w, j.generation, c, shard, room)
			if err != nil {
				return err
			}
			p = progress{last, n < room}
			_, err = tx.Exec(ctx, `update track_builds set unit_id = $3, done = $4 where plan = $1 and shard = $2`,
				c.plan, shard, p.unit, p.done)
			if err != nil {
				return err
			}
			room -= n
		}
	}
	return nil
}

// fill counts up to so many units into a plan. It returns how many there were,
// and the last of them.
func (f *Folder) fill(ctx context.Context, tx pgx.Tx, w *worker, generation int, c *counting, shard int16, room int) (n int, last string, err error) {
	last = c.built[shard].unit
	unitType := c.counter.Plan.UnitType
	rows, err := tx.Query(ctx, `select unit_id, history from track_units
		where generation = $1 and shard = $2 and unit_type = $3 and unit_id > $4 order by unit_id limit $5`,
		generation, shard, unitType, last, room)
	if err != nil {
		return 0, "", err
	}
	var history []byte
	_, err = pgx.ForEachRow(rows, []any{&last, &history}, func() error {
		n++
		if err := w.decoder.Decode(history, &w.after); err != nil {
			return err
		}
		c.counter.Count(&w.after, unitType, last, &tally.Change{All: true}, false, &c.sums)
		return nil
	})
	return n, last, err
}
