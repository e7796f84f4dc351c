package tally

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// Sketch holds the values of a quantile metric, by bucket.
type Sketch map[int32]Bucket

// Bucket holds what docs/tracking.md says of a quantile's buckets.
type Bucket struct {
	Events, Squares, Products int64
}

func (b Bucket) plus(o Bucket) Bucket {
	return Bucket{b.Events + o.Events, b.Squares + o.Squares, b.Products + o.Products}
}

// Bounds are the bounds of buckets above 0, in millionths, rising.
type Bounds []int64

// maxAmount is the largest value, in millionths.
const maxAmount = 1e18

// NewBounds returns the bounds of all buckets: each is the one before and a
// hundredth of it, rounded up. They are the same on every machine.
func NewBounds() Bounds {
	bounds := make(Bounds, 0, 4096)
	for b := int64(1); ; b += (b + 99) / 100 {
		bounds = append(bounds, b)
		if b > maxAmount {
			return bounds
		}
	}
}

// Bucket is the number of the bucket that an amount in millionths falls into: 0
// for 0, those of negative amounts mirror those above.
func (b Bounds) Bucket(amount int64) int32 {
	if amount < 0 {
		return -b.Bucket(-amount)
	}
	if i, exact := slices.BinarySearch(b, amount); !exact {
		return int32(i)
	} else {
		return int32(i + 1)
	}
}

// Range returns the least and the largest amount of a bucket, in millionths.
func (b Bounds) Range(bucket int32) (least, largest int64) {
	switch {
	case bucket == 0:
		return 0, 0
	case bucket < 0:
		least, largest = b.Range(-bucket)
		return -largest, -least
	}
	return b[bucket-1], b[bucket] - 1
}

// errSketch says that bytes are no sketch.
var errSketch = errors.New("sketch: malformed")

// Append appends the sketch's one binary form. Buckets of nothing are left out.
func (s Sketch) Append(b []byte) []byte {
	last := int32(0)
	for _, bucket := range slices.Sorted(maps.Keys(s)) {
		of := s[bucket]
		if of == (Bucket{}) {
			continue
		}
		b = binary.AppendVarint(b, int64(bucket-last))
		for _, n := range [...]int64{of.Events, of.Squares, of.Products} {
			b = binary.AppendVarint(b, n)
		}
		last = bucket
	}
	return b
}

// Add adds what Append wrote.
func (s Sketch) Add(b []byte) error {
	r := reader{rest: b, fault: errSketch}
	for last := int64(0); len(r.rest) > 0; {
		last += r.varint()
		of := Bucket{r.varint(), r.varint(), r.varint()}
		if r.err != nil || last != int64(int32(last)) {
			return errSketch
		}
		s[int32(last)] = s[int32(last)].plus(of)
	}
	return nil
}
