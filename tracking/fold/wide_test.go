package fold_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/tallymodel"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

// visits are exposures of so many units, each in a city of its own, in one of two
// countries.
func visits(experiment uuid.UUID, from, to int) (facts []tallymodel.Fact) {
	for i := from; i < to; i++ {
		attributes, _ := json.Marshal(map[string]string{"city": fmt.Sprint("c", i), "country": []string{"CH", "DE"}[i%2]})
		facts = append(facts, tallymodel.Fact{
			UnitType: "user_id", Unit: fmt.Sprint("u", i), ID: uuid.New(), At: tallymodel.Epoch().Add(time.Duration(i) * time.Second),
			Variation: []string{"control", "a"}[i%2], Attributes: attributes,
			Verdict: tracking.Verdict{Ruling: tracking.Agrees, Experiment: experiment, Phase: 1},
		})
	}
	return facts
}

// TestADimensionOfTooManyValuesIsNotCountedBy says so from the batch on in which it
// got them, whatever comes after and however often it is counted.
func TestADimensionOfTooManyValuesIsNotCountedBy(t *testing.T) {
	b := newBench(t)
	b.values = 5
	plan := tally.Plan{
		UnitType: "user_id", Variations: []string{"control", "a"}, Dimensions: []string{"city", "country"},
		Metrics: []tally.Metric{{Key: "buys", Kind: "count", Event: "buy"}},
	}
	id := b.experiment(t, uuid.New(), plan)
	b.oracle.facts = visits(id, 0, 20)
	// Of the sixth city nobody is left: its unit turns out to have been elsewhere.
	again := b.oracle.facts[5]
	again.ID, again.At, again.Attributes = uuid.New(), again.At.Add(-time.Minute), []byte(`{"city":"c4"}`)
	b.oracle.facts = append(b.oracle.facts, again)
	ledgertest.Run(t, b.folder(t).Run)
	for _, step := range []struct {
		facts []tallymodel.Fact
		wide  []string
	}{
		{b.oracle.facts[:5], nil},
		{b.oracle.facts[5:6], []string{"city"}},
		{b.oracle.facts[6:20], []string{"city"}},
		{b.oracle.facts[20:], []string{"city"}},
	} {
		b.track(t, step.facts)
		b.settled(t, id, 1)
		if r := b.checkNow(t, id, 1); !slices.Equal(r.Wide, step.wide) {
			t.Errorf("at %d too wide are %q, want %q", r.Batch, r.Wide, step.wide)
		}
	}
	b.checkPhase(t, id, 1)
	if wide := b.rows(t, `select dimension, batch from track_wide`); wide != "(city,2)" {
		t.Errorf("too wide: %s", wide)
	}
	before := b.everything(t)
	if _, err := fold.New(b.pool, b.oracle, fold.Config{}).Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if after := b.everything(t); after != before {
		t.Errorf("counted in one go:\n%s\nrebuilt:\n%s", before, after)
	}
	// A process of an older version counts by it all the same.
	b.execute(t, `insert into track_cells (plan, metric, variation, epoch, dimension, value, day, n, sums)
		select plan, '', 0, 0, 'city', 'c1', '0001-01-01', 1, '{}' from track_plans`)
	b.checkPhase(t, id, 1)
	if r, err := fold.ReadDimension(t.Context(), b.pool, id, 1, "city"); err != nil || len(r.Cells) == 0 || len(r.More) > 0 {
		t.Errorf("read %d cells, %v more: %v", len(r.Cells), r.More, err)
	}
	if d, err := b.past().Verify(t.Context(), nil); d != nil || err != nil {
		t.Errorf("verified: %v, %v", d, err)
	}
}

// TestAPlanThatIsFilledFindsTooManyValues declares a dimension late; the plan that
// served knows nothing of it.
func TestAPlanThatIsFilledFindsTooManyValues(t *testing.T) {
	b := newBench(t)
	b.values = 5
	plan := tally.Plan{UnitType: "user_id", Variations: []string{"control", "a"}, Dimensions: []string{"country"}}
	id := b.experiment(t, uuid.New(), plan)
	b.oracle.facts = visits(id, 0, 30)
	ledgertest.Run(t, b.folder(t).Run)
	b.track(t, b.oracle.facts)
	if r := b.settled(t, id, 1); len(r.Wide) > 0 {
		t.Errorf("too wide are %q", r.Wide)
	}
	b.patch(t, id, `{"analysis":{"dimensions":["city"]}}`)
	b.settled(t, id, 1)
	if r := b.checkNow(t, id, 1); !slices.Equal(r.Wide, []string{"city"}) {
		t.Errorf("too wide are %q", r.Wide)
	}
	b.patch(t, id, `{"analysis":{"dimensions":["country"]}}`)
	b.settled(t, id, 1)
	if r := b.checkNow(t, id, 1); len(r.Wide) > 0 {
		t.Errorf("too wide are %q", r.Wide)
	}
	b.checkPhase(t, id, 1)
}
