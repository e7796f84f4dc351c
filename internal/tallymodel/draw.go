package tallymodel

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/tally"
)

// Epoch is when drawn facts begin: not at midnight, so that days differ from
// spans of 24 hours.
func Epoch() time.Time { return time.Date(2026, 1, 6, 17, 30, 0, 0, time.UTC) }

// DrawMetric draws a metric over the events that DrawFact draws.
func DrawMetric(t *rapid.T, key string) tally.Metric {
	m := tally.Metric{
		Key:         key,
		Kind:        rapid.SampledFrom([]string{"conversion", "retention", "count", "sum", "mean", "ratio", "quantile"}).Draw(t, "kind"),
		Event:       drawName(t),
		WindowHours: rapid.SampledFrom([]int{0, 0, 1, 24, 100}).Draw(t, "window"),
		CUPED:       rapid.Bool().Draw(t, "cuped"),
	}
	switch m.Kind {
	case "ratio":
		m.Denominator = drawName(t)
	case "quantile":
		m.Quantile, m.CUPED = 0.9, false
	}
	if m.CUPED {
		m.LookbackDays = rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "lookback")
	}
	if rapid.Bool().Draw(t, "capped") {
		m.Cap = new(rapid.SampledFrom([]int64{1, 2_500_000, 1e15}).Draw(t, "cap"))
	}
	return m
}

func drawName(t *rapid.T) string {
	return rapid.SampledFrom([]string{"buy", "view", "err"}).Draw(t, "name")
}

// DrawPlan draws how a phase is counted.
func DrawPlan(t *rapid.T, experiment uuid.UUID, phase int) tally.Plan {
	p := tally.Plan{
		Experiment: experiment, Phase: phase,
		UnitType:   rapid.SampledFrom([]string{"user_id", "user_id", "device"}).Draw(t, "unit type"),
		Variations: []string{"control", "a", "b"}[:rapid.IntRange(2, 3).Draw(t, "variations")],
		Dimensions: []string{"country", "beta"}[:rapid.IntRange(0, 2).Draw(t, "dimensions")],
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "metrics") {
		p.Metrics = append(p.Metrics, DrawMetric(t, fmt.Sprint("m", i)))
	}
	return p
}

// DrawFact draws what one of few units was shown or did, within two weeks.
func DrawFact(t *rapid.T, experiments []uuid.UUID) Fact {
	f := Fact{
		UnitType: rapid.SampledFrom([]string{"user_id", "user_id", "user_id", "device"}).Draw(t, "unit type"),
		Unit:     fmt.Sprint("u", rapid.IntRange(0, 5).Draw(t, "unit")),
		// Few times, so that some are the same, on midnights and the bounds of
		// windows, and just beside.
		At: Epoch().Add(time.Duration(rapid.IntRange(-14*24, 14*24).Draw(t, "half hours"))*30*time.Minute +
			time.Duration(rapid.SampledFrom([]int{0, 0, 0, 0, 1, -1}).Draw(t, "beside"))*time.Microsecond),
		ID: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
	}
	if rapid.IntRange(0, 2).Draw(t, "exposure") > 0 {
		f.Name = drawName(t)
		if rapid.IntRange(0, 3).Draw(t, "value") > 0 {
			f.Value = new(rapid.OneOf(
				rapid.SampledFrom([]int64{0, 1e6, 2_500_000, -30_000, 1e18, -1e18, 101, 102}),
				rapid.Int64Range(-1e18, 1e18), rapid.Int64Range(0, 100e6),
			).Draw(t, "millionths"))
		}
		return f
	}
	f.Variation = rapid.SampledFrom([]string{"control", "control", "control", "control", "a", "b"}).Draw(t, "variation")
	f.Verdict = tracking.Verdict{
		Experiment: rapid.SampledFrom(experiments).Draw(t, "experiment"),
		Phase:      rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "phase"),
		Epoch:      rapid.IntRange(0, 2).Draw(t, "epoch"),
		Ruling: rapid.SampledFrom([]tracking.Ruling{
			tracking.Agrees, tracking.Agrees, tracking.Agrees, tracking.Agrees, tracking.Agrees,
			tracking.Disagrees, tracking.Overridden,
		}).Draw(t, "ruling"),
	}
	f.Attributes = json.RawMessage(rapid.SampledFrom([]string{
		"", `{}`, `{"country":"CH","beta":true}`, `{"country":"DE","beta":null,"age":41}`, `{"beta":1.50,"country":["CH"]}`,
		`{"country":"\u0047\u0042 \"x\"","other":{"beta":1}}`,
	}).Draw(t, "attributes"))
	return f
}
