package queries

import (
	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

// Results are what an experiment's phase has shown as of a pair of positions: of
// the ledger, and of what was tracked. The same pair and the same questions give
// the same bytes for ever. A number that there is not is null.
type Results struct {
	AsOf string `json:"as_of"`
	// Hash is the SHA-256 of the document, with this member empty.
	Hash string `json:"hash"`
	// Algorithm names the version of the formulas.
	Algorithm  string            `json:"algorithm"`
	Experiment ResultsExperiment `json:"experiment"`
	Phase      int               `json:"phase"`
	Plan       ResultsPlan       `json:"plan"`
	Method     string            `json:"method"`
	Test       ResultsTest       `json:"test"`
	Alpha      float64           `json:"alpha"`
	Correction string            `json:"correction"`
	// Since and Through are the first and the last day on which something counted
	// happened, Days how many that are; null and 0 before the first.
	Since     *domain.Date   `json:"since"`
	Through   *domain.Date   `json:"through"`
	Days      int            `json:"days"`
	Verdict   Verdict        `json:"verdict"`
	Metrics   []MetricResult `json:"metrics"`
	SRM       SRMResult      `json:"srm"`
	Quality   Quality        `json:"quality"`
	Breakdown *Breakdown     `json:"breakdown,omitempty"`
}

// ResultsExperiment names the experiment.
type ResultsExperiment struct {
	ID   uuid.UUID `json:"id"`
	Key  string    `json:"key"`
	Name string    `json:"name"`
	// Variations are keys, the control first.
	Variations []string `json:"variations"`
}

// ResultsPlan is the rule that the verdict follows.
type ResultsPlan struct {
	// FixedAt is the record that first made the phase active: the rule is the one
	// of then. Null while it never was active.
	FixedAt *FixedAt `json:"fixed_at"`
	// ChangedSince are pointers to what of the analysis and metrics is no longer as
	// it was then, and makes no difference here.
	ChangedSince    []string `json:"changed_since"`
	MinDays         int      `json:"min_days"`
	MaxDays         int      `json:"max_days"`
	MDE             float64  `json:"mde"`
	Power           float64  `json:"power"`
	GuardrailMargin float64  `json:"guardrail_margin"`
	SRMAlpha        float64  `json:"srm_alpha"`
	Dimensions      []string `json:"dimensions"`
	Exclude         []string `json:"exclude"`
}

// ResultsTest says how intervals and p-values are to be read.
type ResultsTest struct {
	// Label names the test in words.
	Label string `json:"label"`
	// Look is the last one of a planned end; null without one.
	Look *ResultsLook `json:"look"`
	// Prior is of the lift; null is flat.
	Prior *domain.Prior `json:"prior"`
}

// ResultsLook is a look of a group sequential test: metrics are those of its day's
// end.
type ResultsLook struct {
	// Number is 0, and Through null, before the first.
	Number  int          `json:"number"`
	Of      int          `json:"of"`
	Through *domain.Date `json:"through"`
	// AlphaSpent is the part of alpha that looks up to here may use.
	AlphaSpent float64 `json:"alpha_spent"`
}

// Verdict is what to do, in words, and the code of the reason.
type Verdict struct {
	Code string `json:"code"`
	Text string `json:"text"`
	// Variation and Metric are those that decide, if any.
	Variation string `json:"variation,omitempty"`
	Metric    string `json:"metric,omitempty"`
	DaysLeft  *int   `json:"days_left,omitempty"`
}

// MetricResult compares the variations by one metric.
type MetricResult struct {
	Metric string `json:"metric"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Goal   string `json:"goal"`
	// Role is the one that was fixed. Added metrics came later: the verdict does not
	// look at them.
	Role       string            `json:"role"`
	Added      bool              `json:"added,omitzero"`
	Variations []VariationResult `json:"variations"`
	Power      *PowerResult      `json:"power"`
	// Series is cumulative: each day holds all up to its end.
	Series []SeriesDay `json:"series,omitempty"`
}

// VariationResult is one variation's; what compares it with the control is null
// on the control itself.
type VariationResult struct {
	Variation string   `json:"variation"`
	Units     int64    `json:"units"`
	Mean      *float64 `json:"mean"`
	StdError  *float64 `json:"std_error"`
	// Effect is the difference from the control, with CUPED adjusted, EffectError
	// its standard error.
	Effect      *float64  `json:"effect"`
	EffectError *float64  `json:"effect_error"`
	EffectCI    *Interval `json:"effect_ci"`
	Lift        *float64  `json:"lift"`
	LiftCI      *Interval `json:"lift_ci"`
	PValue      *float64  `json:"p_value"`
	Log10P      *float64  `json:"log10_p"`
	// PAdjusted is corrected for the other comparisons of the metric's role; Level
	// is that of the intervals, which exclude 0 when it is below alpha.
	PAdjusted    *float64 `json:"p_adjusted"`
	Level        *float64 `json:"level"`
	ChanceToWin  *float64 `json:"chance_to_win"`
	ExpectedLoss *float64 `json:"expected_loss"`
	// CUPEDVariance is the share of variance that CUPED took away.
	CUPEDVariance *float64 `json:"cuped_variance,omitempty"`
	Significant   bool     `json:"significant"`
	// Status is ok, or why numbers are null.
	Status string   `json:"status"`
	Flags  []string `json:"flags"`
}

// Interval is a confidence or credible interval; an open end is null.
type Interval [2]*float64

// PowerResult says how far a metric is from finding the effect worth having, in
// its least certain comparison.
type PowerResult struct {
	// Reached is the power by now, MDE the relative effect found with the power
	// wanted by now.
	Reached *float64 `json:"reached"`
	MDE     *float64 `json:"mde"`
	// Units are still to come in all, at the present rate in DaysLeft.
	Units    *float64 `json:"units"`
	DaysLeft *int     `json:"days_left"`
}

// SeriesDay is the state at the end of a day.
type SeriesDay struct {
	Date       domain.Date       `json:"date"`
	Variations []SeriesVariation `json:"variations"`
}

// SeriesVariation is one variation at the end of a day.
type SeriesVariation struct {
	Units  int64     `json:"units"`
	Mean   *float64  `json:"mean"`
	Lift   *float64  `json:"lift"`
	LiftCI *Interval `json:"lift_ci"`
}

// SRMResult says whether units came to the variations as the split says.
type SRMResult struct {
	// Verdict is ok, mismatch (traffic is broken), leak (a variation without a
	// share has units) or no_data.
	Verdict string `json:"verdict"`
	// PValue is the sequential test's: it may be looked at every day.
	PValue *float64   `json:"p_value"`
	Log10P *float64   `json:"log10_p"`
	Epochs []SRMEpoch `json:"epochs"`
}

// SRMEpoch is the time of one split of the phase. The chi-square test is right
// for one look, and for display.
type SRMEpoch struct {
	Epoch      int            `json:"epoch"`
	Variations []SRMVariation `json:"variations"`
	ChiSquare  *float64       `json:"chi_square"`
	DF         int            `json:"df"`
	PValue     *float64       `json:"p_value"`
}

// SRMVariation are the units of one variation.
type SRMVariation struct {
	Variation string  `json:"variation"`
	Observed  int64   `json:"observed"`
	Expected  float64 `json:"expected"`
}

// Quality counts what was left out: units, but for Disagreements and Overridden,
// which are exposures.
type Quality struct {
	Crossovers    int64 `json:"crossovers"`
	Excluded      int64 `json:"excluded"`
	Bots          int64 `json:"bots"`
	Disagreements int64 `json:"disagreements"`
	Overridden    int64 `json:"overridden"`
	// WideDimensions had too many values: by these nothing is counted any more.
	WideDimensions []string `json:"wide_dimensions,omitempty"`
}

// Breakdown shows the metrics for each value of a dimension. It explores: no
// correction is made, and no verdict follows from it.
type Breakdown struct {
	Dimension string           `json:"dimension"`
	Values    []BreakdownValue `json:"values"`
	// More is how many values are together in the last one, (other): the hundred with
	// most units stand above it.
	More int `json:"more"`
}

// BreakdownValue is the part of the units with one value.
type BreakdownValue struct {
	Value   string         `json:"value"`
	Metrics []MetricResult `json:"metrics"`
}
