package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

const (
	logSqrt2Pi = 0.918938533204672741780329736405617639861397473637783412817
	// negligible is how far below its peak the logarithm of an integrand may
	// fall before the rest is left out: exp(-45) is about 3e-20.
	negligible = 45
)

// normPDF is the standard normal density.
func normPDF(x float64) float64 {
	return math.Exp(logNormPDF(x))
}

func logNormPDF(x float64) float64 {
	return -x*x/2 - logSqrt2Pi
}

// normCDF is the lower tail of the standard normal, to 2e-13 also where it is tiny.
func normCDF(x float64) float64 {
	return math.Erfc(-x/math.Sqrt2) / 2
}

// normSF is the upper tail of the standard normal.
func normSF(x float64) float64 {
	return normCDF(-x)
}

// normLogSF is the natural logarithm of the upper tail, finite for every finite x
// whose square is.
func normLogSF(x float64) float64 {
	switch {
	case x < -1:
		return math.Log1p(-normCDF(x))
	case x < 5:
		return math.Log(normSF(x))
	}
	return logNormPDF(x) + math.Log(mills(x))
}

// mills is the ratio of Mills: the normal's upper tail over its density. It
// falls from infinity as x grows, about 1/x from 5 on.
func mills(x float64) float64 {
	if x < 5 {
		return normSF(x) / normPDF(x)
	}
	// Laplace's continued fraction, 1/(x+1/(x+2/(x+3/(x+...)))).
	tail := x
	for k := 60.0; k >= 1; k-- {
		tail = x + k/tail
	}
	return 1 / tail
}

// normQuantile inverts normCDF: -Inf at 0, +Inf at 1 and NaN outside.
func normQuantile(p float64) float64 {
	switch {
	case p == 0:
		return math.Inf(-1)
	case p == 1:
		return math.Inf(1)
	case !(p > 0 && p < 1):
		return math.NaN()
	}
	x := mathext.NormalQuantile(p)
	if p < 1e-300 {
		// Wichura's approximation ends here; Newton's steps go on.
		for range 3 {
			x -= (normLogSF(-x) - ln(p)) * mills(-x)
		}
	}
	return x
}

// normISF inverts normSF.
func normISF(q float64) float64 {
	return -normQuantile(q)
}

// chi2SF is the upper tail of the chi-square distribution with k degrees of freedom.
func chi2SF(x, k float64) float64 {
	switch {
	case !(k > 0) || math.IsNaN(x):
		return math.NaN()
	case x <= 0:
		return 1
	case math.IsInf(x, 1):
		return 0
	}
	return mathext.GammaIncRegComp(k/2, x/2)
}

// chi2LogSF is the natural logarithm of chi2SF, also where that underflows.
func chi2LogSF(x, k float64) float64 {
	if sf := chi2SF(x, k); sf > 1e-250 {
		return math.Log(sf)
	}
	// Legendre's continued fraction of the upper incomplete gamma function,
	// which converges at once so far out, evaluated as Lentz does.
	a, half := k/2, x/2
	b := half + 1 - a
	c, d := math.Inf(1), 1/b
	product := d
	for i := 1.0; i < 1e5; i++ {
		coefficient := -i * (i - a)
		b += 2
		d = 1 / (coefficient*d + b)
		c = b + coefficient/c
		product *= c * d
		if math.Abs(c*d-1) < 1e-16 {
			break
		}
	}
	lgamma, _ := math.Lgamma(a)
	return a*math.Log(half) - half - lgamma + math.Log(product)
}

// ln is math.Log, right for subnormal numbers too: on amd64 that one is not.
func ln(x float64) float64 {
	if x < 0x1p-1022 {
		return math.Log(x*0x1p52) - 52*math.Ln2
	}
	return math.Log(x)
}

// integral of f from lo to hi by Gauss and Legendre's ten points in each of the panels.
func integral(f func(float64) float64, lo, hi float64, panels int) float64 {
	nodes := [5]float64{
		0.1488743389816312108848260, 0.4333953941292471907992659, 0.6794095682990244062343274,
		0.8650633666889845107320967, 0.9739065285171717200779640,
	}
	weights := [5]float64{
		0.2955242247147528701738930, 0.2692667193099963550912269, 0.2190863625159820439955349,
		0.1494513491505805931457763, 0.0666713443086881375935688,
	}
	half := (hi - lo) / float64(2*panels)
	var sum float64
	for panel := range panels {
		mid := lo + float64(2*panel+1)*half
		for i, node := range nodes {
			sum += weights[i] * (f(mid-half*node) + f(mid+half*node))
		}
	}
	return sum * half
}

// stirlingError is log Gamma(x) less Stirling's (x-1/2) log x - x + log sqrt(2 pi).
func stirlingError(x float64) float64 {
	if x < 16 {
		lgamma, _ := math.Lgamma(x)
		return lgamma - (x-0.5)*math.Log(x) + x - logSqrt2Pi
	}
	inverse := 1 / x
	square := inverse * inverse
	return inverse * (1./12 - square*(1./360-square*(1./1260-square*(1./1680-square*(1./1188-square*691./360360)))))
}

// deviance is x log(x/m) + m - x without cancellation for x near m (Loader, "Fast
// and accurate computation of binomial probabilities", 2000).
func deviance(x, m float64) float64 {
	if x == 0 {
		return m
	}
	if math.Abs(x-m) >= 0.1*(x+m) {
		return x*math.Log(x/m) + m - x
	}
	ratio := (x - m) / (x + m)
	sum := (x - m) * ratio
	power := 2 * x * ratio
	for i := 3.0; i < 100; i += 2 {
		power *= ratio * ratio
		next := sum + power/i
		if next == sum {
			return sum
		}
		sum = next
	}
	return sum
}
