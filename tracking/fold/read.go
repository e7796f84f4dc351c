package fold

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/tracking/tally"
)

// Reading is what is counted of a phase.
type Reading struct {
	// Batch is the tracking position: the cells are exactly those of all that was
	// tracked up to it.
	Batch int64
	// Plan is how it was counted, made from the ledger as it stood at Position. A
	// phase that nobody was exposed to has none: its Experiment is zero, as is all
	// but Batch.
	Plan     tally.Plan
	Position int64
	Cells    map[tally.CellKey]tally.Cell
	// Wide are the plan's dimensions without cells, since they had too many values.
	Wide []string
	// More has by dimension how many values are together in that of tally.Other.
	More map[string]int
}

// Read returns what is counted of a phase now, in one snapshot. While a changed
// plan is still being filled it is that of the plan before.
func Read(ctx context.Context, pool *pgxpool.Pool, experiment uuid.UUID, phase int) (Reading, error) {
	return read(ctx, pool, experiment, phase, func(ctx context.Context, tx pgx.Tx, plan int64, r *Reading) (err error) {
		r.Cells, err = readCells(ctx, tx, plan, "")
		return err
	})
}

// ReadDimension is Read without the cells of other dimensions; with the empty one it
// is without any. Of a dimension it reads the MaxValues values with most units, and
// what is left for all others together, as Bound does: it takes no longer where
// there are very many.
func ReadDimension(ctx context.Context, pool *pgxpool.Pool, experiment uuid.UUID, phase int, dimension string) (Reading, error) {
	return read(ctx, pool, experiment, phase, func(ctx context.Context, tx pgx.Tx, plan int64, r *Reading) (err error) {
		var most []string
		var all int
		if dimension != "" && !slices.Contains(r.Wide, dimension) {
			if most, all, err = mostUnits(ctx, tx, plan, dimension); err != nil {
				return err
			}
		}
		r.Cells, err = readCells(ctx, tx, plan, ` and (dimension = '' or dimension = $2 and value = any ($3))`, dimension, most)
		if more := all - len(most); err == nil && more > 0 {
			r.More = map[string]int{dimension: more}
			addOther(r.Cells, dimension)
		}
		return err
	})
}

func read(ctx context.Context, pool *pgxpool.Pool, experiment uuid.UUID, phase int,
	cells func(ctx context.Context, tx pgx.Tx, plan int64, r *Reading) error,
) (Reading, error) {
	var r Reading
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) error {
		var plan *int64
		var position *int64
		var doc []byte
		err := tx.QueryRow(ctx, `select r.batch, p.plan, p.position, p.doc
			from track_rounds r left join track_plans p on p.generation = r.generation
				and p.experiment_id = $1 and p.phase = $2 and p.state = 'serving'
			where r.state = 'serving'`, experiment, phase).Scan(&r.Batch, &plan, &position, &doc)
		if err != nil || plan == nil {
			return err
		}
		r.Position = *position
		if err := json.Unmarshal(doc, &r.Plan); err != nil {
			return fmt.Errorf("plan %d: %w", *plan, err)
		}
		if r.Wide, err = wideAt(ctx, tx, &r.Plan, r.Batch); err != nil {
			return err
		}
		if err := cells(ctx, tx, *plan, &r); err != nil {
			return err
		}
		// A process of an older version may still count by them.
		maps.DeleteFunc(r.Cells, func(key tally.CellKey, _ tally.Cell) bool { return slices.Contains(r.Wide, key.Dimension) })
		return nil
	})
	return r, err
}

// Position is the tracking position.
func Position(ctx context.Context, pool *pgxpool.Pool) (batch int64, err error) {
	err = pool.QueryRow(ctx, `select batch from track_rounds where state = 'serving'`).Scan(&batch)
	return batch, err
}

// readCells reads the cells of a plan that a further condition allows; its arguments
// begin with $2.
func readCells(ctx context.Context, tx pgx.Tx, plan int64, which string, args ...any) (map[tally.CellKey]tally.Cell, error) {
	args = append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}, plan}, args...)
	rows, err := tx.Query(ctx, `select metric, variation, epoch, dimension, value, day, n, sums, sketch
		from track_cells where plan = $1`+which, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cells := map[tally.CellKey]tally.Cell{}
	for rows.Next() {
		var row cellRow
		if err := row.scan(rows.RawValues()); err != nil {
			return nil, fmt.Errorf("cells of plan %d: %w", plan, err)
		}
		cell := tally.Cell{N: row.n}
		for i, sum := range row.sums {
			cell.Sums[i] = sum.Big()
		}
		if len(row.sketch) > 0 {
			cell.Sketch = tally.Sketch{}
			if err := cell.Sketch.Add(row.sketch); err != nil {
				return nil, fmt.Errorf("cells of plan %d: %w", plan, err)
			}
		}
		cells[row.key] = cell
	}
	return cells, rows.Err()
}

// cellRow is a row of track_cells. Its sketch is valid until the next row.
type cellRow struct {
	key    tally.CellKey
	n      int64
	sums   [tally.SumCount]tally.Int
	sketch []byte
}

// errRow says that columns have other types than they were made with.
var errRow = errors.New("a column has another type")

// scan reads a row's columns, from metric on, in binary.
func (row *cellRow) scan(v [][]byte) error {
	if len(v) != 9 || len(v[1]) != 2 || len(v[2]) != 4 || len(v[5]) != 4 || len(v[6]) != 8 {
		return errRow
	}
	row.key = tally.CellKey{
		Metric: string(v[0]), Variation: int(int16(bigEndian(v[1]))), Epoch: int(int32(bigEndian(v[2]))),
		Dimension: string(v[3]), Value: string(v[4]), Day: dayOf(int32(bigEndian(v[5]))),
	}
	row.n, row.sketch = int64(bigEndian(v[6])), v[8]
	return numerics(v[7], row.sums[:])
}

// noDay is what Postgres counts 0001-01-01 as, in days from 2000 on.
const noDay = -730_119

// dayOf is the day that Postgres counts from 2000 on; zero for noDay.
func dayOf(n int32) time.Time {
	if n == noDay {
		return time.Time{}
	}
	return time.Date(2000, 1, 1+int(n), 0, 0, 0, 0, time.UTC)
}

// daysOf counts a UTC midnight as Postgres does.
func daysOf(day time.Time) int32 {
	if day.IsZero() {
		return noDay
	}
	return int32((day.Unix() - 946_684_800) / (24 * 3600))
}

func bigEndian(b []byte) (n uint64) {
	for _, v := range b {
		n = n<<8 | uint64(v)
	}
	return n
}
