package evaluator_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"testing"

	growthbook "github.com/growthbook/growthbook-golang"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
)

// TestGrowthBookAgrees asks GrowthBook's own SDK about an experiment as its users
// write it, by weights and coverage in whole percent, and by the ranges that
// docs/assignment.md says to hand to it. Weights and coverage are multiplied in
// floating point there: a unit that lies on an edge may fall to its other side.
func TestGrowthBookAgrees(t *testing.T) {
	ctx := context.Background()
	client, err := growthbook.NewClient(ctx, growthbook.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	rapid.Check(t, func(r *rapid.T) {
		first := rapid.IntRange(0, 100).Draw(r, "first percent")
		percent := rapid.IntRange(0, 100).Draw(r, "traffic percent")
		l := newLedger(t)
		l.create("e", fmt.Sprintf(`"hash":"gb2","salt":"seed","traffic_ppm":%d,%s`,
			percent*domain.Slots/100, arms([]int{first, 100 - first})))
		s := l.snapshot()
		weighted := ofGrowthBook()
		weighted.Weights = []float64{float64(first) / 100, float64(100-first) / 100}
		weighted.Coverage = new(float64(percent) / 100)
		ranged := ofGrowthBook()
		ranged.Ranges = rangesFor(l.find("e").Split, percent)
		for _, id := range append(units()[:100], "用户", "josé", "😀") {
			who, err := client.WithAttributes(growthbook.Attributes{"id": id})
			if err != nil {
				t.Fatal(err)
			}
			ours, _ := s.EvaluateRaw("e", id, nil)
			for _, e := range []*growthbook.Experiment{ranged, weighted} {
				theirs := who.RunExperiment(ctx, e)
				if e == weighted && onEdge(ranged.Ranges, float64(growthBook("seed", id))/10_000) {
					continue
				}
				if theirs.InExperiment != ours.Reason.Exposure() || theirs.VariationId != int(ours.Variation) {
					t.Fatalf("%d:%d at %d %%, %s: theirs %t %d, ours %s %d", first, 100-first, percent, id,
						theirs.InExperiment, theirs.VariationId, ours.Reason, ours.Variation)
				}
			}
		}
	})
}

func ofGrowthBook() *growthbook.Experiment {
	e := growthbook.NewExperiment("e")
	e.HashVersion, e.Seed, e.Variations = 2, "seed", []growthbook.FeatureValue{0, 1}
	return e
}

// rangesFor is the range of each of two variations that so much traffic admits.
func rangesFor(split []domain.SplitRange, percent int) []growthbook.BucketRange {
	ranges := make([]growthbook.BucketRange, 2)
	for _, r := range split {
		from, taken := float64(r.From), float64((r.To-r.From)*percent)/100
		ranges[r.Variation[1]-'0'] = growthbook.BucketRange{Min: from / domain.Slots, Max: (from + taken) / domain.Slots}
	}
	return ranges
}

func onEdge(ranges []growthbook.BucketRange, bucket float64) bool {
	return slices.ContainsFunc(ranges, func(r growthbook.BucketRange) bool {
		return math.Abs(bucket-r.Min) < 1e-9 || math.Abs(bucket-r.Max) < 1e-9
	})
}
