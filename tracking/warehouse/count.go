package warehouse

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assaylabs/assay/tracking/tally"
)

// settings are made for the transaction, as far as the warehouse has them. Of
// tables within a statement Postgres knows no sizes: it would think that to go
// through one for each row of another is cheap, and that a plan of many steps is
// worth to be compiled.
func settings() []string {
	return []string{"statement_timeout = '10min'", "enable_nestloop = off", "jit = off"}
}

// Beginner is a connection, or a pool of them.
type Beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// Count returns the cells of a study as the warehouse stands now. It reads in one
// transaction that cannot write. All units have the epoch 0: a warehouse knows
// of no splits.
func Count(ctx context.Context, db Beginner, source Source, study Study) (map[tally.CellKey]tally.Cell, error) {
	q := &query{Source: &source, Study: study, bounds: tally.NewBounds()}
	c := cells{}
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := prepare(ctx, tx); err != nil {
			return err
		}
		s, err := q.botQuery()
		if err != nil {
			return err
		}
		if s != nil {
			if q.bots, err = readBots(ctx, tx, s); err != nil {
				return fmt.Errorf("units with too many events: %w", err)
			}
		}
		if s, err = q.unitQuery(); err != nil {
			return err
		}
		if err := c.readUnits(ctx, tx, s); err != nil {
			return fmt.Errorf("units: %w", err)
		}
		for i := range study.Plan.Metrics {
			if err := c.readMetric(ctx, tx, q, &study.Plan.Metrics[i]); err != nil {
				return fmt.Errorf("metric %s: %w", study.Plan.Metrics[i].Key, err)
			}
		}
		return nil
	})
	return c.close(), err
}

func prepare(ctx context.Context, tx pgx.Tx) error {
	for _, setting := range settings() {
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "set local "+setting)
			return err
		})
		var refused *pgconn.PgError
		if err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	return nil
}

func readBots(ctx context.Context, tx pgx.Tx, s *statement) ([]string, error) {
	rows, err := tx.Query(ctx, s.String(), s.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// cells are what was read so far.
type cells map[tally.CellKey]tally.Cell

// place is where a row belongs.
type place struct {
	metric, dimension, value string
	day                      *int64
	variation                int
}

func (p *place) key() tally.CellKey {
	k := tally.CellKey{Metric: p.metric, Variation: p.variation, Dimension: p.dimension, Value: tally.Cut(p.value)}
	if p.day != nil {
		k.Day = time.UnixMicro(*p.day * microsPerDay).UTC()
	}
	return k
}

func (c cells) readUnits(ctx context.Context, tx pgx.Tx, s *statement) error {
	rows, err := tx.Query(ctx, s.String(), s.args...)
	if err != nil {
		return err
	}
	var p place
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&p.metric, &p.dimension, &p.value, &p.day, &p.variation, &n}, func() error {
		key := p.key()
		cell := c[key]
		cell.N += n
		c[key] = cell
		return nil
	})
	return err
}

func (c cells) readMetric(ctx context.Context, tx pgx.Tx, q *query, m *tally.Metric) error {
	if m.Kind == "quantile" {
		return c.readQuantile(ctx, tx, q, m)
	}
	s, err := q.metricQuery(m)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, s.String(), s.args...)
	if err != nil {
		return err
	}
	p := place{metric: m.Key}
	var n int64
	var sums [tally.SumCount]string
	targets := []any{&p.dimension, &p.value, &p.day, &p.variation, &n}
	for i := range sums {
		targets = append(targets, &sums[i])
	}
	_, err = pgx.ForEachRow(rows, targets, func() error {
		key := p.key()
		cell := c[key]
		cell.N += n
		for i, text := range sums {
			x, ok := new(big.Int).SetString(text, 10)
			if !ok {
				return fmt.Errorf("%q is no whole number", text)
			}
			if cell.Sums[i] != nil {
				x.Add(x, cell.Sums[i])
			}
			cell.Sums[i] = x
		}
		c[key] = cell
		return nil
	})
	return err
}

func (c cells) readQuantile(ctx context.Context, tx pgx.Tx, q *query, m *tally.Metric) error {
	s, err := q.quantileQuery(m)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, s.String(), s.args...)
	if err != nil {
		return err
	}
	p := place{metric: m.Key}
	var n int64
	var bucket *int32
	var of tally.Bucket
	_, err = pgx.ForEachRow(rows, []any{&p.dimension, &p.value, &p.day, &p.variation, &n, &bucket, &of.Events, &of.Squares, &of.Products}, func() error {
		key := p.key()
		cell := c[key]
		if bucket == nil {
			cell.N += n
		} else {
			if cell.Sketch == nil {
				cell.Sketch = tally.Sketch{}
			}
			had := cell.Sketch[*bucket]
			cell.Sketch[*bucket] = tally.Bucket{Events: had.Events + of.Events, Squares: had.Squares + of.Squares, Products: had.Products + of.Products}
		}
		c[key] = cell
		return nil
	})
	return err
}

// close leaves out what is 0.
func (c cells) close() map[tally.CellKey]tally.Cell {
	for key, cell := range c {
		empty := cell.N == 0
		for i, sum := range cell.Sums {
			if sum != nil && sum.Sign() == 0 {
				cell.Sums[i] = nil
			}
			empty = empty && cell.Sums[i] == nil
		}
		for bucket, of := range cell.Sketch {
			if of == (tally.Bucket{}) {
				delete(cell.Sketch, bucket)
			}
		}
		if len(cell.Sketch) == 0 {
			cell.Sketch = nil
		}
		if c[key] = cell; empty && cell.Sketch == nil {
			delete(c, key)
		}
	}
	return c
}
