package fold_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/tallymodel"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

// TestADimensionOfManyValuesIsBounded reads the most frequent values, and the rest
// together, as a recount bounds them: to the last bit.
func TestADimensionOfManyValuesIsBounded(t *testing.T) {
	b := newBench(t)
	plan := tally.Plan{
		UnitType: "user_id", Variations: []string{"control", "a"}, Dimensions: []string{"city"},
		Metrics: []tally.Metric{{Key: "spent", Kind: "sum", Event: "buy"}, {Key: "waits", Kind: "quantile", Event: "buy", Quantile: 0.9}},
	}
	id := b.experiment(t, uuid.New(), plan)
	var facts []tallymodel.Fact
	for unit := range 400 {
		// c0 to c149 have two units, c150 to c249 one, and "(other)" is a city, too.
		city := fmt.Sprintf("c%d", unit%250)
		if unit == 399 {
			city = tally.Other
		}
		attributes, _ := json.Marshal(map[string]string{"city": city})
		value := int64(unit+1) * 1_234_567
		exposure := tallymodel.Fact{
			Variation: plan.Variations[unit%2], Verdict: tracking.Verdict{Ruling: tracking.Agrees, Experiment: id, Phase: 1, Epoch: unit % 3}, Attributes: attributes,
		}
		facts = append(facts, exposure, tallymodel.Fact{Name: "buy", Value: &value})
		for i := range 2 {
			f := &facts[2*unit+i]
			f.UnitType, f.Unit, f.ID, f.At = "user_id", fmt.Sprintf("u%d", unit), uuid.New(), tallymodel.Epoch().Add(time.Duration(i)*time.Second)
		}
	}
	b.oracle.facts = facts
	ledgertest.Run(t, b.folder(t).Run)
	b.track(t, facts)
	whole := b.settled(t, id, 1)
	read, err := fold.ReadDimension(t.Context(), b.pool, id, 1, "city")
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := b.past().Recount(t.Context(), whole.Plan, whole.Batch)
	if err != nil {
		t.Fatal(err)
	}
	bounded := maps.Clone(again)
	more := fold.Bound(bounded)
	if diff := differ(bounded, read.Cells); diff != "" {
		t.Errorf("recounted and bounded, read (-, +):\n%s", diff)
	}
	if read.More["city"] != 150 || more["city"] != 150 {
		t.Errorf("%d values more are read, %d recounted; want 150", read.More["city"], more["city"])
	}
	values := map[string]bool{}
	rest, sum := new(big.Int), new(big.Int)
	var units, others int64
	for key, cell := range read.Cells {
		if key.Dimension != "" {
			values[key.Value] = true
		}
		if key.Metric == "spent" && key.Value == tally.Other {
			sum.Add(sum, cell.Sums[tally.Num])
			others += cell.N
		}
		if key.Metric == "" && key.Dimension != "" {
			units += cell.N
		}
	}
	for key, cell := range again {
		if key.Metric == "spent" && key.Dimension != "" && !values[key.Value] || key.Metric == "spent" && key.Value == tally.Other {
			rest.Add(rest, cell.Sums[tally.Num])
		}
	}
	if len(values) != fold.MaxValues+1 || units != 400 || others != 200 || sum.Cmp(rest) != 0 {
		t.Errorf("%d values, %d units; others have %d units and spent %v, want %v", len(values), units, others, sum, rest)
	}
	if read, err = fold.ReadDimension(t.Context(), b.pool, id, 1, ""); err != nil || len(read.More) != 0 {
		t.Errorf("without a dimension: %v, %v", read.More, err)
	}
}
