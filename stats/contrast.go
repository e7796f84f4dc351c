package stats

// contrast is the difference of two arms and what ties it to the control's value,
// which a relative effect divides by.
type contrast struct {
	difference, variance wide // treatment less control, and its squared error
	base, baseError      wide // the control's value, unadjusted, and its squared error
	shared               wide // covariance of difference and base
	df                   float64
	units                int64
}

// caution says which lopsided arms are taken to vary alike.
type caution int

const (
	reckless caution = iota
	// cautiousOfSums suits a confidence sequence, whose slack rates do not use up.
	cautiousOfSums
	// cautious suits looks that have no slack.
	cautious
)

// contrastOf compares the arms of one epoch, adjusted by their past where both
// have one; reduction is the share of variance that this removed.
func contrastOf(control, treatment Arm, care caution) (c contrast, reduction float64, status Status) {
	was, cuped := control.(CupedArm)
	is, both := treatment.(CupedArm)
	if cuped && both {
		return adjustedContrast(was, is, care)
	}
	mc, status := control.moments()
	mt, treatmentStatus := treatment.moments()
	if status = worst(status, treatmentStatus); status != OK {
		return contrast{}, 0, status
	}
	if _, rate := control.(ProportionArm); care == cautious || care == cautiousOfSums && !rate {
		mc, mt = alike(mc, mt)
	}
	c, status = contrastFrom(mc, mt)
	return c, 0, status
}

// alike raises the variance of an arm of at most half the other's units to that of
// the other. A small sample of a skewed sum tends to lack the large values, and one
// of rare conversions these, so that it looks both too low and too certain, look
// after look: uncapped lognormal sums at 19:1 gave 9 % false positives without this,
// of 5 %, and 1 % that convert at the looks of a planned end 5.7 %.
func alike(c, t moments) (moments, moments) {
	switch {
	case t.n <= c.n/2 && t.variance.less(c.variance):
		t.variance = c.variance
	case c.n <= t.n/2 && c.variance.less(t.variance):
		c.variance = t.variance
	}
	return c, t
}

func contrastFrom(c, t moments) (contrast, Status) {
	errC := c.squaredError()
	k := contrast{
		difference: t.mean.sub(c.mean), variance: errC.add(t.squaredError()),
		base: c.mean, baseError: errC, shared: errC.times(-1), units: c.n + t.n,
	}
	if k.variance.sign() == 0 {
		return k, ZeroVariance
	}
	k.df = welchDF(c, t)
	return k, OK
}

func adjustedContrast(control, treatment CupedArm, care caution) (k contrast, reduced float64, status Status) {
	c, status := control.covariate()
	t, treatmentStatus := treatment.covariate()
	if status = worst(status, treatmentStatus); status != OK {
		return contrast{}, 0, status
	}
	theta := thetaOf(c, t)
	mc, status := c.combine(wideOf(1), theta)
	mt, treatmentStatus := t.combine(wideOf(1), theta)
	if status = worst(status, treatmentStatus); status != OK {
		return contrast{}, 0, status
	}
	if care != reckless {
		mc, mt = alike(mc, mt)
	}
	k, status = contrastFrom(mc, mt)
	k.base, k.baseError = c.post, c.varPost.quo(wideInt(c.n))
	k.shared = theta.mul(c.cov).sub(c.varPost).quo(wideInt(c.n))
	if before := k.baseError.add(t.varPost.quo(wideInt(t.n))); before.sign() > 0 {
		// The slope of both arms together can add variance, if seldom.
		reduced = max(wideOf(1).sub(k.variance.quo(before)).float(), -1)
	}
	return k, reduced, status
}

// weighted is the contrast times a constant.
func (k contrast) weighted(w wide) contrast {
	square := w.square()
	k.difference, k.base = k.difference.mul(w), k.base.mul(w)
	k.variance, k.baseError, k.shared = k.variance.mul(square), k.baseError.mul(square), k.shared.mul(square)
	return k
}

// plus adds a contrast of other units; its degrees of freedom are Satterthwaite's.
func (k contrast) plus(o contrast) contrast {
	variance := k.variance.add(o.variance)
	a, b := k.variance.quo(variance).float(), o.variance.quo(variance).float()
	return contrast{
		difference: k.difference.add(o.difference), variance: variance,
		base: k.base.add(o.base), baseError: k.baseError.add(o.baseError), shared: k.shared.add(o.shared),
		df: 1 / (a*a/k.df + b*b/o.df), units: k.units + o.units,
	}
}

// statistic is the difference in standard errors.
func (k contrast) statistic() float64 {
	return k.difference.quo(k.variance.sqrt()).float()
}

// interval is q standard errors to both sides.
func (k contrast) interval(q float64) Interval {
	half := k.variance.sqrt().times(q)
	return Interval{k.difference.sub(half).float(), k.difference.add(half).float()}
}

// lift is the relative effect difference/|base| between the roots of Fieller's
// quadratic (1954), (d - r b)^2 = q^2 (v_d - 2 r cov + r^2 v_b). It excludes 0
// exactly when interval does. G is q^2 v_b / b^2.
func (k contrast) lift(q float64) (RatioCI, Status) {
	if k.base.sign() == 0 {
		return RatioCI{}, ZeroBaseline
	}
	size := k.base.square()
	square := wideOf(q).square()
	u, a, b, s := k.difference.quo(k.base), k.variance.quo(size), k.baseError.quo(size), k.shared.quo(size)
	g := square.mul(b)
	ci := RatioCI{Estimate: k.difference.quo(k.base.abs()).float(), G: g.float(), DF: k.df}
	if !finite(ci.Estimate) {
		return RatioCI{}, InvalidInput
	}
	rest := wideOf(1).sub(g)
	if rest.sign() <= 0 {
		ci.Interval = everything()
		return ci, UnboundedInterval
	}
	spread := a.sub(u.mul(s).times(2)).add(u.square().mul(b)).add(square.mul(s.square().sub(a.mul(b))))
	if spread.sign() < 0 {
		spread = wideOf(0)
	}
	root := spread.sqrt().times(q)
	centre := u.sub(square.mul(s))
	lower, upper := centre.sub(root).quo(rest), centre.add(root).quo(rest)
	if k.base.sign() < 0 {
		lower, upper = upper.times(-1), lower.times(-1)
	}
	ci.Interval = Interval{lower.float(), upper.float()}
	if !allFinite(ci.G, ci.Interval.Lower, ci.Interval.Upper) {
		return RatioCI{}, InvalidInput
	}
	return ci, OK
}
