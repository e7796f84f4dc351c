package fold_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/tallymodel"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/tally"
)

// TestVerifyFindsWhatWasChanged tampers with what results are read from, in every
// way that a row can be.
func TestVerifyFindsWhatWasChanged(t *testing.T) {
	b := newBench(t)
	plan := tally.Plan{
		UnitType: "user_id", Variations: []string{"control", "a"}, Dimensions: []string{"country"},
		Metrics: []tally.Metric{{Key: "buys", Kind: "count", Event: "buy"}, {Key: "waits", Kind: "quantile", Event: "wait", Quantile: 0.9}},
	}
	id := b.experiment(t, uuid.New(), plan)
	second := int64(2_500_000)
	facts := []tallymodel.Fact{{
		Variation: "a", Verdict: tracking.Verdict{Ruling: tracking.Agrees, Experiment: id, Phase: 1}, Attributes: []byte(`{"country":"CH"}`),
	}, {Name: "buy"}, {Name: "wait", Value: &second}}
	for i := range facts {
		facts[i].UnitType, facts[i].Unit, facts[i].ID = "user_id", "u1", uuid.New()
		facts[i].At = tallymodel.Epoch().Add(time.Duration(i) * time.Second)
	}
	b.oracle.facts = facts
	ledgertest.Run(t, b.folder(t).Run)
	b.track(t, facts)
	b.settled(t, id, 1)

	var done, total int64
	d, err := b.past().Verify(t.Context(), func(d, of int64) { done, total = d, of })
	if err != nil || d != nil || done != 1 || total != 1 {
		t.Fatalf("of what nobody changed: %v, %v; %d of %d", d, err, done, total)
	}
	prefix := "tracking: experiment " + keyOf(id) + ", phase 1, "
	for _, tt := range []struct{ sql, want string }{
		{`update track_cells set n = n + 1 where metric = 'buys' and dimension = ''`, "metric buys, variation a, 2026-"},
		{`update track_cells set sums[1] = sums[1] + 1 where metric = 'buys' and dimension = 'country'`, `metric buys, variation a, country "CH": not what`},
		{`update track_cells set sketch = null where metric = 'waits' and dimension = ''`, "metric waits, variation a, "},
		{`delete from track_cells where metric = '' and dimension = ''`, "the units, variation a, "},
		{
			`insert into track_cells select plan, metric, variation, epoch + 1, dimension, value, day, n, sums, sketch
				from track_cells where metric = 'buys' and dimension = ''`, "metric buys, variation a, ",
		},
	} {
		b.execute(t, `create table kept as select * from track_cells`)
		b.execute(t, tt.sql)
		d, err := b.past().Verify(t.Context(), nil)
		if err != nil || d == nil || !strings.HasPrefix(d.String(), prefix+tt.want) {
			t.Errorf("%s: found %v, %v, want %s", tt.sql, d, err, prefix+tt.want)
		}
		b.execute(t, `delete from track_cells`)
		b.execute(t, `insert into track_cells select * from kept`)
		b.execute(t, `drop table kept`)
	}
}
