package stats

import (
	"encoding/json"
	"math"
)

// Lift is the scale of an effect.
type Lift string

// Relative is (treatment - control) / |control|, so that it has the sign of the
// absolute change also where the control's value is negative.
const (
	Absolute Lift = "absolute"
	Relative Lift = "relative"
)

// Settings are what most tests take. The zero value is a two-sided test of the
// absolute effect against 0 at a level of 5 %.
type Settings struct {
	Alpha       float64
	Alternative Alternative
	Lift        Lift
	Null        float64
}

// defaults fills what is not set and checks what is.
func (s Settings) defaults() (Settings, Status) {
	if s.Alpha == 0 {
		s.Alpha = 0.05
	}
	if s.Alternative == "" {
		s.Alternative = TwoSided
	}
	if s.Lift == "" {
		s.Lift = Absolute
	}
	alternative := s.Alternative == TwoSided || s.Alternative == Greater || s.Alternative == Less
	lift := s.Lift == Absolute || s.Lift == Relative
	if !(s.Alpha > 0 && s.Alpha < 1) || !alternative || !lift || !allFinite(s.Null) {
		return s, InvalidInput
	}
	return s, OK
}

// tail is the probability that each end of the interval leaves out.
func (s Settings) tail() float64 {
	if s.Alternative == TwoSided {
		return s.Alpha / 2
	}
	return s.Alpha
}

// Interval is a confidence or credible interval; an open end is an infinity.
type Interval struct{ Lower, Upper float64 }

// MarshalJSON writes [lower, upper], an open end as null.
func (i Interval) MarshalJSON() ([]byte, error) {
	ends := [2]*float64{}
	for place, end := range []float64{i.Lower, i.Upper} {
		if finite(end) {
			ends[place] = &end
		}
	}
	return json.Marshal(ends)
}

// everything is the interval that claims nothing.
func everything() Interval { return Interval{math.Inf(-1), math.Inf(1)} }

// excludes says whether x lies outside.
func (i Interval) excludes(x float64) bool {
	return x < i.Lower || x > i.Upper
}

// effect is an estimated difference of two arms and its standard error.
type effect struct {
	estimate, se       float64
	stat               float64 // of estimate - null, in standard errors
	df                 float64 // Welch and Satterthwaite's, of the absolute difference
	control, treatment float64 // values of the arms
	units              int64   // of both arms
}

// effectOf compares two arms; its status is OK when there is a standard error
// above 0 and every number is finite.
func effectOf(control, treatment Arm, lift Lift, null float64) (effect, Status) {
	c, t, status := momentsOf(control, treatment)
	if status != OK {
		return effect{}, status
	}
	return compare(c, t, lift, null)
}

// momentsOf are those of both arms, with the worse status of the two.
func momentsOf(control, treatment Arm) (c, t moments, status Status) {
	c, status = control.moments()
	t, treatmentStatus := treatment.moments()
	return c, t, worst(status, treatmentStatus)
}

// compare is effectOf on moments. A relative effect has the variance of the delta
// method, v_t/(n_t m_c^2) + m_t^2 v_c/(n_c m_c^4).
func compare(c, t moments, lift Lift, null float64) (effect, Status) {
	errC, errT := c.squaredError(), t.squaredError()
	difference, variance := t.mean.sub(c.mean), errC.add(errT)
	if variance.sign() == 0 {
		return effect{}, ZeroVariance
	}
	df := welchDF(c, t)
	if lift == Relative {
		if c.mean.sign() == 0 {
			return effect{}, ZeroBaseline
		}
		ratio := t.mean.quo(c.mean)
		difference = difference.quo(c.mean.abs())
		variance = errT.add(ratio.square().mul(errC)).quo(c.mean.square())
	}
	return effectFrom(c, t, difference, variance, df, null)
}

// effectFrom rounds a difference and its variance to an effect.
func effectFrom(c, t moments, difference, variance wide, df, null float64) (effect, Status) {
	if variance.sign() == 0 {
		return effect{}, ZeroVariance
	}
	se := variance.sqrt()
	e := effect{
		estimate: difference.float(), se: se.float(),
		stat: difference.sub(wideOf(null)).quo(se).float(), df: df,
		control: c.mean.float(), treatment: t.mean.float(), units: c.n + t.n,
	}
	if !allFinite(e.estimate, e.se, e.stat, e.df, e.control, e.treatment) {
		return effect{}, InvalidInput
	}
	if e.se == 0 {
		return effect{}, ZeroVariance
	}
	return e, OK
}

// welchDF are the degrees of freedom of Welch (1947) and Satterthwaite for the
// absolute difference; one arm may have no variance.
func welchDF(c, t moments) float64 {
	errC, errT := c.squaredError(), t.squaredError()
	sum := errC.add(errT)
	shares := errC.quo(sum).square().quo(wideInt(c.n - 1)).add(errT.quo(sum).square().quo(wideInt(t.n - 1)))
	return wideOf(1).quo(shares).float()
}

// Test is what a test of one effect answers.
type Test struct {
	Estimate, SE, Stat float64
	DF                 float64 // +Inf where the normal is used
	P, Log10P          float64
	Interval           Interval
}

// test judges an effect by Student's t with df degrees of freedom.
func (e effect) test(s Settings, df float64) Test {
	stat := e.stat
	switch s.Alternative {
	case TwoSided:
		stat = math.Abs(stat)
	case Less:
		stat = -stat
	}
	logP := tLogSF(stat, df)
	if s.Alternative == TwoSided {
		logP = min(logP+math.Ln2, 0)
	}
	half := tISF(s.tail(), df) * e.se
	interval := Interval{e.estimate - half, e.estimate + half}
	switch s.Alternative {
	case Greater:
		interval.Upper = math.Inf(1)
	case Less:
		interval.Lower = math.Inf(-1)
	}
	p, log10P := pValue(logP)
	return Test{e.estimate, e.se, e.stat, df, p, log10P, interval}
}

// pValue turns the natural logarithm of a p-value into it and its common one,
// which stays finite.
func pValue(logP float64) (p, log10P float64) {
	return math.Exp(logP), max(logP/math.Ln10, -math.MaxFloat64)
}
