package stats

import "math"

// A MixtureTest is what a test by a mixture of likelihood ratios says.
type MixtureTest struct {
	LogLambda    float64 // logarithm of the ratio, an e-value
	P            float64
	Log10P       float64
	Lower, Upper float64
}

// MixtureSPRT is the sequential probability ratio test against effects spread
// normally around 0 with variance tau2 (Johari, Koomen, Pekelis, Walsh, KDD 2017).
func MixtureSPRT(estimate, se, tau2, alpha float64) (MixtureTest, Status) {
	if !inOpen(alpha, 0, 1) || !positive(tau2) || !finite(estimate) || !(se >= 0) {
		return MixtureTest{}, InvalidInput
	}
	if se == 0 {
		return MixtureTest{}, ZeroVariance
	}
	z, ratio := estimate/se, tau2/se/se
	shrink := 1.0
	if finite(ratio) {
		shrink = ratio / (1 + ratio)
	}
	halfLog := math.Log1p(ratio) / 2
	if !finite(ratio) {
		halfLog = math.Log(tau2)/2 - math.Log(se)
	}
	logLambda := z*z*shrink/2 - halfLog
	half := se * math.Sqrt(2/shrink*(halfLog-math.Log(alpha)))
	if !finite(logLambda) || !finite(half) {
		return MixtureTest{}, InvalidInput
	}
	logP := min(-logLambda, 0)
	return MixtureTest{
		LogLambda: logLambda, P: math.Exp(logP), Log10P: logP / math.Ln10,
		Lower: estimate - half, Upper: estimate + half,
	}, OK
}

// NormalMixtureBound is the boundary at intrinsic time v that a centred
// sub-Gaussian sum crosses at any time with probability alpha at most, tightest
// at vOpt for the level alphaOpt (Howard, Ramdas, McAuliffe, Sekhon, Annals of
// Statistics 49, 2021).
func NormalMixtureBound(v, alpha, vOpt, alphaOpt float64, oneSided bool) (rho, bound float64, status Status) {
	level := alphaOpt
	if oneSided {
		level *= 2
	}
	if !positive(v) || !inOpen(alpha, 0, 1) || !positive(vOpt) || !inOpen(level, 0, 1) {
		return 0, 0, InvalidInput
	}
	rho = 1 / rho2(level, vOpt)
	spread := math.Sqrt(v + rho)
	halfLog := math.Log1p(v/rho) / 2
	if !oneSided {
		bound = spread * math.Sqrt(2*(halfLog-math.Log(alpha)))
		if !positive(rho) || !finite(bound) {
			return 0, 0, InvalidInput
		}
		return rho, bound, OK
	}
	// The mixture over positive drifts alone is 2 exp(u^2/2) Phi(u) sqrt(rho/(v+rho)).
	target := halfLog - math.Log(alpha) - math.Ln2
	mixture := func(u float64) float64 {
		if u < 0 {
			return math.Log(mills(-u)) - logSqrt2Pi - target
		}
		return u*u/2 + normLogSF(-u) - target
	}
	lo, hi := -1.0, math.Sqrt(2*max(target, 0)+2*math.Ln2)
	for mixture(lo) > 0 {
		lo *= 2
	}
	bound = spread * root(mixture, lo, hi)
	if !positive(rho) || !finite(bound) {
		return 0, 0, InvalidInput
	}
	return rho, bound, OK
}

// An AnytimeT is the t-test of a linear model that holds at every look.
type AnytimeT struct {
	LogEvalue float64
	P         float64
	Log10P    float64
	// TRadius is the half-width of the interval in standard errors, infinite where
	// the units are too few for any; ZRadius the same with the variance known.
	TRadius, ZRadius float64
}

// AnytimeTTest judges the t statistic of one coefficient of a linear model with
// the given number of coefficients on n units, against a g-prior of precision g
// (Lindon, Ham, Tingley, Bojinov, arXiv 2210.08589).
func AnytimeTTest(t, n, coefficients, g, alpha float64) (AnytimeT, Status) {
	if !inOpen(alpha, 0, 1) || !positive(g) || !finite(t) || !positive(n) || !(coefficients >= 1) || !finite(n/g) {
		return AnytimeT{}, InvalidInput
	}
	df := n - coefficients
	if df <= 0 {
		return AnytimeT{}, InsufficientUnits
	}
	r := g / (g + n)
	halfLogR := -math.Log1p(n/g) / 2
	x := t / math.Sqrt(df)
	logE := halfLogR + (df+1)/2*math.Log1p(x*x*(1-r)/(1+r*x*x))
	logP := min(-logE, 0)
	excess := math.Expm1(2 / (df + 1) * (-math.Log(alpha) - halfLogR))
	radius := math.Inf(1)
	if room := 1 - r*(1+excess); room > 0 {
		radius = math.Sqrt(df * excess / room)
	}
	test := AnytimeT{
		LogEvalue: logE, P: math.Exp(logP), Log10P: logP / math.Ln10, TRadius: radius,
		ZRadius: math.Sqrt(2 * (g + n) / n * (-math.Log(alpha) - halfLogR)),
	}
	if !finite(logE) || !finite(test.ZRadius) {
		return AnytimeT{}, InvalidInput
	}
	return test, OK
}
