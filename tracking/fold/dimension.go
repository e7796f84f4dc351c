package fold

import (
	"cmp"
	"context"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/tracking/tally"
)

// MaxValues is how many values of a dimension are read one by one.
const MaxValues = 100

// mostUnits lists the values of a dimension that are read one by one, those with
// most units first, and counts all that there are.
func mostUnits(ctx context.Context, tx pgx.Tx, plan int64, dimension string) (most []string, all int, err error) {
	rows, err := tx.Query(ctx, `select value, count(*) over () from (
			select value, sum(n) n from track_cells
			where plan = $1 and dimension = $2 and metric = '' and variation >= 0 and value <> $3 group by value) v
		order by n desc, value limit $4`, plan, dimension, tally.Other, MaxValues)
	if err != nil {
		return nil, 0, err
	}
	var value string
	_, err = pgx.ForEachRow(rows, []any{&value, &all}, func() error {
		most = append(most, value)
		return nil
	})
	return most, all, err
}

// Bound leaves of each dimension the MaxValues values with most units, and of those
// with as many the first ones in the order of their bytes; all others go into the
// cells of tally.Other. more has by dimension how many these are.
func Bound(cells map[tally.CellKey]tally.Cell) (more map[string]int) {
	units := map[string]map[string]int64{}
	for key, cell := range cells {
		if key.Dimension == "" || key.Metric != "" || key.Variation < 0 || key.Value == tally.Other {
			continue
		}
		if units[key.Dimension] == nil {
			units[key.Dimension] = map[string]int64{}
		}
		units[key.Dimension][key.Value] += cell.N
	}
	more = map[string]int{}
	for dimension, of := range units {
		if len(of) <= MaxValues {
			continue
		}
		values := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
			return cmp.Or(cmp.Compare(of[b], of[a]), strings.Compare(a, b))
		})
		kept := map[string]bool{}
		for _, value := range values[:MaxValues] {
			kept[value] = true
		}
		maps.DeleteFunc(cells, func(key tally.CellKey, _ tally.Cell) bool { return key.Dimension == dimension && !kept[key.Value] })
		more[dimension] = len(values) - MaxValues
		addOther(cells, dimension)
	}
	return more
}

// addOther adds what the values of a dimension that are there leave of all units:
// cells are whole numbers, so that this is exactly the sum of those that are not.
func addOther(cells map[tally.CellKey]tally.Cell, dimension string) {
	others := map[tally.CellKey]*tally.Cell{}
	for key, cell := range cells {
		sign := int64(-1)
		switch {
		case key.Variation < 0 || strings.HasPrefix(key.Metric, "!"):
			continue // what is left out has no dimensions
		case key.Dimension == "":
			sign = 1
		case key.Dimension != dimension:
			continue
		}
		of := tally.CellKey{Metric: key.Metric, Variation: key.Variation, Epoch: key.Epoch, Dimension: dimension, Value: tally.Other}
		if others[of] == nil {
			others[of] = &tally.Cell{}
		}
		addTo(others[of], &cell, sign)
	}
	for key, cell := range others {
		maps.DeleteFunc(cell.Sketch, func(_ int32, b tally.Bucket) bool { return b == tally.Bucket{} })
		if cell.N != 0 || len(cell.Sketch) > 0 || slices.ContainsFunc(cell.Sums[:], func(x *big.Int) bool { return x != nil && x.Sign() != 0 }) {
			cells[key] = *cell
		}
	}
}

// addTo adds a cell so many times.
func addTo(to, cell *tally.Cell, times int64) {
	to.N += times * cell.N
	for i, x := range cell.Sums {
		if x == nil {
			continue
		}
		if to.Sums[i] == nil {
			to.Sums[i] = new(big.Int)
		}
		to.Sums[i].Add(to.Sums[i], new(big.Int).Mul(x, big.NewInt(times)))
	}
	for place, b := range cell.Sketch {
		if to.Sketch == nil {
			to.Sketch = tally.Sketch{}
		}
		sum := to.Sketch[place]
		to.Sketch[place] = tally.Bucket{
			Events: sum.Events + times*b.Events, Squares: sum.Squares + times*b.Squares, Products: sum.Products + times*b.Products,
		}
	}
}
