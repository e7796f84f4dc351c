package fold

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking/tally"
)

// Difference is the first cell of a phase that is not what a recount makes it.
type Difference struct {
	Experiment string // its key
	Phase      int
	// Variation is empty where the cell is of none.
	Variation string
	Cell      tally.CellKey
	// Missing says that there is no such cell, Surplus that there should be none.
	Missing, Surplus bool
}

func (d *Difference) String() string {
	metric := "metric " + d.Cell.Metric
	if d.Cell.Metric == "" {
		metric = "the units"
	}
	s := fmt.Sprintf("tracking: experiment %s, phase %d, %s", d.Experiment, d.Phase, metric)
	if d.Variation != "" {
		s += ", variation " + d.Variation
	}
	if d.Cell.Dimension != "" {
		s += fmt.Sprintf(", %s %q", d.Cell.Dimension, d.Cell.Value)
	} else {
		s += ", " + domain.DateOf(d.Cell.Day).String()
	}
	switch {
	case d.Missing:
		return s + ": missing"
	case d.Surplus:
		return s + ": counted without cause"
	}
	return s + ": not what was tracked adds up to"
}

// Verify counts every phase again, from what was tracked, and compares that to the
// last bit with what results are read from. It returns the first difference, by the
// experiments' keys, or nil. It reads what was tracked once for each phase;
// progress, if any, is told how many are done.
func (p *Past) Verify(ctx context.Context, progress func(done, total int64)) (*Difference, error) {
	rows, err := p.Pool.Query(ctx, `select e.key, p.experiment_id, p.phase
		from track_rounds r join track_plans p using (generation) join experiments e on e.id = p.experiment_id
		where r.state = 'serving' and p.state = 'serving' order by e.key, p.experiment_id, p.phase`)
	if err != nil {
		return nil, err
	}
	type phase struct {
		key        string
		experiment uuid.UUID
		phase      int
	}
	phases, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f phase, err error) {
		err = row.Scan(&f.key, &f.experiment, &f.phase)
		return f, err
	})
	if err != nil {
		return nil, err
	}
	for i, of := range phases {
		if progress != nil {
			progress(int64(i), int64(len(phases)))
		}
		stored, err := Read(ctx, p.Pool, of.experiment, of.phase)
		if err != nil {
			return nil, err
		}
		counted, _, err := p.Recount(ctx, stored.Plan, stored.Batch)
		if err != nil {
			return nil, fmt.Errorf("count phase %d of %s: %w", of.phase, of.key, err)
		}
		if d := firstDifference(stored.Cells, counted); d != nil {
			d.Experiment, d.Phase = of.key, of.phase
			if v := d.Cell.Variation; v >= 0 && v < len(stored.Plan.Variations) {
				d.Variation = stored.Plan.Variations[v]
			}
			return d, nil
		}
	}
	if progress != nil {
		progress(int64(len(phases)), int64(len(phases)))
	}
	return nil, nil
}

func firstDifference(stored, counted map[tally.CellKey]tally.Cell) *Difference {
	keys := maps.Clone(counted)
	maps.Copy(keys, stored)
	for _, key := range slices.SortedFunc(maps.Keys(keys), compareKeys) {
		have, is := stored[key]
		want, should := counted[key]
		if is != should || !sameCell(&have, &want) {
			return &Difference{Cell: key, Missing: !is, Surplus: !should}
		}
	}
	return nil
}

func compareKeys(a, b tally.CellKey) int {
	return cmp.Or(
		cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Value, b.Value),
		a.Day.Compare(b.Day), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Variation, b.Variation),
	)
}

func sameCell(a, b *tally.Cell) bool {
	for i := range a.Sums {
		if orZero(a.Sums[i]).Cmp(orZero(b.Sums[i])) != 0 {
			return false
		}
	}
	return a.N == b.N && maps.Equal(a.Sketch, b.Sketch)
}

func orZero(x *big.Int) *big.Int {
	if x == nil {
		return new(big.Int)
	}
	return x
}
