package stats

import "math"

// tSF is the upper tail of Student's t with df degrees of freedom, to 1e-10 for
// df from 1 to 1e12. It takes an infinite df for the normal.
func tSF(t, df float64) float64 {
	if t < 0 {
		return 1 - tSF(-t, df)
	}
	return math.Exp(tLogSF(t, df))
}

// tLogSF is the natural logarithm of tSF, finite where that underflows.
func tLogSF(t, df float64) float64 {
	switch {
	case !(df > 0) || math.IsNaN(t):
		return math.NaN()
	case math.IsInf(df, 1):
		return normLogSF(t)
	case t < 0:
		return math.Log1p(-tSF(-t, df))
	case math.IsInf(t, 1):
		return math.Inf(-1)
	}
	root := t / math.Sqrt(df)
	if root > 1e7 {
		// The first term of the series about infinity; the next is 1e-14 of it.
		const logSqrtPi = 0.572364942924700087071713675676529355823647406457655785756
		a := df / 2
		return -df*math.Log(root) - math.Log(2*a) + logGammaRatio(a) - logSqrtPi
	}
	square := root * root
	return betaLogTail(1/(1+square), square/(1+square), df/2, 0.5) - math.Ln2
}

func tLogPDF(t, df float64) float64 {
	root := math.Abs(t) / math.Sqrt(df)
	kernel := math.Log1p(root * root)
	if root > 1e7 { // whose square may overflow, and is all there is to 15 digits
		kernel = 2 * math.Log(root)
	}
	return logGammaRatio(df/2) - math.Log(df*math.Pi)/2 - (df+1)/2*kernel
}

// logGammaRatio is log Gamma(a+1/2) - log Gamma(a).
func logGammaRatio(a float64) float64 {
	return a*math.Log1p(0.5/a) - 0.5 + math.Log(a)/2 + stirlingError(a+0.5) - stirlingError(a)
}

// tISF inverts tSF: Newton's steps on the logarithm of the tail as a function of
// log t. That function falls and is concave, so that after one step every other
// comes from the right.
//
// Few degrees of freedom and a far tail may lead beyond all numbers: then it is +Inf.
func tISF(q, df float64) float64 {
	switch {
	case !(df > 0):
		return math.NaN()
	case math.IsInf(df, 1) || !(q > 0 && q < 1):
		return normISF(q)
	case q == 0.5:
		return 0
	case q > 0.5:
		return -tISF(1-q, df)
	}
	const greatest = 709.7 // the logarithm of about the greatest number
	target := ln(q)
	u := math.Log(normISF(q))
	for range 100 {
		t := math.Exp(u)
		tail := tLogSF(t, df)
		step := (tail - target) / math.Exp(u+tLogPDF(t, df)-tail)
		if u += step; u > greatest {
			return math.Inf(1)
		}
		if math.Abs(step) < 1e-9 {
			break // the error left is of the order of the square
		}
	}
	return math.Exp(u)
}

// nctSF is the upper tail of the noncentral t: the mean of Phi(nc - t W), where
// df W^2 is chi-square with df degrees of freedom.
func nctSF(t, df, nc float64) float64 {
	switch {
	case !(df > 0) || !allFinite(t, nc):
		return math.NaN()
	case math.IsInf(df, 1):
		return normSF(t - nc)
	}
	half := df / 2
	constant := math.Ln2 + math.Log(half)/2 - logSqrt2Pi - stirlingError(half)
	logIntegrand := func(w float64) float64 {
		return constant - deviance(half, half*w*w) - math.Log(w) + normLogSF(t*w-nc)
	}
	peak := peakOf(logIntegrand, 1e-12, 2+40/math.Sqrt(df))
	top := logIntegrand(peak)
	lo := fallOf(logIntegrand, peak, 1e-100, top-negligible)
	hi := fallOf(logIntegrand, peak, 2*peak+100/math.Sqrt(df), top-negligible)
	return math.Exp(top) * integral(func(w float64) float64 { return math.Exp(logIntegrand(w) - top) }, lo, hi, 16)
}

// peakOf finds where the concave f is greatest, well enough to scale by.
func peakOf(f func(float64) float64, lo, hi float64) float64 {
	for range 80 {
		third := (hi - lo) / 3
		if f(lo+third) < f(hi-third) {
			lo += third
		} else {
			hi -= third
		}
	}
	return lo + (hi-lo)/2
}

// fallOf finds where between its peak and the far end the concave f falls to level.
func fallOf(f func(float64) float64, peak, far, level float64) float64 {
	if f(far) > level {
		return far
	}
	for range 40 {
		if mid := peak + (far-peak)/2; f(mid) > level {
			peak = mid
		} else {
			far = mid
		}
	}
	return far
}
