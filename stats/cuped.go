package stats

import "math"

// CupedArm is an arm that knows what its units did before the experiment: a
// CupedMeanArm or a CupedRatioArm.
type CupedArm interface {
	Arm
	// covariate is the unit's value and what it was before; a covariate without
	// variance is fine.
	covariate() (covariate, Status)
}

// covariate describes the joint distribution over units of a value and of what it
// was before: of ratios, their linear parts by the delta method.
type covariate struct {
	n                  int64
	post, pre          wide // means
	varPost, varPre    wide
	cov                wide
	sizePost, sizePre  wide // of the terms the variances were formed from
	concatenate, blank bool // as CupedMeanArm's theta does; without any past
}

// CupedMeanArm is a MeanArm with the units' values before the experiment.
type CupedMeanArm struct {
	N                   int64
	Sum, SumSq          float64
	Pre, PreSq, PostPre float64
}

// moments are those without adjustment.
func (a CupedMeanArm) moments() (moments, Status) {
	return MeanArm{a.N, a.Sum, a.SumSq}.moments()
}

// plus is the arm of both arms' units.
func (a CupedMeanArm) plus(b CupedMeanArm) CupedMeanArm {
	return CupedMeanArm{
		a.N + b.N, a.Sum + b.Sum, a.SumSq + b.SumSq,
		a.Pre + b.Pre, a.PreSq + b.PreSq, a.PostPre + b.PostPre,
	}
}

func (a CupedMeanArm) covariate() (covariate, Status) {
	post, status := seriesOf(a.N, a.Sum, a.SumSq)
	pre, preStatus := seriesOf(a.N, a.Pre, a.PreSq)
	if status = worst(status, preStatus); status != OK {
		return covariate{}, status
	}
	if !finite(a.PostPre) {
		return covariate{}, InvalidInput
	}
	units := wideInt(a.N - 1)
	return covariate{
		n: a.N, post: post.mean(), pre: pre.mean(),
		varPost: post.variance(), varPre: pre.variance(), cov: covariance(post, pre, a.PostPre),
		sizePost: wideOf(a.SumSq).quo(units), sizePre: wideOf(a.PreSq).quo(units), concatenate: true,
	}, OK
}

// CupedRatioArm is a RatioArm with the units' numerators and denominators before
// the experiment.
type CupedRatioArm struct {
	N                              int64
	Num, NumSq, Den, DenSq, NumDen float64

	PreNum, PreNumSq, PreDen, PreDenSq, PreNumPreDen float64

	NumPreNum, NumPreDen, DenPreNum, DenPreDen float64
}

// moments are those without adjustment.
func (a CupedRatioArm) moments() (moments, Status) { return a.now().moments() }

func (a CupedRatioArm) now() RatioArm {
	return RatioArm{a.N, a.Num, a.NumSq, a.Den, a.DenSq, a.NumDen}
}

func (a CupedRatioArm) before() RatioArm {
	return RatioArm{a.N, a.PreNum, a.PreNumSq, a.PreDen, a.PreDenSq, a.PreNumPreDen}
}

func (a CupedRatioArm) covariate() (covariate, Status) {
	now, status := a.now().moments()
	before, beforeStatus := a.before().moments()
	if beforeStatus == ZeroDenominator {
		zero := wideOf(0)
		return covariate{
			n: a.N, post: now.mean, pre: zero, varPost: now.variance, varPre: zero, cov: zero,
			sizePost: now.variance, sizePre: zero, blank: true,
		}, status
	}
	if status = worst(status, beforeStatus); status != OK {
		return covariate{}, status
	}
	if !allFinite(a.NumPreNum, a.NumPreDen, a.DenPreNum, a.DenPreDen) {
		return covariate{}, InvalidInput
	}
	num, _ := seriesOf(a.N, a.Num, a.NumSq)
	den, _ := seriesOf(a.N, a.Den, a.DenSq)
	preNum, _ := seriesOf(a.N, a.PreNum, a.PreNumSq)
	preDen, _ := seriesOf(a.N, a.PreDen, a.PreDenSq)
	cov := covariance(num, preNum, a.NumPreNum).
		sub(before.mean.mul(covariance(num, preDen, a.NumPreDen))).
		sub(now.mean.mul(covariance(den, preNum, a.DenPreNum))).
		add(now.mean.mul(before.mean).mul(covariance(den, preDen, a.DenPreDen)))
	return covariate{
		n: a.N, post: now.mean, pre: before.mean,
		varPost: now.variance, varPre: before.variance, cov: cov.quo(den.mean().mul(preDen.mean())),
		sizePost: now.variance, sizePre: before.variance,
	}, OK
}

// CupedTest is a Test of adjusted means.
type CupedTest struct {
	Test
	Theta float64
	// ReductionControl and ReductionTreatment are the share of each arm's variance
	// that the adjustment removed.
	ReductionControl, ReductionTreatment float64
}

// Gradient chooses how a relative effect is linearised.
type Gradient string

// FullGradient is exact to first order. PostRatio leaves out theta times the
// difference before the experiment, as other products do for means.
const (
	FullGradient Gradient = "full"
	PostRatio    Gradient = "post_ratio"
)

// CupedWelch is Welch's test of the means less theta times their past (Deng, Xu,
// Kohavi, Walker, WSDM 2013). A relative effect is over the control's unadjusted mean.
func CupedWelch(control, treatment CupedArm, s Settings, gradient Gradient) (CupedTest, Status) {
	s, status := s.defaults()
	if status != OK {
		return CupedTest{}, status
	}
	adjusted, status := adjust(control, treatment, s, gradient)
	if status != OK {
		return CupedTest{}, status
	}
	adjusted.Test = adjusted.effect.test(s, adjusted.effect.df)
	return adjusted.CupedTest, OK
}

type adjusted struct {
	CupedTest
	effect effect
}

func adjust(control, treatment CupedArm, s Settings, gradient Gradient) (adjusted, Status) {
	c, status := control.covariate()
	t, treatmentStatus := treatment.covariate()
	if status = worst(status, treatmentStatus); status != OK {
		return adjusted{}, status
	}
	theta := thetaOf(c, t)
	one := wideOf(1)
	mc, status := c.combine(one, theta)
	mt, treatmentStatus := t.combine(one, theta)
	if status = worst(status, treatmentStatus); status != OK {
		return adjusted{}, status
	}
	e, status := compare(mc, mt, Absolute, s.Null)
	if status == OK && s.Lift == Relative {
		e, status = relativeAdjusted(c, t, mc, mt, theta, s.Null, gradient)
	}
	return adjusted{CupedTest{
		Theta: theta.float(), ReductionControl: reduction(c, mc), ReductionTreatment: reduction(t, mt),
	}, e}, status
}

// relativeAdjusted is the effect (y_t - y_c - theta(x_t-x_c)) / |y_c|, where y are
// the means and x those before.
func relativeAdjusted(c, t covariate, mc, mt moments, theta wide, null float64, gradient Gradient) (effect, Status) {
	if c.post.sign() == 0 {
		return effect{}, ZeroBaseline
	}
	weight := t.post.quo(c.post)
	if gradient != PostRatio {
		weight = weight.sub(theta.mul(t.pre.sub(c.pre)).quo(c.post))
	}
	inControl, status := c.combine(weight, theta)
	if status != OK {
		return effect{}, status
	}
	difference := mt.mean.sub(mc.mean).quo(c.post.abs())
	variance := mt.squaredError().add(inControl.squaredError()).quo(c.post.square())
	return effectFrom(mc, mt, difference, variance, welchDF(mc, mt), null)
}

// combine is the distribution of weight*post - theta*pre.
func (c covariate) combine(weight, theta wide) (moments, Status) {
	variance, status := quadratic(
		weight.square().mul(c.varPost).add(theta.square().mul(c.varPre)).sub(weight.mul(theta).mul(c.cov).times(2)),
		weight.square().mul(c.sizePost).add(theta.square().mul(c.sizePre)))
	return moments{c.n, weight.mul(c.post).sub(theta.mul(c.pre)), variance}, status
}

// thetaOf is the slope of the value on its past: over all units together for
// means, and summed over the arms for ratios. It is 0 where either does not vary.
func thetaOf(c, t covariate) wide {
	if c.blank || t.blank {
		return wideOf(0)
	}
	cov, varPre, varPost := c.cov.add(t.cov), c.varPre.add(t.varPre), c.varPost.add(t.varPost)
	if c.concatenate {
		cov = concatenated(c, t, c.cov, t.cov, t.post.sub(c.post).mul(t.pre.sub(c.pre)))
		varPre = concatenated(c, t, c.varPre, t.varPre, t.pre.sub(c.pre).square())
		varPost = concatenated(c, t, c.varPost, t.varPost, t.post.sub(c.post).square())
	}
	if varPre.sign() == 0 || varPost.sign() == 0 {
		return wideOf(0)
	}
	return cov.quo(varPre)
}

// concatenated is the sum of squares or products over both arms' units, given it
// within each arm and the product of the means' differences.
func concatenated(c, t covariate, inC, inT, between wide) wide {
	nc, nt := wideInt(c.n), wideInt(t.n)
	within := inC.mul(wideInt(c.n - 1)).add(inT.mul(wideInt(t.n - 1)))
	return within.add(between.mul(nc).mul(nt).quo(nc.add(nt)))
}

func reduction(c covariate, m moments) float64 {
	if c.varPost.sign() == 0 {
		return 0
	}
	return max(wideOf(1).sub(m.variance.quo(c.varPost)).float(), -math.MaxFloat64)
}
