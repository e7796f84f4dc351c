package stats

import "math"

// betaCDF is the lower tail of the beta distribution, a and b above 0.
func betaCDF(x, a, b float64) float64 {
	lower, _ := betaTails(clampUnit(x), clampUnit(1-x), a, b)
	return lower
}

// betaSF is the upper tail of the beta distribution.
func betaSF(x, a, b float64) float64 {
	_, upper := betaTails(clampUnit(x), clampUnit(1-x), a, b)
	return upper
}

func clampUnit(x float64) float64 {
	return min(max(x, 0), 1)
}

// betaTails are both tails at x = 1-y, the smaller one to full relative precision.
func betaTails(x, y, a, b float64) (lower, upper float64) {
	if !(a > 0 && b > 0 && x+y > 0) {
		return math.NaN(), math.NaN()
	}
	if x*b <= y*a {
		lower = math.Exp(betaLogLower(x, y, a, b))
		return lower, 1 - lower
	}
	upper = math.Exp(betaLogLower(y, x, b, a))
	return 1 - upper, upper
}

// betaLogTail is the logarithm of the lower tail at x = 1-y.
func betaLogTail(x, y, a, b float64) float64 {
	if x*b <= y*a {
		return betaLogLower(x, y, a, b)
	}
	return math.Log1p(-math.Exp(betaLogLower(y, x, b, a)))
}

// betaLogKernel is log(x^a y^b / B(a,b)), y = 1-x, by Loader's saddle point, which
// keeps its digits at counts of 1e12.
func betaLogKernel(x, y, a, b float64) float64 {
	n := a + b
	return stirlingError(n) - stirlingError(a) - stirlingError(b) -
		deviance(a, n*x) - deviance(b, n*y) + math.Log(a/n*b)/2 - logSqrt2Pi
}

// betaLogLower is the logarithm of the lower tail where x is at most the mean:
// by continued fraction, and by quadrature where that would need too many terms.
func betaLogLower(x, y, a, b float64) float64 {
	switch {
	case x <= 0:
		return math.Inf(-1)
	case a > 1000:
		return betaLogKernel(x, y, a, b) - math.Log(y) + math.Log(betaLowerOverDensity(x/y, a, b))
	}
	return betaLogKernel(x, y, a, b) - math.Log(a) + math.Log(betaFraction(x, a, b))
}

// betaLowerOverDensity integrates the density below x in units of x and of the
// density at x, given the odds x/y.
func betaLowerOverDensity(odds, a, b float64) float64 {
	// The density at x(1-r), over that at x.
	fall := func(r float64) float64 { return (a-1)*math.Log1p(-r) + (b-1)*math.Log1p(r*odds) }
	slope := max(a-1-(b-1)*odds, 0)
	curvature := max(a-1+(b-1)*odds*odds, 0)
	reach := min(2*negligible/(slope+math.Sqrt(slope*slope+2*negligible*curvature)), 1)
	for fall(reach) > -negligible {
		reach = min(1.25*reach, 1)
	}
	// Squares crowd the nodes about x, where a small b makes the density steep.
	return integral(func(v float64) float64 { return 2 * v * reach * math.Exp(fall(v*v*reach)) }, 0, 1, 12)
}

// betaFraction is the continued fraction of the incomplete beta function
// (DLMF 8.17.22), evaluated as Lentz does.
func betaFraction(x, a, b float64) float64 {
	const tiny = 1e-300
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c := 1.0
	d := 1 / away(1-(a+b)*x/(a+1))
	product := d
	for m := 1.0; m < 1e6; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / away(1+even*d)
		c = away(1 + even/c)
		product *= c * d
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / away(1+odd*d)
		c = away(1 + odd/c)
		product *= c * d
		if math.Abs(c*d-1) < 2e-16 {
			break
		}
	}
	return product
}

// betaQuantile inverts betaCDF.
func betaQuantile(p, a, b float64) float64 {
	switch {
	case !(p >= 0 && p <= 1 && a > 0 && b > 0):
		return math.NaN()
	case p == 0 || p == 1:
		return p
	case p > 0.5:
		return 1 / (1 + math.Exp(betaLogitQuantile(1-p, b, a)))
	}
	return 1 / (1 + math.Exp(-betaLogitQuantile(p, a, b)))
}

// betaISF inverts betaSF.
func betaISF(q, a, b float64) float64 {
	if !(q > 0 && q < 1) {
		return betaQuantile(1-q, a, b)
	}
	return 1 / (1 + math.Exp(betaLogitQuantile(q, b, a)))
}

// betaLogitQuantile is log(x/(1-x)) at the lower quantile x of p: Newton's steps
// on the logarithm of the tail, kept inside a bracket.
func betaLogitQuantile(p, a, b float64) float64 {
	target := ln(p)
	lo, hi := -745/min(a, 1), 745/min(b, 1)
	u := math.Log(a/b) - normISF(p)*math.Sqrt(1/a+1/b)
	u = min(max(u, lo), hi)
	for range 200 {
		x, y := 1/(1+math.Exp(-u)), 1/(1+math.Exp(u))
		tail := betaLogTail(x, y, a, b)
		if tail < target {
			lo = u
		} else {
			hi = u
		}
		step := (tail - target) / math.Exp(betaLogKernel(x, y, a, b)-tail)
		next := u - step
		if math.Abs(step) < 1e-11 {
			return next // the error left is of the order of the square
		}
		if !(next > lo && next < hi) {
			next = lo + (hi-lo)/2
		}
		u = next
	}
	return u
}
