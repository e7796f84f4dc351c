package stats

import "math"

// A SizePlan is a two-arm test whose number of units is sought.
type SizePlan struct {
	Alpha float64
	Power float64
	Sides int     // 1 or 2
	Ratio float64 // units of the treatment per unit of the control
}

func (p SizePlan) valid() bool {
	return inOpen(p.Alpha, 0, 1) && inOpen(p.Power, p.Alpha, 1) && (p.Sides == 1 || p.Sides == 2) && positive(p.Ratio)
}

// critical and beta are the two quantiles that every formula of sizes begins with.
func (p SizePlan) critical() float64 { return normISF(p.Alpha / float64(p.Sides)) }
func (p SizePlan) beta() float64     { return normISF(1 - p.Power) }

// A MeansSize is the number of units of a test of two means.
type MeansSize struct {
	Control, Treatment float64 // exact, both tails counted, before rounding up
	Simple             float64 // of the control by the textbook, which leaves out the far tail
	PowerAtCeil        float64 // with the control rounded up
}

// Means sizes a z-test for the difference delta of means with a known deviation.
func (p SizePlan) Means(sd, delta float64) (MeansSize, Status) {
	if !p.valid() || !(sd >= 0) || !finite(sd) || !finite(delta) || delta == 0 {
		return MeansSize{}, InvalidInput
	}
	if sd == 0 {
		return MeansSize{}, ZeroVariance
	}
	// One unit of control sees the effect at this many standard errors.
	unit := math.Abs(delta) / sd / math.Sqrt(1+1/p.Ratio)
	n := square(p.shift() / unit)
	at := math.Ceil(n)
	size := MeansSize{
		Control: n, Treatment: n * p.Ratio, Simple: square((p.critical() + p.beta()) / unit),
		PowerAtCeil: powerOf(unit*math.Sqrt(at), p.critical(), p.Sides),
	}
	if !allFinite(size.Simple, size.Treatment, size.PowerAtCeil) {
		return MeansSize{}, InvalidInput
	}
	return size, OK
}

// shift is the mean of a normal statistic that has the power sought.
func (p SizePlan) shift() float64 {
	simple := p.critical() + p.beta()
	if p.Sides == 1 {
		return simple
	}
	return root(func(m float64) float64 {
		return powerOf(m, p.critical(), 2) - p.Power
	}, 0, max(simple, 0)+1)
}

// TPower is the power of the pooled t-test with so many units, for an effect in
// deviations.
func (p SizePlan) TPower(effect, control float64) float64 {
	treatment := control * p.Ratio
	df := control + treatment - 2
	if !(df > 0) {
		return 0
	}
	shift := math.Abs(effect) * math.Sqrt(control/(1+1/p.Ratio))
	critical := tISF(p.Alpha/float64(p.Sides), df)
	power := nctSF(critical, df, shift)
	if p.Sides == 2 {
		power += nctSF(critical, df, -shift)
	}
	return power
}

// TMeans is the number of units in the control of a pooled t-test that finds an
// effect in deviations.
func (p SizePlan) TMeans(effect float64) (float64, Status) {
	if !p.valid() || !finite(effect) || effect == 0 {
		return 0, InvalidInput
	}
	size, status := p.Means(1, effect)
	if status != OK {
		return 0, status
	}
	// The t-test needs more than the z-test, and at least a degree of freedom.
	least := 2 / (1 + p.Ratio)
	lo, hi := max(size.Control, least*(1+1e-9)), size.Control+least+2
	for range 60 {
		if p.TPower(effect, hi) >= p.Power {
			break
		}
		hi *= 2
	}
	return root(func(n float64) float64 { return p.TPower(effect, n) - p.Power }, lo, hi), OK
}

// A ProportionsSize is the number of units in the control of a test of two rates.
type ProportionsSize struct {
	Pooled, Unpooled, Arcsine float64
	UnpooledPowerAtCeil       float64
}

// Proportions sizes a test of two rates, by the variance under the null (pooled),
// under the alternative (unpooled) and by Cohen's arcsine.
func (p SizePlan) Proportions(control, treatment float64) (ProportionsSize, Status) {
	if !p.valid() || !inOpen(control, 0, 1) || !inOpen(treatment, 0, 1) || control == treatment {
		return ProportionsSize{}, InvalidInput
	}
	delta := treatment - control
	vc, vt := control*(1-control), treatment*(1-treatment)
	both := (control + p.Ratio*treatment) / (1 + p.Ratio)
	alone := vc + vt/p.Ratio
	pooled := p.critical()*math.Sqrt(both*(1-both)*(1+1/p.Ratio)) + p.beta()*math.Sqrt(alone)
	unpooled := (p.critical() + p.beta()) * math.Sqrt(alone)
	arcs := 2 * (math.Asin(math.Sqrt(treatment)) - math.Asin(math.Sqrt(control)))
	size := ProportionsSize{
		Pooled:   square(pooled / delta),
		Unpooled: square(unpooled / delta),
		Arcsine:  square((p.critical()+p.beta())/arcs) * (1 + 1/p.Ratio),
	}
	at := math.Ceil(size.Unpooled)
	size.UnpooledPowerAtCeil = powerOf(math.Abs(delta)*math.Sqrt(at/alone), p.critical(), p.Sides)
	if !allFinite(size.Pooled, size.Unpooled, size.Arcsine, size.UnpooledPowerAtCeil) {
		return ProportionsSize{}, InvalidInput
	}
	return size, OK
}

func square(x float64) float64 { return x * x }

// A ProportionsMDE is the smallest change of a rate that a test finds; false says
// that no rate from 0 to 1 is far enough.
type ProportionsMDE struct {
	Up, Down             float64
	UpExists, DownExists bool
}

// ProportionsMDE solves for the treatment's rate with its own variance, when a
// share of so many units goes to the treatment.
func (p SizePlan) ProportionsMDE(control, units, share float64) (ProportionsMDE, Status) {
	p.Ratio = 1
	if !p.valid() || !inOpen(control, 0, 1) || !positive(units) || !inOpen(share, 0, 1) {
		return ProportionsMDE{}, InvalidInput
	}
	c := square(p.critical() + p.beta())
	inTreatment, inControl := c/(units*share), c/(units*(1-share))
	// d^2 (1+T) - d (1-2p) T - p(1-p)(C+T) = 0, with C and T as above.
	a, b, e := 1+inTreatment, (1-2*control)*inTreatment, control*(1-control)*(inControl+inTreatment)
	spread := math.Sqrt(b*b + 4*a*e)
	mde := ProportionsMDE{Up: (b + spread) / (2 * a), Down: (b - spread) / (2 * a)}
	if b > 0 {
		mde.Down = -2 * e / (b + spread)
	} else {
		mde.Up = 2 * e / (spread - b)
	}
	if !allFinite(mde.Up, mde.Down) {
		return ProportionsMDE{}, InvalidInput
	}
	mde.UpExists, mde.DownExists = control+mde.Up <= 1, control+mde.Down >= 0
	return mde, OK
}
