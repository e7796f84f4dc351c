package stats

import "math"

// procedure is a way to judge one comparison. Its intervals exclude 0 at a level
// exactly when its p-value is below that level.
type procedure interface {
	logP() float64
	effect(level float64) Interval
	lift(level float64) (RatioCI, Status)
}

// fixedTest is Welch's test, which may be looked at once.
type fixedTest struct{ contrast }

func (f fixedTest) logP() float64 {
	return min(tLogSF(math.Abs(f.statistic()), f.df)+math.Ln2, 0)
}

func (f fixedTest) effect(level float64) Interval { return f.interval(tISF(level/2, f.df)) }

func (f fixedTest) lift(level float64) (RatioCI, Status) {
	return f.contrast.lift(tISF(level/2, f.df))
}

// sequentialTest is the asymptotic confidence sequence of Sequence, which may be
// looked at at any time. Its mixture stays what it is at other levels.
type sequentialTest struct {
	contrast
	m float64 // the mixture's variance in squared standard errors
}

func newSequentialTest(k contrast, alpha, tuning float64) sequentialTest {
	return sequentialTest{k, float64(k.units) * rho2(alpha, tuning)}
}

func (s sequentialTest) logP() float64 {
	z := s.statistic()
	return min(math.Log1p(s.m)/2-z*z*s.m/(1+s.m)/2, 0)
}

func (s sequentialTest) reach(level float64) float64 {
	return math.Sqrt(2 * (1 + s.m) / s.m * (math.Log1p(s.m)/2 - math.Log(level)))
}

func (s sequentialTest) effect(level float64) Interval { return s.interval(s.reach(level)) }

func (s sequentialTest) lift(level float64) (RatioCI, Status) {
	return s.contrast.lift(s.reach(level))
}

// posterior gives credible intervals. Under a flat prior the lift's is Fieller's;
// a prior that says something shifts both, and the control's value then counts as
// known. Its p-value is twice the smaller of the chances to win and to lose.
type posterior struct {
	contrast
	flat bool
	NormalPosterior
}

func (p posterior) logP() float64 {
	return min(normLogSF(math.Abs(p.Mean/p.SD))+math.Ln2, 0)
}

func (p posterior) effect(level float64) Interval {
	half := normISF(level/2) * p.SD
	return Interval{p.Mean - half, p.Mean + half}
}

func (p posterior) lift(level float64) (RatioCI, Status) {
	ci, status := p.contrast.lift(normISF(level / 2))
	if p.flat || status == ZeroBaseline || status == InvalidInput {
		return ci, status
	}
	scale, interval := math.Abs(p.base.float()), p.effect(level)
	ci.Estimate, ci.Interval = p.Mean/scale, Interval{interval.Lower / scale, interval.Upper / scale}
	if !allFinite(ci.Estimate, ci.Interval.Lower, ci.Interval.Upper) {
		return RatioCI{}, InvalidInput
	}
	return ci, OK
}

// noClaim is what an always-valid test says while it must not say anything.
type noClaim struct{ contrast }

func (noClaim) logP() float64           { return 0 }
func (noClaim) effect(float64) Interval { return everything() }

func (n noClaim) lift(float64) (RatioCI, Status) {
	ci, status := n.contrast.lift(0)
	ci.Interval = everything()
	return ci, status
}

// countsTest judges proportions with few conversions, where Wald's interval covers
// too little: Newcombe's interval for the difference, the interval for the ratio
// made of Wilson's in the same way (Donner and Zou, Statistical Methods in Medical
// Research 21, 2012), so that the two exclude "no effect" together, and the larger
// of their p-value and Fisher's.
type countsTest struct {
	control, treatment ProportionArm
	log                float64
}

func newCountsTest(control, treatment ProportionArm) countsTest {
	c := countsTest{control: control, treatment: treatment}
	fisher := hypergeometric{
		marked: float64(treatment.N), plain: float64(control.N), drawn: control.Sum + treatment.Sum,
	}.test(treatment.Sum, TwoSided)
	c.log = max(c.newcombeLogP(), fisher)
	return c
}

// newcombeLogP finds the level at which Newcombe's interval ends at 0.
func (c countsTest) newcombeLogP() float64 {
	if differenceOf(c.control, c.treatment) == 0 {
		return 0
	}
	excludes := func(z float64) bool {
		return newcombe(c.control, c.treatment, z).excludes(0)
	}
	const far = 1e6
	return min(normLogSF(edge(excludes, 0, far))+math.Ln2, 0)
}

func (c countsTest) logP() float64 { return c.log }

// effect reaches 0 where Fisher's test does not reject although Newcombe's does.
func (c countsTest) effect(level float64) Interval {
	interval := newcombe(c.control, c.treatment, normISF(level/2))
	if c.log < math.Log(level) {
		return interval
	}
	return Interval{min(interval.Lower, 0), max(interval.Upper, 0)}
}

func (c countsTest) lift(level float64) (RatioCI, Status) {
	z := normISF(level / 2)
	wc, wt := wilson(c.control, z), wilson(c.treatment, z)
	pc, pt := c.control.rate(), c.treatment.rate()
	if pc == 0 {
		return RatioCI{}, ZeroBaseline
	}
	estimate := differenceOf(c.control, c.treatment) / pc
	// (pt - r pc)^2 = (pt-lt)^2 + r^2 (uc-pc)^2, and the mirror image for the upper end.
	a, b := wc.Upper*(2*pc-wc.Upper), wt.Lower*(2*pt-wt.Lower)
	lower := b / (pt*pc + math.Sqrt(pt*pt*pc*pc-a*b))
	if pt == 0 {
		lower = 0
	}
	a, b = wc.Lower*(2*pc-wc.Lower), wt.Upper*(2*pt-wt.Upper)
	upper := (pt*pc + math.Sqrt(pt*pt*pc*pc-a*b)) / a
	interval := Interval{lower - 1, upper - 1}
	if c.log >= math.Log(level) {
		interval = Interval{min(interval.Lower, 0), max(interval.Upper, 0)}
	}
	if !allFinite(estimate, interval.Lower, interval.Upper) {
		return RatioCI{Estimate: estimate, Interval: everything()}, UnboundedInterval
	}
	return RatioCI{Estimate: estimate, Interval: interval}, OK
}
