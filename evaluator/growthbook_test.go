package evaluator_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	growthbook "github.com/growthbook/growthbook-golang"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
)

// TestGrowthBookAgrees asks GrowthBook's own SDK about an experiment as its users
// write it, by weights and coverage in whole percent, and by the ranges that
// docs/assignment.md says to hand to it.
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
		l.create("e", fmt.Sprintf(`"hash":"gb2","salt":"seed","traffic_ppm":%d,%s`, percent*domain.Slots/100, arms([]int{first, 100 - first})))
		s := l.snapshot()
		weighted := growthbook.NewExperiment("e")
		weighted.HashVersion, weighted.Seed, weighted.Variations = 2, "seed", []growthbook.FeatureValue{0, 1}
		weighted.Weights, weighted.Coverage = []float64{float64(first) / 100, float64(100-first) / 100}, new(float64(percent)/100)
		exp := growthbook.NewExperiment("e")
		exp.HashVersion, exp.Seed, exp.Variations = 2, "seed", []growthbook.FeatureValue{0, 1}
		for _, v := range l.find("e").Split {
			taken := float64((v.To-v.From)*percent) / 100
			r := growthbook.BucketRange{Min: float64(v.From) / domain.Slots, Max: (float64(v.From) + taken) / domain.Slots}
			for len(exp.Ranges) < int(v.Variation[1]-'0') {
				exp.Ranges = append(exp.Ranges, growthbook.BucketRange{})
			}
			exp.Ranges = append(exp.Ranges, r)
		}
		for _, id := range append(units()[:100], "用户", "josé", "😀") {
			who, err := client.WithAttributes(growthbook.Attributes{"id": id})
			if err != nil {
				t.Fatal(err)
			}
			ours, _ := s.EvaluateRaw("e", id, nil)
			for _, exp := range []*growthbook.Experiment{exp, weighted} {
				theirs := who.RunExperiment(ctx, exp)
				if theirs.InExperiment != ours.Reason.Exposure() || theirs.VariationId != int(ours.Variation) {
					t.Fatalf("%d:%d at %d %%, %s: theirs %t %d, ours %s %d", first, 100-first, percent, id, theirs.InExperiment, theirs.VariationId, ours.Reason, ours.Variation)
				}
			}
		}
	})
}
