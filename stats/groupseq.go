package stats

import "math"

// A Design says how a group sequential test spends its alpha over the looks.
type Design string

// The designs. The first three have equally spaced looks and a constant found
// numerically; the others spend alpha along a function of the information
// fraction t (Lan and DeMets, Biometrika 70, 1983), whenever the looks fall.
const (
	OBrienFleming         Design = "obrien_fleming"          // z falls as 1/sqrt t (Biometrics 35, 1979)
	Pocock                Design = "pocock"                  // z is constant (Biometrika 64, 1977)
	WangTsiatis           Design = "wang_tsiatis"            // z goes as t^(Delta-1/2) (Biometrics 43, 1987)
	SpendingOBrienFleming Design = "spending_obrien_fleming" // sides*2(1-Phi(z_{alpha/(2 sides)}/sqrt t))
	SpendingPocock        Design = "spending_pocock"         // alpha ln(1+(e-1)t)
	SpendingPower         Design = "spending_power"          // alpha t^Gamma
)

// A GroupPlan is a group sequential test before its first look.
type GroupPlan struct {
	Design Design
	Alpha  float64 // of both sides together
	Sides  int     // 1, or 2 for a symmetric test
	Looks  int     // of the equally spaced designs
	// Information holds the rising fractions, at most 1, of the spending designs.
	Information []float64
	// Times are the fractions, at most 1, by which those spend, where that is not
	// Information: of the planned time, when nobody knows what it will bring (Lan
	// and DeMets, Statistics in Medicine 8, 1989).
	Times []float64
	Delta float64 // of WangTsiatis
	Gamma float64 // of SpendingPower, above 0
}

// GroupBoundary holds, per look, the |z| at which the test stops, its nominal p
// and the alpha spent until then.
type GroupBoundary struct {
	Z          []float64
	NominalP   []float64
	AlphaSpent []float64
}

const (
	maxLooks = 1000
	// noStop stands for a boundary that nothing reaches.
	noStop = outermost
	// leastSpent is too little alpha to stop on: it is left to the looks to come.
	leastSpent = 1e-14
)

// Boundary computes the stopping boundary, to about 1e-9 in z.
func (p GroupPlan) Boundary() (GroupBoundary, Status) {
	if !inOpen(p.Alpha, 0, 1) || p.Sides != 1 && p.Sides != 2 || p.Sides == 1 && p.Alpha >= 0.5 {
		return GroupBoundary{}, InvalidInput
	}
	switch p.Design {
	case OBrienFleming, Pocock, WangTsiatis:
		return p.constantBoundary()
	case SpendingOBrienFleming, SpendingPocock, SpendingPower:
		return p.spendingBoundary()
	}
	return GroupBoundary{}, InvalidInput
}

// constantBoundary finds the constant C of z = C t^(delta-1/2) whose total
// crossing probability is alpha.
func (p GroupPlan) constantBoundary() (GroupBoundary, Status) {
	if p.Looks < 1 || p.Looks > maxLooks || !(math.Abs(p.Delta) <= 10) {
		return GroupBoundary{}, InvalidInput
	}
	exponent := map[Design]float64{OBrienFleming: -0.5, Pocock: 0, WangTsiatis: p.Delta - 0.5}[p.Design]
	information := make([]float64, p.Looks)
	shape := make([]float64, p.Looks)
	lowest := math.Inf(1)
	for i := range information {
		information[i] = float64(i+1) / float64(p.Looks)
		shape[i] = math.Pow(information[i], exponent)
		lowest = min(lowest, shape[i])
	}
	stage, ok := newBrownian(information, p.Sides)
	if !ok {
		return GroupBoundary{}, InvalidInput
	}
	z := make([]float64, p.Looks)
	spend := func(c float64) []float64 {
		spent := make([]float64, p.Looks)
		stage.reset()
		for i := range z {
			z[i] = min(c*shape[i], noStop)
			spent[i] = stage.crossing(z[i])
			if i > 0 {
				spent[i] += spent[i-1]
			}
			stage.stay(z[i])
		}
		return spent
	}
	perSide := p.Alpha / float64(p.Sides)
	// The look with the lowest boundary alone spends at most alpha, and all of
	// them together at most their sum.
	lo, hi := normISF(perSide)/lowest, normISF(perSide/float64(p.Looks))/lowest
	c := root(func(c float64) float64 {
		return math.Log(spend(c)[p.Looks-1] / p.Alpha)
	}, lo, hi)
	spent := spend(c)
	return p.boundary(z, spent), OK
}

// spendingBoundary finds look by look the z whose crossing probability is what
// the spending function adds there.
func (p GroupPlan) spendingBoundary() (GroupBoundary, Status) {
	if p.Design == SpendingPower && !inOpen(p.Gamma, 0, 1e3) {
		return GroupBoundary{}, InvalidInput
	}
	stage, ok := newBrownian(p.Information, p.Sides)
	if !ok {
		return GroupBoundary{}, InvalidInput
	}
	times := p.Times
	if times == nil {
		times = p.Information
	}
	if !risingTo1(times) || len(times) != len(p.Information) {
		return GroupBoundary{}, InvalidInput
	}
	var z, spent []float64
	var before float64
	for _, t := range times {
		next, total := noStop, p.spend(t)
		if total-before > min(leastSpent, p.Alpha/1e6) {
			next = stage.solve((total - before) / float64(p.Sides))
			before = total
		}
		z, spent = append(z, next), append(spent, before)
		stage.stay(next)
	}
	return p.boundary(z, spent), OK
}

func risingTo1(times []float64) bool {
	before := 0.0
	for _, t := range times {
		if !(t > before && t <= 1) {
			return false
		}
		before = t
	}
	return true
}

// spend is the alpha that may be spent by the fraction t.
func (p GroupPlan) spend(t float64) float64 {
	sides := float64(p.Sides)
	switch p.Design {
	case SpendingOBrienFleming:
		return sides * 2 * normSF(normISF(p.Alpha/(2*sides))/math.Sqrt(t))
	case SpendingPocock:
		return p.Alpha * math.Log1p((math.E-1)*t)
	}
	return p.Alpha * math.Pow(t, p.Gamma)
}

func (p GroupPlan) boundary(z, spent []float64) GroupBoundary {
	nominal := make([]float64, len(z))
	for i, v := range z {
		nominal[i] = float64(p.Sides) * normSF(v)
	}
	return GroupBoundary{Z: z, NominalP: nominal, AlphaSpent: spent}
}
