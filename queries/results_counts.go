package queries

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/stats"
	tracked "github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

// counts are the cells of a phase, in the order in which they are judged.
type counts struct {
	// days are those of the cells, in order.
	days []domain.Date
	// splits are the epochs of the cells, in order.
	splits []int
	// metrics has cells by variation and day, places in the plan's variations and
	// in days. nil is nothing.
	metrics map[metricEpoch][][]*tally.Cell
	// epochs has the units of an epoch by day and variation.
	epochs map[int][][]int64
	// values has, by dimension and value, cells by variation.
	values map[string]map[string]map[metricEpoch][]*tally.Cell
	// more has by dimension how many values are together in tally.Other.
	more    map[string]int
	quality Quality
}

// metricEpoch names a metric, "" the units themselves, in the time of one split.
type metricEpoch struct {
	metric string
	epoch  int
}

// countAll is count of cells of all values that dimensions have; it changes cells.
func countAll(plan tally.Plan, cells map[tally.CellKey]tally.Cell) *counts {
	more := tracked.Bound(cells)
	return count(plan, cells, more)
}

// count puts cells in order.
func count(plan tally.Plan, cells map[tally.CellKey]tally.Cell, more map[string]int) *counts {
	c := &counts{
		more:    more,
		metrics: map[metricEpoch][][]*tally.Cell{}, epochs: map[int][][]int64{},
		values: map[string]map[string]map[metricEpoch][]*tally.Cell{},
	}
	places := c.order(cells)
	for key, cell := range cells {
		of := metricEpoch{key.Metric, key.Epoch}
		switch {
		case c.leave(key.Metric, cell.N):
		case key.Variation < 0 || key.Variation >= len(plan.Variations):
		case key.Dimension != "":
			byMetric := at(at(c.values, key.Dimension), key.Value)
			place(byMetric, of, len(plan.Variations))[key.Variation] = &cell
		default:
			day := places[key.Day]
			if key.Metric == "" {
				byDay := place(c.epochs, key.Epoch, len(c.days))
				if byDay[day] == nil {
					byDay[day] = make([]int64, len(plan.Variations))
				}
				byDay[day][key.Variation] += cell.N
				continue
			}
			byVariation := place(c.metrics, of, len(plan.Variations))
			if byVariation[key.Variation] == nil {
				byVariation[key.Variation] = make([]*tally.Cell, len(c.days))
			}
			byVariation[key.Variation][day] = &cell
		}
	}
	return c
}

// without notes dimensions that are not counted by, having too many values.
func (c *counts) without(dimensions []string) *counts {
	c.quality.WideDimensions = dimensions
	return c
}

// order finds the epochs, and the days with the place of each.
func (c *counts) order(cells map[tally.CellKey]tally.Cell) map[time.Time]int {
	places, splits := map[time.Time]int{}, map[int]bool{}
	for key := range cells {
		if !key.Day.IsZero() && !isQuality(key.Metric) {
			places[key.Day], splits[key.Epoch] = 0, true
		}
	}
	c.splits = slices.Sorted(maps.Keys(splits))
	for i, day := range slices.SortedFunc(maps.Keys(places), time.Time.Compare) {
		places[day] = i
		c.days = append(c.days, domain.DateOf(day))
	}
	return places
}

// at is the map at a key, made when it is not there.
func at[K, L comparable, V any](m map[K]map[L]V, key K) map[L]V {
	if m[key] == nil {
		m[key] = map[L]V{}
	}
	return m[key]
}

// place is the list at a key, made with so many places when it is not there.
func place[K comparable, V any](m map[K][]V, key K, n int) []V {
	if m[key] == nil {
		m[key] = make([]V, n)
	}
	return m[key]
}

func isQuality(metric string) bool { return metric != "" && metric[0] == '!' }

// leave counts what was left out; false for cells of what was not.
func (c *counts) leave(metric string, n int64) bool {
	switch metric {
	case tally.Crossovers:
		c.quality.Crossovers += n
	case tally.Excluded:
		c.quality.Excluded += n
	case tally.Bots:
		c.quality.Bots += n
	case tally.Disagreements:
		c.quality.Disagreements += n
	case tally.Overridden:
		c.quality.Overridden += n
	default:
		return false
	}
	return true
}

func last(value string) int {
	if value == tally.Other {
		return 1
	}
	return 0
}

// mostUnits lists the values of a dimension, those with most units first, and what
// is left of others last.
func (c *counts) mostUnits(dimension string) []string {
	units := map[string]int64{}
	for value, metrics := range c.values[dimension] {
		for _, epoch := range c.splits {
			for _, cell := range metrics[metricEpoch{"", epoch}] {
				if cell != nil {
					units[value] += cell.N
				}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(units), func(a, b string) int {
		if a == tally.Other || b == tally.Other {
			return cmp.Compare(last(a), last(b))
		}
		return cmp.Or(cmp.Compare(units[b], units[a]), cmp.Compare(a, b))
	})
}

// sums are cells added up.
type sums struct {
	n      int64
	of     [tally.SumCount]big.Int
	sketch tally.Sketch
}

func (s *sums) add(c *tally.Cell) {
	if c == nil {
		return
	}
	s.n += c.N
	for i, x := range c.Sums {
		if x != nil {
			s.of[i].Add(&s.of[i], x)
		}
	}
	if len(c.Sketch) > 0 && s.sketch == nil {
		s.sketch = tally.Sketch{}
	}
	for bucket, b := range c.Sketch {
		to := s.sketch[bucket]
		s.sketch[bucket] = tally.Bucket{Events: to.Events + b.Events, Squares: to.Squares + b.Squares, Products: to.Products + b.Products}
	}
}

// number is a sum in the metric's own unit, squared one of a square or product.
func (s *sums) number(place int) float64  { return s.over(place, 1e6) }
func (s *sums) squared(place int) float64 { return s.over(place, 1e12) }

// over is rounded once.
func (s *sums) over(place int, scale int64) float64 {
	x := &s.of[place]
	const exact = 1 << 53
	if x.IsInt64() {
		if n := x.Int64(); -exact < n && n < exact {
			return float64(n) / float64(scale)
		}
	}
	f, _ := new(big.Rat).SetFrac(x, big.NewInt(scale)).Float64()
	return f
}

// arm is what a test compares.
func (s *sums) arm(m *tally.Metric, bounds tally.Bounds) stats.Arm {
	switch {
	case m.Kind == "quantile":
		return s.quantile(m.Quantile, bounds)
	case (m.Kind == "mean" || m.Kind == "ratio") && m.CUPED:
		return stats.CupedRatioArm{
			N: s.n, Num: s.number(tally.Num), NumSq: s.squared(tally.NumNum),
			Den: s.number(tally.Den), DenSq: s.squared(tally.DenDen), NumDen: s.squared(tally.NumDen),
			PreNum: s.number(tally.Pre), PreNumSq: s.squared(tally.PrePre),
			PreDen: s.number(tally.PreDen), PreDenSq: s.squared(tally.PreDenPreDen), PreNumPreDen: s.squared(tally.PrePreDen),
			NumPreNum: s.squared(tally.NumPre), NumPreDen: s.squared(tally.NumPreDen),
			DenPreNum: s.squared(tally.PreNumDen), DenPreDen: s.squared(tally.DenPreDen),
		}
	case m.Kind == "mean" || m.Kind == "ratio":
		return stats.RatioArm{
			N: s.n, Num: s.number(tally.Num), NumSq: s.squared(tally.NumNum),
			Den: s.number(tally.Den), DenSq: s.squared(tally.DenDen), NumDen: s.squared(tally.NumDen),
		}
	case m.CUPED:
		return stats.CupedMeanArm{
			N: s.n, Sum: s.number(tally.Num), SumSq: s.squared(tally.NumNum),
			Pre: s.number(tally.Pre), PreSq: s.squared(tally.PrePre), PostPre: s.squared(tally.NumPre),
		}
	case m.Kind == "conversion" || m.Kind == "retention":
		return stats.ProportionArm{N: s.n, Sum: s.number(tally.Num)}
	}
	return stats.MeanArm{N: s.n, Sum: s.number(tally.Num), SumSq: s.squared(tally.NumNum)}
}
