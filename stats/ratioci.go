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
	c, status := control.moments()
	t, treatmentStatus := treatment.moments()
	if status = worst(status, treatmentStatus); status != OK {
		return RatioCI{}, status
	}
	e, status := compare(c, t, Absolute, 0)
	if status != OK {
		return RatioCI{}, status
	}
	return fieller(c, t, tISF(s.tail(), e.df), e.df)
}

// fieller solves (m_t - r m_c)^2 = q^2 (v_t/n_t + r^2 v_c/n_c) for r.
func fieller(c, t moments, q, df float64) (RatioCI, Status) {
	if c.mean.sign() == 0 {
		return RatioCI{}, ZeroBaseline
	}
	one, square := wideOf(1), wideOf(q).square()
	base := c.mean.square()
	g := square.mul(c.squaredError()).quo(base)
	ratio := t.mean.quo(c.mean)
	if !g.less(one) {
		return RatioCI{Estimate: ratio.sub(one).float()}, UnboundedInterval
	}
	rest := one.sub(g)
	root := g.mul(ratio.square()).add(rest.mul(square).mul(t.squaredError()).quo(base)).sqrt()
	centre := ratio.sub(one).add(g)
	lower, upper, estimate := centre.sub(root).quo(rest), centre.add(root).quo(rest), ratio.sub(one)
	if c.mean.sign() < 0 {
		lower, upper, estimate = upper.times(-1), lower.times(-1), estimate.times(-1)
	}
	ci := RatioCI{
		Estimate: estimate.float(), Interval: Interval{lower.float(), upper.float()}, G: g.float(), DF: df,
	}
	if !allFinite(ci.Estimate, ci.Interval.Lower, ci.Interval.Upper) {
		return RatioCI{}, InvalidInput
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
	c, status := control.moments()
	t, treatmentStatus := treatment.moments()
	if status = worst(status, treatmentStatus); status != OK {
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
