package stats

import "math"

// ProportionCI is an interval for one proportion, or for the difference of two.
type ProportionCI struct {
	Estimate float64
	Interval Interval
}

// WilsonCI is Wilson's score interval (1927).
func WilsonCI(arm ProportionArm, alpha float64) (ProportionCI, Status) {
	if status := checkProportions(alpha, arm); status != OK {
		return ProportionCI{}, status
	}
	return ProportionCI{arm.rate(), wilson(arm, normISF(alpha/2))}, OK
}

// wilson has the lower end in the form that does not cancel near 0.
func wilson(a ProportionArm, z float64) Interval {
	p, square := a.rate(), z*z
	both := 2*a.Sum + square + z*math.Sqrt(square+4*a.Sum*(1-p))
	return Interval{2 * a.Sum * p / both, min(both/(2*(float64(a.N)+square)), 1)}
}

// NewcombeCI is an interval for the difference treatment - control made of the
// arms' Wilson intervals (Newcombe, 1998, method 10).
func NewcombeCI(control, treatment ProportionArm, alpha float64) (ProportionCI, Status) {
	if status := checkProportions(alpha, control, treatment); status != OK {
		return ProportionCI{}, status
	}
	return ProportionCI{differenceOf(control, treatment), newcombe(control, treatment, normISF(alpha/2))}, OK
}

func newcombe(control, treatment ProportionArm, z float64) Interval {
	if mostConvert(control, treatment) {
		return newcombe(treatment.failures(), control.failures(), z)
	}
	c, t := wilson(control, z), wilson(treatment, z)
	pc, pt := control.rate(), treatment.rate()
	difference := differenceOf(control, treatment)
	return Interval{
		difference - math.Hypot(pt-t.Lower, c.Upper-pc),
		difference + math.Hypot(t.Upper-pt, pc-c.Lower),
	}
}

// ClopperPearsonCI is the exact interval (1934), from quantiles of the beta
// distribution.
func ClopperPearsonCI(arm ProportionArm, alpha float64) (ProportionCI, Status) {
	if status := checkProportions(alpha, arm); status != OK {
		return ProportionCI{}, status
	}
	interval := Interval{0, 1}
	failed := float64(arm.N) - arm.Sum
	if arm.Sum > 0 {
		interval.Lower = betaQuantile(alpha/2, arm.Sum, failed+1)
	}
	if failed > 0 {
		interval.Upper = betaISF(alpha/2, arm.Sum+1, failed)
	}
	return ProportionCI{arm.rate(), interval}, OK
}

// MiettinenNurminenCI inverts the score test of a difference of proportions, with
// their factor N/(N-1) (1985).
func MiettinenNurminenCI(control, treatment ProportionArm, alpha float64) (ProportionCI, Status) {
	if status := checkProportions(alpha, control, treatment); status != OK {
		return ProportionCI{}, status
	}
	difference := differenceOf(control, treatment)
	if mostConvert(control, treatment) {
		control, treatment = treatment.failures(), control.failures()
	}
	z := normISF(alpha / 2)
	within := func(delta float64) bool {
		distance := difference - delta
		return distance*distance <= z*z*scoreVariance(control, treatment, delta)
	}
	return ProportionCI{difference, Interval{
		edge(within, difference, -1), edge(within, difference, 1),
	}}, OK
}

// scoreVariance is that of the difference if it truly is delta.
func scoreVariance(control, treatment ProportionArm, delta float64) float64 {
	nc, nt := float64(control.N), float64(treatment.N)
	pc := restrictedRate(control, treatment, delta)
	pt := clampUnit(pc + delta)
	return (pc*(1-pc)/nc + pt*(1-pt)/nt) * (nc + nt) / (nc + nt - 1)
}

// restrictedRate is the control's most likely rate if the treatment's is higher by
// delta: where the likelihood's slope, which falls, crosses 0.
func restrictedRate(control, treatment ProportionArm, delta float64) float64 {
	slope := func(converted, units, rate float64) float64 {
		up, down := 0.0, 0.0
		if converted > 0 {
			up = converted / rate
		}
		if failed := units - converted; failed > 0 {
			down = failed / (1 - rate)
		}
		return up - down
	}
	lo, hi := max(0, -delta), min(1, 1-delta)
	for range 100 {
		mid := lo + (hi-lo)/2
		if mid == lo || mid == hi {
			break
		}
		if slope(control.Sum, float64(control.N), mid)+slope(treatment.Sum, float64(treatment.N), mid+delta) > 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + (hi-lo)/2
}

// edge finds where holds, true at inside, ceases on the way to outside.
func edge(holds func(float64) bool, inside, outside float64) float64 {
	if holds(outside) {
		return outside
	}
	for range 200 {
		mid := inside + (outside-inside)/2
		if mid == inside || mid == outside {
			break
		}
		if holds(mid) {
			inside = mid
		} else {
			outside = mid
		}
	}
	return inside
}

func (a ProportionArm) rate() float64 { return a.Sum / float64(a.N) }

// mostConvert says that rates are nearer to 1, where float64 is coarse; the
// difference is then also that of the failures the other way round.
func mostConvert(a, b ProportionArm) bool { return a.rate()+b.rate() > 1 }

func (a ProportionArm) failures() ProportionArm {
	return ProportionArm{a.N, float64(a.N) - a.Sum}
}

// differenceOf is the treatment's rate less the control's, rounded once.
func differenceOf(control, treatment ProportionArm) float64 {
	pc := wideOf(control.Sum).quo(wideInt(control.N))
	pt := wideOf(treatment.Sum).quo(wideInt(treatment.N))
	return pt.sub(pc).float()
}

func checkProportions(alpha float64, arms ...ProportionArm) Status {
	status := OK
	for _, arm := range arms {
		status = worst(status, arm.check())
	}
	if !inOpen(alpha, 0, 1) {
		return InvalidInput
	}
	return status
}
