package stats

import "math"

// A PowerPlan asks what a test of a lift can find before it has data. The
// variance of the lift is that of the delta method at the lift itself, with the
// control's variance in both arms. A sequential test counts as a fixed one whose
// standard error is larger in the ratio of the two half-widths, as GrowthBook's
// planner has it, which errs on the safe side.
type PowerPlan struct {
	Alpha      float64
	Sides      int     // 1 or 2
	Variations int     // that share the units evenly, the control included
	Tuning     float64 // of a sequential test; 0 for a fixed horizon
	Power      float64 // that the smallest detectable effect is asked at
}

// A Baseline is what is known of a metric before the test.
type Baseline struct {
	Mean, Variance float64 // per unit
}

// ConversionBaseline is the baseline of a rate.
func ConversionBaseline(rate float64) Baseline {
	return Baseline{Mean: rate, Variance: rate * (1 - rate)}
}

func (p PowerPlan) valid() bool {
	return inOpen(p.Alpha, 0, 1) && (p.Sides == 1 || p.Sides == 2) && p.Variations >= 2 &&
		p.Tuning >= 0 && finite(p.Tuning)
}

// Relative is the power to see a lift with so many units in all.
func (p PowerPlan) Relative(b Baseline, units, lift float64) (power float64, status Status) {
	noise, status := p.relative(b, units)
	if !finite(lift) {
		return 0, InvalidInput
	}
	if status != OK {
		return 0, status
	}
	power = powerOf(lift/(noise*math.Hypot(1, 1+lift)), p.critical(), p.Sides)
	if !finite(power) {
		return 0, InvalidInput
	}
	return power, OK
}

// RelativeMDE is the smallest lift found with the plan's power; attainable is
// false when no lift is.
func (p PowerPlan) RelativeMDE(b Baseline, units float64) (lift float64, attainable bool, status Status) {
	noise, status := p.relative(b, units)
	if !inOpen(p.Power, 0, 1) {
		return 0, false, InvalidInput
	}
	if status != OK {
		return 0, false, status
	}
	// lift = (critical+z) noise sqrt(1+(1+lift)^2), squared.
	g := (p.critical() + normISF(1-p.Power)) * noise
	g *= g
	if !(g < 1) {
		return 0, false, OK
	}
	return (g + math.Sqrt(g*(2-g))) / (1 - g), true, OK
}

func (p PowerPlan) critical() float64 {
	return normISF(p.Alpha / float64(p.Sides))
}

// relative is the standard error of a mean over that mean, widened for a
// sequential test.
func (p PowerPlan) relative(b Baseline, units float64) (float64, Status) {
	switch {
	case !p.valid() || !finite(b.Mean) || !(b.Variance >= 0) || !finite(b.Variance) || !(units >= 0) || !finite(units):
		return 0, InvalidInput
	case units == 0:
		return 0, ZeroUsers
	case b.Variance == 0:
		return 0, ZeroVariance
	case b.Mean == 0:
		return 0, ZeroBaseline
	}
	perArm := units / float64(p.Variations)
	critical, status := criticalValue(p.Alpha, p.Sides, p.Tuning, 2*perArm)
	return math.Sqrt(b.Variance/perArm) / math.Abs(b.Mean) * (critical / p.critical()), status
}

// criticalValue is the effect, in standard errors, from which a test with so
// many units in its two arms rejects.
func criticalValue(alpha float64, sides int, tuning, units float64) (float64, Status) {
	if tuning == 0 {
		return normISF(alpha / float64(sides)), OK
	}
	sequence := Sequence{Alpha: alpha, Tuning: tuning, Alternative: TwoSided}
	if sides == 1 {
		sequence.Alternative = Greater
	}
	look, status := sequence.Look(0, 1, units)
	return look.HalfWidth, status
}

// powerOf is the probability that a normal statistic with the given mean passes
// the critical value, on both sides of a two-sided test.
func powerOf(mean, critical float64, sides int) float64 {
	power := normSF(critical - mean)
	if sides == 2 {
		power += normSF(critical + mean)
	}
	return power
}

// A MidPower says how far a running test is from finding an effect.
type MidPower struct {
	SE          float64
	PowerNow    float64
	PowerDouble float64 // with twice the units
	// ScalingFactor s says that n(1+s) units reach the power wanted, 0 when it is
	// reached; AdditionalUsers are the s n units of the two arms to come.
	ScalingFactor   float64
	AdditionalUsers float64
	Attainable      bool
}

// A MidPlan is what a running test is held to.
type MidPlan struct {
	Alpha       float64
	TargetPower float64 // of finding an effect on every goal metric at once
	MDE         float64 // the effect to find, in the unit of the estimate
	Tuning      float64 // of a sequential test; 0 for a fixed horizon
	// Critical is the |z| from which the test rejects at its end; 0 is that of Alpha
	// and Tuning.
	Critical    float64
	Variations  int
	GoalMetrics int
	Corrected   bool // alpha is shared among treatments and goal metrics
}

// Judge tells the power of a test from the standard error of its effect after so
// many units in both arms, taking that the error falls as the root of units.
func (p MidPlan) Judge(se, units float64) (MidPower, Status) {
	if !inOpen(p.Alpha, 0, 1) || !inOpen(p.TargetPower, 0, 1) || !finite(p.MDE) || !(p.Tuning >= 0) ||
		!(p.Critical >= 0) || p.Variations < 2 || p.GoalMetrics < 1 || !(se >= 0) || !finite(se) || !positive(units) {
		return MidPower{}, InvalidInput
	}
	if se == 0 {
		return MidPower{}, ZeroVariance
	}
	alpha := p.Alpha
	if p.Corrected {
		alpha /= float64((p.Variations - 1) * p.GoalMetrics)
	}
	target := math.Pow(p.TargetPower, 1/float64(p.GoalMetrics))
	power := func(s float64) float64 {
		critical := p.Critical
		if critical == 0 {
			critical, _ = criticalValue(alpha, 2, p.Tuning, units*(1+s))
		}
		return powerOf(math.Abs(p.MDE)/se*math.Sqrt(1+s), critical, 2)
	}
	mid := MidPower{SE: se, PowerNow: power(0), PowerDouble: power(1)}
	if mid.PowerNow >= target {
		mid.Attainable = true
		return mid, OK
	}
	const most = 1 << 30
	hi := 1.0
	for hi < most && power(hi) < target {
		hi *= 2
	}
	if power(hi) < target {
		return mid, OK
	}
	mid.Attainable = true
	mid.ScalingFactor = root(func(s float64) float64 { return power(s) - target }, 0, hi)
	mid.AdditionalUsers = mid.ScalingFactor * units
	if !finite(mid.AdditionalUsers) {
		return MidPower{}, InvalidInput
	}
	return mid, OK
}

// DaysLeft is how many more days so many additional units take at a daily rate,
// rounded up; known is false when none come.
func DaysLeft(additional, perDay float64) (days int, known bool) {
	if !positive(perDay) || !(additional >= 0) || additional/perDay > 36_500 {
		return 0, false
	}
	return int(math.Ceil(additional / perDay)), true
}
