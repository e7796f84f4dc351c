package stats

import "math"

// FisherTest is the p-value of a test without an interval.
type FisherTest struct{ P, Log10P float64 }

// FisherExact tests whether two proportions differ, given the margins of their
// table. Two-sided it adds up all tables that are no more likely than this one,
// with a relative slack of 1e-7.
func FisherExact(control, treatment ProportionArm, alternative Alternative) (FisherTest, Status) {
	s, status := Settings{Alternative: alternative}.defaults()
	if status = worst(status, control.check(), treatment.check()); status != OK {
		return FisherTest{}, status
	}
	if control.Sum != math.Trunc(control.Sum) || treatment.Sum != math.Trunc(treatment.Sum) {
		return FisherTest{}, InvalidInput
	}
	h := hypergeometric{
		marked: float64(treatment.N), plain: float64(control.N), drawn: control.Sum + treatment.Sum,
	}
	logP := h.test(treatment.Sum, s.Alternative)
	p, log10P := pValue(logP)
	return FisherTest{p, log10P}, OK
}

// hypergeometric is the number of marked units among those drawn.
type hypergeometric struct{ marked, plain, drawn float64 }

func (h hypergeometric) lowest() float64  { return max(0, h.drawn-h.plain) }
func (h hypergeometric) highest() float64 { return min(h.drawn, h.marked) }

// mode is the most likely number.
func (h hypergeometric) mode() float64 {
	return math.Floor((h.drawn + 1) / (h.marked + h.plain + 2) * (h.marked + 1))
}

// logPMF is by Loader's saddle point, as three binomials.
func (h hypergeometric) logPMF(k float64) float64 {
	all := h.marked + h.plain
	p, q := h.drawn/all, (all-h.drawn)/all
	return logBinomialPMF(k, h.marked, p, q) + logBinomialPMF(h.drawn-k, h.plain, p, q) - logBinomialPMF(h.drawn, all, p, q)
}

// logBinomialPMF is the logarithm of P(X = k) of n trials with p = 1-q.
func logBinomialPMF(k, n, p, q float64) float64 {
	switch k {
	case 0:
		if p < 0.1 {
			return n * math.Log1p(-p)
		}
		return n * math.Log(q)
	case n:
		if q < 0.1 {
			return n * math.Log1p(-q)
		}
		return n * math.Log(p)
	}
	return stirlingError(n) - stirlingError(k) - stirlingError(n-k) -
		deviance(k, n*p) - deviance(n-k, n*q) - logSqrt2Pi - math.Log(k/n*(n-k))/2
}

// test is the logarithm of the p-value of k.
func (h hypergeometric) test(k float64, alternative Alternative) float64 {
	switch alternative {
	case Greater:
		return h.logTail(k, 1)
	case Less:
		return h.logTail(k, -1)
	}
	mode := h.mode()
	outward := 1.0
	if k < mode {
		outward = -1
	}
	// The first table on the other side that is no more likely.
	far, limit := h.lowest(), h.logPMF(k)+1e-7
	if outward < 0 {
		far = h.highest()
	}
	other, inner := far, mode
	if h.logPMF(far) > limit {
		return h.logTail(k, outward)
	}
	if h.logPMF(mode) <= limit {
		return 0
	}
	for math.Abs(other-inner) > 1 {
		mid := math.Floor((other + inner) / 2)
		if h.logPMF(mid) <= limit {
			other = mid
		} else {
			inner = mid
		}
	}
	a, b := h.logTail(k, outward), h.logTail(other, -outward)
	if b > a {
		a, b = b, a
	}
	return min(a+math.Log1p(math.Exp(b-a)), 0)
}

// logTail is the logarithm of P(X >= k) for a step of 1, of P(X <= k) for -1.
func (h hypergeometric) logTail(k, step float64) float64 {
	mode := h.mode()
	if (k-mode)*step < 0 {
		beyond := k - step
		if beyond < h.lowest() || beyond > h.highest() {
			return 0
		}
		return math.Log1p(-math.Exp(h.logTail(beyond, -step)))
	}
	sum, term := 1.0, 1.0
	for x := k; ; {
		up := x
		if step < 0 {
			up = x - 1
		}
		// The odds of up+1 against up.
		odds := (h.marked - up) * (h.drawn - up) / ((up + 1) * (h.plain - h.drawn + up + 1))
		if step < 0 {
			odds = 1 / odds
		}
		term *= odds
		x += step
		if !(term > sum*1e-18) || x < h.lowest() || x > h.highest() {
			break
		}
		sum += term
	}
	return min(h.logPMF(k)+math.Log(sum), 0)
}
