package stats

import "math"

// RatioCI is an interval for the relative lift of the treatment's mean over the
// control's.
type RatioCI struct {
	Estimate float64
	Interval Interval
	G        float64 // Fieller: squared error of the control's mean, in half-widths
	SE       float64 // LogRatioCI: of the logarithm of the ratio
	DF       float64
}

// FiellerCI bounds the relative lift by the roots of Fieller's quadratic (1954)
// with Welch's t. It excludes 0 exactly when Welch rejects at the same level. With
// G of 1 or more the control's mean cannot be told from 0 and there is no interval.
func FiellerCI(control, treatment Arm, alpha float64) (RatioCI, Status) {
	s, status := Settings{Alpha: alpha}.defaults()
	if status != OK {
		return RatioCI{}, status
	}
	c, t, status := momentsOf(control, treatment)
	if status != OK {
		return RatioCI{}, status
	}
	k, status := contrastFrom(c, t)
	if status != OK {
		return RatioCI{}, status
	}
	ci, status := k.lift(tISF(s.tail(), k.df))
	if status != OK {
		return RatioCI{}, status
	}
	return ci, OK
}

// LogRatioCI bounds the lift by a normal interval of the logarithm of the ratio
// of means (Katz, 1978, for proportions); other arms take Welch's t. The means
// must have the same sign.
func LogRatioCI(control, treatment Arm, alpha float64) (RatioCI, Status) {
	s, status := Settings{Alpha: alpha}.defaults()
	if status != OK {
		return RatioCI{}, status
	}
	c, t, status := momentsOf(control, treatment)
	if status != OK {
		return RatioCI{}, status
	}
	if c.variance.sign() == 0 && t.variance.sign() == 0 {
		return RatioCI{}, ZeroVariance
	}
	if c.mean.sign() == 0 {
		return RatioCI{}, ZeroBaseline
	}
	if c.mean.sign() != t.mean.sign() {
		return RatioCI{}, InvalidInput
	}
	lift := t.mean.sub(c.mean).quo(c.mean).float()
	c.variance, t.variance = c.variance.quo(c.mean.square()), t.variance.quo(t.mean.square())
	df := welchDF(c, t)
	if _, normal := control.(ProportionArm); normal {
		df = math.Inf(1)
	}
	se := c.squaredError().add(t.squaredError()).sqrt().float()
	half := tISF(s.tail(), df) * se
	log := math.Log1p(lift)
	interval := Interval{math.Expm1(log - half), math.Expm1(log + half)}
	if !allFinite(lift, se, interval.Lower, interval.Upper) {
		return RatioCI{}, InvalidInput
	}
	return RatioCI{Estimate: lift, Interval: interval, SE: se, DF: df}, OK
}
