// Package tally counts: from the history of one unit to what it adds to the
// sums that results are read from. It does no I/O and knows no clock; the same
// history in whatever order gives the same sums. The rules stand in
// docs/tracking.md. Begin with Plan.
package tally

import (
	"math/big"
	"time"

	"github.com/google/uuid"
)

// Plan is how the units of one phase of an experiment are counted.
type Plan struct {
	Experiment uuid.UUID `json:"experiment"`
	Phase      int       `json:"phase"`
	UnitType   string    `json:"unit_type"`
	// Variations are keys, the control first.
	Variations []string `json:"variations"`
	Metrics    []Metric `json:"metrics"`
	// Dimensions are names of attributes of exposures.
	Dimensions []string `json:"dimensions"`
	// Exclude are segments whose members are left out.
	Exclude []Segment `json:"exclude"`
}

// Metric is a metric's definition as far as counting goes.
type Metric struct {
	Key          string  `json:"key"`
	Kind         string  `json:"kind"`
	Event        string  `json:"event"`
	Denominator  string  `json:"denominator,omitempty"`
	WindowHours  int     `json:"window_hours,omitempty"`
	Cap          *int64  `json:"cap,omitempty"` // millionths
	Quantile     float64 `json:"quantile,omitempty"`
	CUPED        bool    `json:"cuped,omitempty"`
	LookbackDays int     `json:"lookback_days,omitempty"`
}

// Segment is a segment at one version of its members.
type Segment struct {
	ID      uuid.UUID `json:"id"`
	Key     string    `json:"key"`
	Version int       `json:"version"`
}

// CellKey names sums over units of one plan. Days are UTC midnights.
type CellKey struct {
	// Metric is the key of one, or empty for the units themselves, or one of
	// the counts of what is left out.
	Metric string
	// Variation is a place in the plan's list, or -1 for one that is not in it.
	// What is left out stands under the variation that decided, or that the
	// exposure told of.
	Variation int
	// Epoch is that of the units' first exposure; 0 for what is left out.
	Epoch     int
	Dimension string    // empty: all units
	Value     string    // of the dimension
	Day       time.Time // zero for dimensions
}

// Counts of what is left out, as the Metric of a cell, in N: units, but for
// Disagreements and Overridden, which are exposures. They have no dimensions.
// A unit is left out for one reason: as excluded, else as a bot, else as a
// crossover.
const (
	Crossovers    = "!crossovers"
	Excluded      = "!excluded"
	Bots          = "!bots"
	Disagreements = "!disagreements"
	Overridden    = "!overridden"
)

// Places in Cell.Sums. A unit's numbers are in millionths (squares and products:
// in millionths of millionths); a count of events is as many millions. A
// proportion is a million or 0. What can be told from others is there too.
const (
	Num = iota // the metric's number, or a ratio's numerator
	NumNum
	Den // a ratio's denominator
	DenDen
	NumDen
	Pre // the covariate's number, or its numerator
	PrePre
	NumPre
	PreDen // the covariate's denominator
	PreDenPreDen
	PrePreDen
	DenPreDen
	NumPreDen
	PreNumDen // the covariate's numerator times the denominator
	SumCount
)

// Cell holds sums over N units: all that count, whether they did anything or
// not. A sum that is nil is 0.
type Cell struct {
	N      int64
	Sums   [SumCount]*big.Int
	Sketch Sketch
}
