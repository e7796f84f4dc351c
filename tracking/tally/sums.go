package tally

import (
	"encoding/binary"
	"errors"
	"time"
)

// Sums are cells of one plan, or what has to be added to them. The zero value
// is ready for use. Not safe for concurrent use.
type Sums struct {
	days map[dayCell]*sum
	dims map[dimensionCell]*sum
}

// Places of metrics in a dayCell and a dimensionCell: those of the plan, or
const (
	units = -1 - iota
	crossovers
	excluded
	bots
	disagreements
	overridden
)

// dayCell names the cell of a day, without strings: most of counting is to find
// cells.
type dayCell struct {
	metric, variation int16
	epoch             int32
	day               int32 // from 1970 on
}

type dimensionCell struct {
	metric, variation, dimension int16 // places in the plan
	epoch                        int32
	value                        string
}

// sum is a cell.
type sum struct {
	n      int64
	sums   [SumCount]Int
	sketch Sketch
}

func (s *Sums) day(c dayCell) *sum {
	cell, ok := s.days[c]
	if !ok {
		if s.days == nil {
			s.days = map[dayCell]*sum{}
		}
		cell = &sum{}
		s.days[c] = cell
	}
	return cell
}

func (s *Sums) dimension(c dimensionCell) *sum {
	cell, ok := s.dims[c]
	if !ok {
		if s.dims == nil {
			s.dims = map[dimensionCell]*sum{}
		}
		cell = &sum{}
		s.dims[c] = cell
	}
	return cell
}

// Each yields the cells, named by the plan that they were counted by, in no
// order. They are the yielder's.
func (s *Sums) Each(plan *Plan, yield func(CellKey, Row)) {
	for c, cell := range s.days {
		day := time.Unix(int64(c.day)*24*3600, 0).UTC()
		yield(CellKey{Metric: plan.metric(c.metric), Variation: int(c.variation), Epoch: int(c.epoch), Day: day}, cell.row())
	}
	for c, cell := range s.dims {
		key := CellKey{
			Metric: plan.metric(c.metric), Variation: int(c.variation), Epoch: int(c.epoch),
			Dimension: plan.Dimensions[c.dimension], Value: c.value,
		}
		yield(key, cell.row())
	}
}

// metric names a place.
func (p *Plan) metric(place int16) string {
	if place >= 0 {
		return p.Metrics[place].Key
	}
	return [...]string{"", Crossovers, Excluded, Bots, Disagreements, Overridden}[units-place]
}

// Row is a cell with numbers of a fixed size.
type Row struct {
	N      int64
	Sums   *[SumCount]Int
	Sketch Sketch
}

func (s *sum) row() Row { return Row{s.n, &s.sums, s.sketch} }

// IsZero says whether all of it is 0: such a cell does not exist.
func (r Row) IsZero() bool {
	if r.N != 0 || *r.Sums != [SumCount]Int{} {
		return false
	}
	for _, bucket := range r.Sketch {
		if bucket != (Bucket{}) {
			return false
		}
	}
	return true
}

// Cell is the row for results.
func (r Row) Cell() Cell {
	c := Cell{N: r.N}
	for i := range r.Sums {
		c.Sums[i] = r.Sums[i].Big()
	}
	for place, bucket := range r.Sketch {
		if bucket != (Bucket{}) {
			if c.Sketch == nil {
				c.Sketch = Sketch{}
			}
			c.Sketch[place] = bucket
		}
	}
	return c
}

// Cells are all that are not 0, for results.
func (s *Sums) Cells(plan *Plan) map[CellKey]Cell {
	cells := map[CellKey]Cell{}
	s.Each(plan, func(key CellKey, row Row) {
		if !row.IsZero() {
			cells[key] = row.Cell()
		}
	})
	return cells
}

// errSums says that bytes are no sums.
var errSums = errors.New("sums: malformed")

// Append appends a binary form of the cells that are not 0.
func (s *Sums) Append(b []byte) []byte {
	for c, cell := range s.days {
		if !cell.row().IsZero() {
			b = append(b, 1)
			b = binary.AppendVarint(binary.AppendVarint(b, int64(c.metric)), int64(c.variation))
			b = binary.AppendVarint(binary.AppendVarint(b, int64(c.epoch)), int64(c.day))
			b = cell.append(b)
		}
	}
	for c, cell := range s.dims {
		if !cell.row().IsZero() {
			b = append(b, 2)
			b = binary.AppendVarint(binary.AppendVarint(b, int64(c.metric)), int64(c.variation))
			b = binary.AppendVarint(binary.AppendVarint(b, int64(c.dimension)), int64(c.epoch))
			b = appendText(b, c.value)
			b = cell.append(b)
		}
	}
	return b
}

// append leaves zeros at the end out.
func (s *sum) append(b []byte) []byte {
	b = binary.AppendVarint(b, s.n)
	n := len(s.sums)
	for n > 0 && s.sums[n-1].IsZero() {
		n--
	}
	b = append(b, byte(n))
	for i := range n {
		b = s.sums[i].Append(b)
	}
	return appendText(b, s.sketch.Append(nil))
}

// Add adds what Append wrote of cells of the same plan.
func (s *Sums) Add(b []byte) error {
	r := reader{rest: b, fault: errSums}
	for len(r.rest) > 0 && r.err == nil {
		switch r.byte() {
		case 1:
			c := dayCell{int16(r.varint()), int16(r.varint()), int32(r.varint()), int32(r.varint())}
			s.day(c).read(&r)
		case 2:
			c := dimensionCell{int16(r.varint()), int16(r.varint()), int16(r.varint()), int32(r.varint()), string(r.text())}
			s.dimension(c).read(&r)
		default:
			r.fail()
		}
	}
	return r.err
}

// read adds what append wrote.
func (s *sum) read(r *reader) {
	s.n += r.varint()
	n := int(r.byte())
	if n > len(s.sums) {
		r.fail()
		return
	}
	for i := range n {
		x := r.int()
		s.sums[i].Add(&x)
	}
	if sketch := r.text(); len(sketch) > 0 {
		if s.sketch == nil {
			s.sketch = Sketch{}
		}
		if s.sketch.Add(sketch) != nil {
			r.fail()
		}
	}
}
