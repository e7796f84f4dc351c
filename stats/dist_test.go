package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestQuantilesInvertTails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		power := func(name string, from, to float64) float64 {
			return math.Pow(10, rapid.Float64Range(from, to).Draw(t, name))
		}
		q := power("q", -300, -0.01)
		back := func(what string, got float64, slack float64) {
			if math.Abs(math.Log(got/q)) > slack {
				t.Fatalf("%s: %v came back as %v", what, q, got)
			}
		}
		back("normal", normSF(normISF(q)), 1e-11)
		df := power("df", 0, 12)
		if x := tISF(q, df); finite(x) {
			back("student", tSF(x, df), 1e-11)
		}
		a, b := power("a", -1, 9), power("b", -1, 9)
		// Where the quantile is so near to 1 that float64 cannot tell, or to 0.
		if x := betaQuantile(q, a, b); x > 1e-300 && x < 0.9 {
			back("beta", betaCDF(x, a, b), 1e-8)
		}
		if x := betaISF(q, a, b); x < 1-1e-7 {
			// The upper tail moves by this share per unit of the last place of x.
			back("beta above", betaSF(x, a, b), 1e-8+1e-15*math.Exp(betaLogKernel(x, 1-x, a, b))/(1-x)/x/q)
		}
	})
}

func TestTailsAddUpToOne(t *testing.T) {
	for _, x := range []float64{-3, -0.1, 0, 0.7, 5.5} {
		near(t, "normal", normSF(x)+normCDF(x), 1)
		for _, df := range []float64{1, 7.5, 3e3, 1e12} {
			near(t, "student", tSF(x, df)+tSF(-x, df), 1)
		}
	}
	for _, x := range []float64{0.001, 0.3, 0.9} {
		near(t, "beta", betaCDF(x, 2.5, 4)+betaSF(x, 2.5, 4), 1)
	}
}

func TestLogarithmsGoOnWhereTailsEnd(t *testing.T) {
	for _, x := range []float64{0.5, 30, 700, 1390} {
		near(t, "chi-square", chi2LogSF(x, 5), math.Log(chi2SF(x, 5)))
	}
	// log of (x/2)^(k/2-1) e^(-x/2) / Gamma(k/2), the first term of the series at infinity.
	const x, k = 1e7, 4
	near(t, "chi-square", chi2LogSF(x, k), -x/2+math.Log1p(x/2))
	near(t, "normal", normLogSF(1e5), -5e9-math.Log(1e5)-logSqrt2Pi)
	near(t, "a subnormal number", ln(5e-324), -744.4400719213812)
}

func TestKernelsOfNonsense(t *testing.T) {
	nan := math.NaN()
	for what, got := range map[string]float64{
		"chi-square of NaN": chi2SF(nan, 1), "of no degrees": chi2SF(1, 0), "student of NaN": tSF(nan, 3),
		"student of no degrees": tSF(1, 0), "its quantile": tISF(0.1, -1), "quantile above 1": tISF(1.5, 3),
		"beta of NaN": betaCDF(nan, 1, 1), "beta of a 0": betaSF(0.5, 0, 1), "beta quantile": betaQuantile(0.5, -1, 1),
		"normal quantile": normQuantile(-0.1), "noncentral": nctSF(1, 0, 1), "noncentral NaN": nctSF(1, 2, nan),
	} {
		if !math.IsNaN(got) {
			t.Errorf("%s: %v", what, got)
		}
	}
	for what, pair := range map[string][2]float64{
		"all of chi-square": {chi2SF(0, 3), 1}, "none of it": {chi2SF(math.Inf(1), 3), 0},
		"student at infinity": {tSF(math.Inf(1), 3), 0}, "the start of student": {tSF(math.Inf(-1), 3), 1},
		"beta at 0": {betaCDF(0, 2, 3), 0}, "beta at 1": {betaSF(1, 2, 3), 0}, "first": {betaQuantile(0, 2, 3), 0},
		"last": {betaQuantile(1, 2, 3), 1}, "surely": {normISF(0), math.Inf(1)}, "never": {tISF(1, 4), math.Inf(-1)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}
