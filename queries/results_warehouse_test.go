package queries

import (
	"slices"
	"testing"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking/warehouse"
)

// A warehouse knows of no splits: what it pools over several is marked.
func TestAWarehousePoolsSplitsAndSaysSo(t *testing.T) {
	s := newStack(t)
	s.create(t, `{"name":"X"}`)
	metric := `{"name":"Buys","event":"buy"}`
	if _, err := s.commands.CreateResource(t.Context(), commands.Call{}, domain.KindMetric, []byte(metric)); err != nil {
		t.Fatal(err)
	}
	s.patch(t, "x", `{"metrics":[{"metric":"buys","role":"primary"}],"analysis":{"dimensions":["country"]}}`)
	s.set(t, "x", domain.Active)
	source, err := warehouse.Parse([]byte(`{"exposures":{
			"sql":"select i::text as uid, (select max(recorded_at) from events) as at, 'x' as e, 'DE' as country, (array['control','treatment'])[1 + i % 2] as v from generate_series(1, 100) i",
			"units":{"user_id":"uid"},"at":"at","experiment":"e","variation":"v","dimensions":{"country":"country"}},
		"events":{"buy":{"sql":"select i::text as uid, (select max(recorded_at) from events) as at from generate_series(1, 100, 3) i","units":{"user_id":"uid"},"at":"at"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	check := func(pooled bool) {
		t.Helper()
		got, err := s.WarehouseResults(t.Context(), "x", s.ledger.Pool(t), source, ResultsOptions{Dimension: "country"})
		if err != nil {
			t.Fatal(err)
		}
		doc := decode[Results](t, got.Body)
		for _, v := range []VariationResult{doc.Metrics[0].Variations[1], doc.Breakdown.Values[0].Metrics[0].Variations[1]} {
			if v.Units != 50 || slices.Contains(v.Flags, "epochs_pooled") != pooled {
				t.Errorf("%d units, flags %q", v.Units, v.Flags)
			}
		}
	}
	check(false)
	s.patch(t, "x", `{"variations":[{"key":"control","weight":1},{"key":"treatment","weight":3}],"phase":"same"}`)
	check(true)
}
