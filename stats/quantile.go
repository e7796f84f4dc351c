package stats

// QuantileArm describes a quantile over events: where it is, and the sample's
// quantiles at Nu -/+ 1.96 sqrt(Nu(1-Nu)/NStar), whose distance shows its error.
type QuantileArm struct {
	N                 int64 // events
	NStar             int64 // events that Lower and Upper were taken for
	Nu                float64
	Hat, Lower, Upper float64
}

func (a QuantileArm) moments() (moments, Status) { return a.floored(0) }

// floored has a variance of at least floor.
func (a QuantileArm) floored(floor float64) (moments, Status) {
	if status := a.check(); status != OK {
		return moments{n: a.N}, status
	}
	width := wideOf(a.Upper).sub(wideOf(a.Lower)).quo(wideOf(2 * normISF(0.025)))
	events := wideInt(a.NStar).quo(wideInt(a.N)).mul(wideInt(a.N - 1))
	variance := events.mul(width.square())
	if variance.less(wideOf(floor)) {
		variance = wideOf(floor)
	}
	return moments{a.N, wideOf(a.Hat), variance}, OK
}

func (a QuantileArm) check() Status {
	ordered := a.Lower <= a.Hat && a.Hat <= a.Upper
	if a.N < 0 || a.NStar < 0 || a.NStar > mostUnits || !(a.Nu > 0 && a.Nu < 1) || !allFinite(a.Hat, a.Lower, a.Upper) {
		return InvalidInput
	}
	z := normISF(0.025)
	switch status := enough(a.N); {
	case a.N > 0 && !ordered:
		return InvalidInput
	case status != OK:
		return status
	case a.NStar == 0, float64(a.N) <= z*z*max(a.Nu/(1-a.Nu), (1-a.Nu)/a.Nu):
		// The ranks of the interval's ends fall outside the sample.
		return InsufficientUnits
	case a.Lower == a.Upper:
		return ZeroVariance
	}
	return OK
}

// ClusteredQuantileArm is a QuantileArm whose events come in clusters, the units:
// Share has per unit the events below the quantile over all events.
type ClusteredQuantileArm struct {
	QuantileArm
	Share RatioArm
}

func (a ClusteredQuantileArm) moments() (moments, Status) { return a.floored(0) }

// floored inflates the variance by how much more the share of events below the
// quantile varies than it would if events were independent (Deng, Knoblich, Lu,
// KDD 2018).
func (a ClusteredQuantileArm) floored(floor float64) (moments, Status) {
	m, status := a.QuantileArm.floored(floor)
	share, shareStatus := a.Share.moments()
	if status = worst(status, shareStatus); status != OK {
		return m, status
	}
	independent := wideOf(a.Nu).mul(wideOf(1).sub(wideOf(a.Nu))).quo(wideInt(a.N))
	m.variance = m.variance.mul(share.squaredError()).quo(independent)
	if m.variance.sign() == 0 {
		return m, ZeroVariance
	}
	return m, OK
}

// QuantileWelch is Welch's test of two quantiles. From 100 events on an arm's
// variance is at least 1e-5 per event, as GrowthBook has it; that floor depends on
// the unit of measure, so Analyze does without.
func QuantileWelch(control, treatment Arm, s Settings) (Test, Status) {
	s, status := s.defaults()
	if status != OK {
		return Test{}, status
	}
	c, status := flooredQuantile(control)
	t, treatmentStatus := flooredQuantile(treatment)
	if status = worst(status, treatmentStatus); status != OK {
		return Test{}, status
	}
	e, status := compare(c, t, s.Lift, s.Null)
	if status != OK {
		return Test{}, status
	}
	return e.test(s, e.df), OK
}

func flooredQuantile(arm Arm) (moments, Status) {
	floor := func(n int64) float64 {
		if n < 100 {
			return 0
		}
		return 1e-5
	}
	switch a := arm.(type) {
	case QuantileArm:
		return a.floored(floor(a.N))
	case ClusteredQuantileArm:
		return a.floored(floor(a.N))
	}
	return moments{}, InvalidInput
}

// QuantileRanks is a distribution-free interval for a quantile: the ranks, from 1,
// of the order statistics that bound it. 0 and n+1 are the ends of the line.
type QuantileRanks struct {
	Lower, Upper int64
	Coverage     float64 // at least 1 - alpha
}

// QuantileCIRanks finds the ranks for the q quantile of n values.
func QuantileCIRanks(n int64, q, alpha float64) (QuantileRanks, Status) {
	switch {
	case n < 0 || n > mostUnits || !(q > 0 && q < 1) || !(alpha > 0 && alpha < 1):
		return QuantileRanks{}, InvalidInput
	case n == 0:
		return QuantileRanks{}, ZeroUsers
	}
	lower := smallest(n, func(k int64) bool { return binomialCDF(k, n, q) >= alpha/2 })
	upper := smallest(n, func(k int64) bool { return binomialSF(k, n, q) <= alpha/2 })
	coverage := 1 - binomialCDF(lower-1, n, q) - binomialSF(upper, n, q)
	return QuantileRanks{lower, upper + 1, coverage}, OK
}

// smallest k from 0 to n for which holds is true, which it is from there on.
func smallest(n int64, holds func(k int64) bool) int64 {
	lo, hi := int64(0), n
	for lo < hi {
		mid := lo + (hi-lo)/2
		if holds(mid) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// binomialCDF is P(X <= k).
func binomialCDF(k, n int64, q float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return betaSF(q, float64(k)+1, float64(n-k))
}

// binomialSF is P(X > k).
func binomialSF(k, n int64, q float64) float64 {
	switch {
	case k < 0:
		return 1
	case k >= n:
		return 0
	}
	return betaCDF(q, float64(k)+1, float64(n-k))
}
