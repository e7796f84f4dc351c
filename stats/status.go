package stats

import "slices"

// Status says whether a result holds numbers, and if not, why.
type Status string

// The statuses, in order of precedence: where several apply, the first is given.
const (
	OK Status = "ok"
	// InvalidInput is an input that no data can have: a negative count, more
	// converted units than units, a sum of squares below what its sum implies.
	InvalidInput Status = "invalid_input"
	// ZeroUsers is an arm without units.
	ZeroUsers Status = "zero_users"
	// InsufficientUnits is an arm of one unit, or a quantile with too few events.
	InsufficientUnits Status = "insufficient_units"
	// ZeroDenominator is a ratio whose denominator adds up to 0.
	ZeroDenominator Status = "zero_denominator"
	// ZeroVariance is an effect with a standard error of 0.
	ZeroVariance Status = "zero_variance"
	// ZeroBaseline is a relative effect on a control with a mean of 0.
	ZeroBaseline Status = "zero_baseline"
	// UnboundedInterval is a Fieller interval that is not an interval: the
	// control's mean cannot be told from 0.
	UnboundedInterval Status = "unbounded_interval"
	// LeakedUsers is an arm of weight 0 that has units.
	LeakedUsers Status = "leaked_users"
)

// worst is the status that takes precedence.
func worst(statuses ...Status) Status {
	order := [...]Status{
		InvalidInput, ZeroUsers, InsufficientUnits, ZeroDenominator,
		ZeroVariance, ZeroBaseline, UnboundedInterval, LeakedUsers,
	}
	for _, bad := range order {
		if slices.Contains(statuses, bad) {
			return bad
		}
	}
	return OK
}
