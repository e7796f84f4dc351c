package fold

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/tracking/tally"
)

// cell is a row of track_cells, or what has to be added to it.
type cell struct {
	plan   int64
	key    tally.CellKey
	row    tally.Row
	stored bool // there is a row
}

// keyColumns are the keys of cells as the arguments of unnestKeys, from $1 on.
func keyColumns(cells []cell) []any {
	n := len(cells)
	plans, metrics, variations, epochs := make([]int64, n), make([]string, n), make([]int16, n), make([]int32, n)
	dimensions, values, days := make([]string, n), make([]string, n), make([]int32, n)
	for i, c := range cells {
		plans[i], metrics[i], variations[i], epochs[i] = c.plan, c.key.Metric, int16(c.key.Variation), int32(c.key.Epoch)
		dimensions[i], values[i], days[i] = c.key.Dimension, c.key.Value, daysOf(c.key.Day)
	}
	return []any{plans, metrics, variations, epochs, dimensions, values, days}
}

const (
	keyNames   = `plan, metric, variation, epoch, dimension, value, day`
	keyArrays  = `$1::bigint[], $2::text[], $3::smallint[], $4::int[], $5::text[], $6::text[], $7::int[]`
	unnestKeys = `unnest(` + keyArrays + `)`
	keysMatch  = `c.plan = k.plan and c.metric = k.metric and c.variation = k.variation and c.epoch = k.epoch
		and c.dimension = k.dimension and c.value = k.value and c.day = date '2000-01-01' + k.day`
)

// addToCells adds sums to the cells of their plans, and returns the dimensions that
// may have got further values.
func (f *Folder) addToCells(ctx context.Context, tx pgx.Tx, generation int, sums map[int64]*tally.Sums) (fresh []planDimension, err error) {
	if len(sums) == 0 {
		return nil, nil
	}
	cells, err := f.list(ctx, tx, generation, sums)
	if err != nil {
		return nil, err
	}
	if err := addStored(ctx, tx, cells); err != nil {
		return nil, err
	}
	var kept, gone []cell
	more := map[planDimension]bool{}
	for _, c := range cells {
		if c.row.IsZero() {
			gone = append(gone, c)
			continue
		}
		kept = append(kept, c)
		if c.key.Dimension != "" && !c.stored {
			more[planDimension{c.plan, c.key.Dimension}] = true
		}
	}
	if err := deleteCells(ctx, tx, gone); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Keys(more)), writeCells(ctx, tx, kept)
}

// list names the cells of sums, without those of dimensions that have been found
// to be wide since they were counted.
func (f *Folder) list(ctx context.Context, tx pgx.Tx, generation int, sums map[int64]*tally.Sums) ([]cell, error) {
	var plans []*counting
	for plan := range sums {
		plans = append(plans, &counting{plan: plan})
	}
	if err := f.knowCounters(ctx, tx, generation, plans); err != nil {
		return nil, err
	}
	wide, err := readWide(ctx, tx, generation)
	if err != nil {
		return nil, err
	}
	var cells []cell
	for _, p := range plans {
		sums[p.plan].Each(&p.counter.Plan, func(key tally.CellKey, row tally.Row) {
			if !slices.Contains(wide[p.plan], key.Dimension) {
				cells = append(cells, cell{plan: p.plan, key: key, row: row})
			}
		})
	}
	return cells, nil
}

// addStored adds what the cells hold already.
func addStored(ctx context.Context, tx pgx.Tx, cells []cell) error {
	sql := `select k.place, c.n, c.sums, c.sketch from ` + unnestKeys + ` with ordinality k (` + keyNames + `, place)
		join track_cells c on ` + keysMatch
	rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, keyColumns(cells)...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		v := rows.RawValues()
		c := &cells[bigEndian(v[0])-1]
		row := &c.row
		c.stored = true
		row.N += int64(bigEndian(v[1]))
		var sums [tally.SumCount]tally.Int
		if err := numerics(v[2], sums[:]); err != nil {
			return err
		}
		for i := range sums {
			row.Sums[i].Add(&sums[i])
		}
		if len(v[3]) == 0 {
			continue
		}
		if row.Sketch == nil {
			row.Sketch = tally.Sketch{}
		}
		if err := row.Sketch.Add(v[3]); err != nil {
			return err
		}
	}
	return rows.Err()
}

// deleteCells deletes those that have become 0.
func deleteCells(ctx context.Context, tx pgx.Tx, cells []cell) error {
	if len(cells) == 0 {
		return nil
	}
	sql := `delete from track_cells c using ` + unnestKeys + ` k (` + keyNames + `) where ` + keysMatch
	if _, err := tx.Exec(ctx, sql, keyColumns(cells)...); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

func writeCells(ctx context.Context, tx pgx.Tx, cells []cell) error {
	if len(cells) == 0 {
		return nil
	}
	ns, sums, sketches := make([]int64, len(cells)), make([]string, len(cells)), make([][]byte, len(cells))
	for i, c := range cells {
		ns[i], sums[i] = c.row.N, sumsText(c.row.Sums)
		if sketch := c.row.Sketch.Append(nil); len(sketch) > 0 {
			sketches[i] = sketch
		}
	}
	sql := `insert into track_cells (` + keyNames + `, n, sums, sketch)
		select plan, metric, variation, epoch, dimension, value, date '2000-01-01' + day, n, sums::numeric[], sketch
		from unnest(` + keyArrays + `, $8::bigint[], $9::text[], $10::bytea[]) k (` + keyNames + `, n, sums, sketch)
		on conflict (` + keyNames + `) do update set n = excluded.n, sums = excluded.sums, sketch = excluded.sketch`
	if _, err := tx.Exec(ctx, sql, append(keyColumns(cells), ns, sums, sketches)...); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// sumsText is the text of a Postgres array, without zeros at the end.
func sumsText(sums *[tally.SumCount]tally.Int) string {
	n := len(sums)
	for n > 0 && sums[n-1].IsZero() {
		n--
	}
	b := []byte{'{'}
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if sums[i].IsZero() {
			b = append(b, '0')
		} else {
			b = sums[i].Big().Append(b, 10)
		}
	}
	return string(append(b, '}'))
}
