package stats

import "math"

// A NormalPrior is what was thought of an effect before its data. The zero value
// is flat.
type NormalPrior struct {
	Mean float64
	SD   float64 // 0 is a flat prior
	// Relative says that Mean and SD are of the lift, not of the difference.
	Relative bool
}

// on is the prior of an effect that is a lift or a difference, given the
// control's mean.
func (p NormalPrior) on(relative bool, baseline float64) NormalPrior {
	scale := 1.0
	switch {
	case p.Relative && !relative:
		scale = math.Abs(baseline)
	case !p.Relative && relative:
		scale = 1 / math.Abs(baseline)
	}
	return NormalPrior{Mean: p.Mean * scale, SD: p.SD * scale, Relative: relative}
}

// A NormalPosterior is what is thought of an effect after its data.
type NormalPosterior struct {
	Mean, SD     float64
	ChanceToWin  float64 // that the treatment is better
	Lower, Upper float64 // equal-tailed
	// RiskControl is what is lost on average by keeping the control, in the unit
	// of the effect; RiskTreatment by shipping the treatment.
	RiskControl, RiskTreatment float64
}

// BayesNormal combines an estimate with a prior of the same scale. With inverse,
// less is better.
func BayesNormal(estimate, se float64, prior NormalPrior, alpha float64, inverse bool) (NormalPosterior, Status) {
	if !inOpen(alpha, 0, 1) || !finite(estimate) || !(se >= 0) || !finite(prior.Mean) || !(prior.SD >= 0) {
		return NormalPosterior{}, InvalidInput
	}
	if se == 0 {
		return NormalPosterior{}, ZeroVariance
	}
	post := NormalPosterior{Mean: estimate, SD: se}
	if prior.SD > 0 && !math.IsInf(prior.SD, 1) {
		total := math.Hypot(prior.SD, se)
		data, before := prior.SD/total, se/total
		post.Mean = estimate*data*data + prior.Mean*before*before
		post.SD = se * data
	}
	if !positive(post.SD) || !finite(post.Mean) {
		return NormalPosterior{}, InvalidInput
	}
	z := post.Mean / post.SD
	half := normISF(alpha/2) * post.SD
	post.Lower, post.Upper = post.Mean-half, post.Mean+half
	post.RiskControl, post.RiskTreatment = ExpectedLoss(post.Mean, post.SD)
	if inverse {
		z = -z
		post.RiskControl, post.RiskTreatment = post.RiskTreatment, post.RiskControl
	}
	post.ChanceToWin = normCDF(z)
	if !finite(half) {
		return NormalPosterior{}, InvalidInput
	}
	return post, OK
}

// ExpectedLoss is E max(e,0) and E max(-e,0) of a normal effect e: what is lost
// by keeping the control, and by shipping the treatment, where more is better.
func ExpectedLoss(mean, sd float64) (control, treatment float64) {
	if sd == 0 {
		return max(mean, 0), max(-mean, 0)
	}
	z := math.Abs(mean / sd)
	small := math.Exp(logLossOf(z) + math.Log(sd))
	if mean >= 0 {
		return mean + small, small
	}
	return small, small - mean
}

// logLossOf is the logarithm of phi(z) - z Q(z) for z from 0 up.
func logLossOf(z float64) float64 {
	if z < 3 {
		return math.Log(normPDF(z) - z*normSF(z))
	}
	// Laplace's continued fraction of Mills' ratio is 1/(z+r), so that
	// 1 - z/(z+r) = r/(z+r), which does not cancel.
	tail := z
	for k := 150.0; k >= 2; k-- {
		tail = z + k/tail
	}
	r := 1 / tail
	return logNormPDF(z) + math.Log(r/(z+r))
}

// BayesCompare is BayesNormal of the effect between two arms of any kind.
func BayesCompare(control, treatment Arm, lift Lift, prior NormalPrior, alpha float64, inverse bool) (NormalPosterior, Status) {
	if !inOpen(alpha, 0, 1) || !finite(prior.Mean) || !(prior.SD >= 0) {
		return NormalPosterior{}, InvalidInput
	}
	e, status := effectOf(control, treatment, lift, 0)
	if status != OK {
		return NormalPosterior{}, status
	}
	if prior.SD > 0 && prior.Relative != (lift == Relative) && e.control == 0 {
		return NormalPosterior{}, ZeroBaseline
	}
	return BayesNormal(e.estimate, e.se, prior.on(lift == Relative, e.control), alpha, inverse)
}
