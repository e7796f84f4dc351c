package queries

import (
	"maps"
	"math"
	"slices"

	"github.com/assaylabs/assay/stats"
	"github.com/assaylabs/assay/tracking/tally"
)

// quantile is the arm of a quantile metric. Within a bucket events are taken to
// be spread evenly, which errs by less than the hundredth that a bucket spans.
func (s *sums) quantile(nu float64, bounds tally.Bounds) stats.Arm {
	buckets := slices.Sorted(maps.Keys(s.sketch))
	var all tally.Bucket
	for _, bucket := range buckets {
		b := s.sketch[bucket]
		all = tally.Bucket{Events: all.Events + b.Events, Squares: all.Squares + b.Squares, Products: all.Products + b.Products}
	}
	arm := stats.ClusteredQuantileArm{QuantileArm: stats.QuantileArm{N: all.Events, NStar: all.Events, Nu: nu}}
	if all.Events == 0 {
		return arm
	}
	const z = 1.959963984540054 // of the interval that QuantileArm is told
	margin := z * math.Sqrt(nu*(1-nu)/float64(all.Events))
	at := func(share float64) (value float64, below stats.RatioArm) {
		return s.rank(min(max(share, 0), 1)*float64(all.Events), buckets, bounds)
	}
	arm.Lower, _ = at(nu - margin)
	arm.Upper, _ = at(nu + margin)
	arm.Hat, arm.Share = at(nu)
	arm.Share.N, arm.Share.Den, arm.Share.DenSq = s.n, float64(all.Events), float64(all.Squares)
	return arm
}

// rank is the value below which so many events lie, and what their units' numbers
// of events below it add up to.
func (s *sums) rank(rank float64, buckets []int32, bounds tally.Bounds) (value float64, below stats.RatioArm) {
	for i, bucket := range buckets {
		b := s.sketch[bucket]
		if rank > below.Num+float64(b.Events) && i < len(buckets)-1 {
			below.Num += float64(b.Events)
			below.NumSq += float64(b.Squares)
			below.NumDen += float64(b.Products)
			continue
		}
		part := 0.0
		if b.Events > 0 {
			part = (rank - below.Num) / float64(b.Events)
		}
		least, largest := bounds.Range(bucket)
		value = (float64(least) + part*float64(largest-least)) / 1e6
		below.Num += part * float64(b.Events)
		below.NumSq += part * float64(b.Squares)
		below.NumDen += part * float64(b.Products)
		return value, below
	}
	return value, below
}
