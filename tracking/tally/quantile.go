package tally

import (
	"cmp"
	"slices"
)

// part is what one unit has in one bucket.
type part struct {
	bucket int32
	of     Bucket
}

// quantile counts the values of a quantile metric, day by day.
func (k *unitCount) quantile(place int16, events []event) {
	var values []int32 // their buckets
	var before, now []part
	counted := false
	for day := dayOf(k.first.At); day < k.crossed; day = dayOf(events[0].at) {
		for _, e := range takeDay(&events, day) {
			if e.has {
				values = append(values, k.counter.bounds.Bucket(e.value))
			}
		}
		now = parts(values)
		cell := k.cell(place, day)
		if !counted {
			cell.n += k.sign
		}
		cell.addParts(before, -k.sign)
		cell.addParts(now, k.sign)
		before, counted = now, true
		if len(events) == 0 {
			break
		}
	}
	if k.crossed != never {
		cell := k.cell(place, k.crossed)
		cell.n -= k.sign
		cell.addParts(now, -k.sign)
		return
	}
	k.dimensions(place, func(cell *sum) {
		cell.n += k.sign
		cell.addParts(now, k.sign)
	})
}

// parts are what the values of a unit come to, bucket by bucket upwards. It sorts
// the buckets.
func parts(buckets []int32) []part {
	slices.SortFunc(buckets, cmp.Compare[int32])
	n := int64(len(buckets))
	var all []part
	below := int64(0)
	for rest := buckets; len(rest) > 0; {
		events := 1
		for events < len(rest) && rest[events] == rest[0] {
			events++
		}
		upTo := below + int64(events)
		all = append(all, part{rest[0], Bucket{int64(events), upTo*upTo - below*below, int64(events) * n}})
		below, rest = upTo, rest[events:]
	}
	return all
}

func (s *sum) addParts(parts []part, sign int64) {
	if s.sketch == nil && len(parts) > 0 {
		s.sketch = Sketch{}
	}
	for _, p := range parts {
		s.sketch[p.bucket] = s.sketch[p.bucket].plus(Bucket{sign * p.of.Events, sign * p.of.Squares, sign * p.of.Products})
	}
}
