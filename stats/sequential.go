package stats

import "math"

// A Sequence is an always-valid test: its interval covers at every look at once.
type Sequence struct {
	Alpha float64
	// Tuning is the number of units at which the interval is tightest.
	Tuning      float64
	Alternative Alternative
}

// A SequentialLook is what a Sequence says at one look. A one-sided interval has
// an infinite end.
type SequentialLook struct {
	Estimate  float64
	SE        float64
	Rho       float64
	HalfWidth float64
	Lower     float64
	Upper     float64
	// LogEvalue is of the two-sided test: the logarithm of its mixture
	// likelihood ratio.
	LogEvalue float64
	P         float64
	Log10P    float64
}

// rho2 is the mixture's variance, per unit, that makes the interval tightest at
// t units (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, arXiv 2103.06476).
func rho2(alpha, t float64) float64 {
	return (-2*math.Log(alpha) + math.Log1p(-2*math.Log(alpha))) / t
}

// rho2Exact is what rho2 approximates: y - ln y = 1 - 2 ln alpha with y above 1,
// that is Lambert's W on its lower branch, less 1 and over t.
func rho2Exact(alpha, t float64) float64 {
	target := -2 * math.Log(alpha)
	excess := root(func(d float64) float64 { return d - math.Log1p(d) - target },
		0, target+2*math.Sqrt(target)+2)
	return excess / t
}

// level is that of the two-sided mixture whose half is used.
func (s Sequence) level() float64 {
	if s.Alternative == TwoSided {
		return s.Alpha
	}
	return 2 * s.Alpha
}

func (s Sequence) valid() bool {
	known := s.Alternative == TwoSided || s.Alternative == Greater || s.Alternative == Less
	return known && inOpen(s.level(), 0, 1) && positive(s.Tuning)
}

// Look tests an estimate from n units in all (n is of both arms together).
//
// Two-sided this is the asymptotic confidence sequence of Waudby-Smith et al.,
// which equals the mixture sequential probability ratio test of Johari et al.
// with tau^2 = n se^2 rho^2; one-sided it is their equation 134, and p the level
// at which its interval ends at 0 while rho stays.
func (s Sequence) Look(estimate, se, n float64) (SequentialLook, Status) {
	if !s.valid() || !positive(n) || !finite(estimate) || !(se >= 0) {
		return SequentialLook{}, InvalidInput
	}
	if se == 0 {
		return SequentialLook{}, ZeroVariance
	}
	level := s.level()
	rho := rho2(level, s.Tuning)
	m := n * rho
	halfLogK := math.Log1p(m) / 2
	z := estimate / se
	look := SequentialLook{
		Estimate: estimate, SE: se, Rho: math.Sqrt(rho),
		LogEvalue: z*z*m/(1+m)/2 - halfLogK,
		Lower:     math.Inf(-1), Upper: math.Inf(1),
	}
	if s.Alternative == TwoSided {
		look.HalfWidth = se * math.Sqrt(2*(1+m)/m*(halfLogK-math.Log(s.Alpha)))
		look.setP(-look.LogEvalue)
	} else {
		look.HalfWidth = se * math.Sqrt(2*(1+m)/m*math.Log1p(math.Exp(halfLogK)/level))
		look.setP(s.oneSidedLogP(z, m, halfLogK))
	}
	if s.Alternative != Less {
		look.Lower = estimate - look.HalfWidth
	}
	if s.Alternative != Greater {
		look.Upper = estimate + look.HalfWidth
	}
	if !finite(look.LogEvalue) || !finite(look.HalfWidth) {
		return SequentialLook{}, InvalidInput
	}
	return look, OK
}

// oneSidedLogP is ln of sqrt(k)/(2(e^K-1)) with K = z^2 m/(2(1+m)), and 0 where
// the estimate lies on the other side.
func (s Sequence) oneSidedLogP(z, m, halfLogK float64) float64 {
	if z == 0 || (z > 0) != (s.Alternative == Greater) {
		return 0
	}
	k := z * z * m / (1 + m) / 2
	return halfLogK - math.Ln2 - k - math.Log(-math.Expm1(-k))
}

func (l *SequentialLook) setP(logP float64) {
	logP = min(logP, 0)
	l.P, l.Log10P = math.Exp(logP), logP/math.Ln10
}

// A SequentialPath is a Sequence over its looks so far: the smallest p and the
// intersection of the intervals, both of which hold at every look at once.
type SequentialPath struct {
	P, Lower, Upper float64
}

// NewSequentialPath is the path before the first look.
func NewSequentialPath() SequentialPath {
	return SequentialPath{P: 1, Lower: math.Inf(-1), Upper: math.Inf(1)}
}

// Then is the path after one more look.
func (p SequentialPath) Then(look SequentialLook) SequentialPath {
	return SequentialPath{
		P: min(p.P, look.P), Lower: max(p.Lower, look.Lower), Upper: min(p.Upper, look.Upper),
	}
}

// Compare tests the effect between two arms of any kind.
func (s Sequence) Compare(control, treatment Arm, lift Lift) (SequentialLook, Status) {
	if !s.valid() {
		return SequentialLook{}, InvalidInput
	}
	e, status := effectOf(control, treatment, lift, 0)
	if status != OK {
		return SequentialLook{}, status
	}
	return s.Look(e.estimate, e.se, float64(e.units))
}
