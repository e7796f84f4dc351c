package stats

import (
	"math"
	"slices"
)

// spendingPower is the power of the planned time along which looks spend alpha:
// half-way a quarter of it, which leaves the last look most of a fixed test's power.
const spendingPower = 2

// Looks are those of a group sequential test whose end is planned.
type Looks struct {
	// Planned is how many steps of time the plan has, such as days.
	Planned int
	// Boundary computes boundaries; nil is GroupPlan.Boundary. Who judges the same
	// looks again and again may remember them.
	Boundary func(GroupPlan) (GroupBoundary, Status)
	// LastOnly asks for the result of the last look alone, which takes a fraction of
	// the time: of those before it counts what was known. Their results are zero.
	LastOnly bool
}

// A Look is the state of a metric when so many steps of the planned time are over.
type Look struct {
	// Step is from 1 to Looks.Planned, and rises; 0 is a state between looks, of
	// which nothing may be claimed.
	Step   int
	Epochs [][]Arm // as AnalyzeEpochs takes them
}

// LastCritical is the |z| from which a test of so many evenly spaced looks
// rejects at the last one.
func (l Looks) LastCritical(alpha float64) (z float64, status Status) {
	plan := GroupPlan{Design: SpendingPower, Gamma: spendingPower, Alpha: alpha, Sides: 2}
	for i := range l.Planned {
		plan.Information = append(plan.Information, float64(i+1)/float64(l.Planned))
	}
	boundary, status := l.boundary(plan)
	if status != OK {
		return 0, status
	}
	return boundary.Z[l.Planned-1], OK
}

// Spent is the share of alpha that may be spent by a step.
func (l Looks) Spent(step int) float64 {
	return math.Pow(float64(step)/float64(l.Planned), spendingPower)
}

func (l Looks) boundary(plan GroupPlan) (GroupBoundary, Status) {
	if l.Boundary != nil {
		return l.Boundary(plan)
	}
	return plan.Boundary()
}

// AnalyzeLooks judges a metric at each of its looks by a group sequential test: all
// looks together claim something false with the probability alpha. Its intervals
// are the repeated ones of Jennison and Turnbull (JRSS B 51, 1989), and its p-value
// the least level at which they exclude 0. A look at which a sequential test has to
// wait leaves its alpha to those after it. Looks must have the same arms.
func AnalyzeLooks(spec Spec, plan Looks, looks []Look) []Result {
	spec.Method = Sequential
	spec, status := spec.defaults()
	results := make([]Result, len(looks))
	if status != OK || plan.Planned < 1 || plan.Planned > maxLooks || !sameArms(looks) {
		return results
	}
	weights := make([][][]wide, len(looks))
	for l, look := range looks {
		results[l].Arms = make([]ArmResult, len(look.Epochs[0]))
		weights[l] = make([][]wide, len(look.Epochs[0]))
	}
	for i := 1; len(looks) > 0 && i < len(results[0].Arms); i++ {
		pairs := make([]*paired, len(looks))
		for l, look := range looks {
			pairs[l] = pair(spec, armOf(look.Epochs, 0), armOf(look.Epochs, i), cautious)
			weights[l][i] = pairs[l].weights
		}
		claims := plan.claims(spec.Alpha, looks, pairs)
		for l := plan.first(len(looks)); l < len(looks); l++ {
			results[l].Comparisons = append(results[l].Comparisons, pairs[l].compare(spec, claims[l]))
		}
	}
	for l := plan.first(len(looks)); l < len(looks); l++ {
		results[l].summarize(looks[l].Epochs, weights[l])
	}
	return results
}

// first is the first of so many looks whose result is wanted.
func (l Looks) first(looks int) int {
	if l.LastOnly {
		return max(looks-1, 0)
	}
	return 0
}

func sameArms(looks []Look) bool {
	arms := 0
	for l, look := range looks {
		if len(look.Epochs) == 0 || l > 0 && len(look.Epochs[0]) != arms {
			return false
		}
		arms = len(look.Epochs[0])
		if arms == 0 || slices.ContainsFunc(look.Epochs, func(e []Arm) bool { return len(e) != arms }) {
			return false
		}
	}
	return true
}

// leastGain is the least information that a look counts as adding to the one
// before. Counting it higher than it is takes looks to agree less than they do,
// which errs on the safe side.
const leastGain = 1.01

// claims is what may be claimed at each look.
func (l Looks) claims(alpha float64, looks []Look, pairs []*paired) []func(contrast) procedure {
	claims := make([]func(contrast) procedure, len(looks))
	plan := GroupPlan{Design: SpendingPower, Gamma: spendingPower, Sides: 2}
	var at []int
	var before wide
	for i, p := range pairs {
		claims[i] = func(k contrast) procedure { return noClaim{k} }
		if looks[i].Step == 0 || p.status != OK || p.early() {
			continue
		}
		information, now := 1.0, p.information()
		if n := len(plan.Information); n > 0 {
			information = plan.Information[n-1] * max(now.quo(before).float(), leastGain)
		}
		plan.Information = append(plan.Information, information)
		plan.Times = append(plan.Times, float64(looks[i].Step)/float64(l.Planned))
		at, before = append(at, i), now
	}
	if len(at) == 0 {
		return claims
	}
	whole := plan.Information[len(at)-1]
	for i := range plan.Information {
		plan.Information[i] /= whole
	}
	for i, curve := range l.curves(plan, alpha) {
		if len(curve) > 0 {
			claims[at[i]] = func(k contrast) procedure { return groupTest{k, curve} }
		}
	}
	return claims
}

// information is the variance of the sum that the contrast is the average of. From
// look to look that sum grows by what is new; where the new tends to go with the
// old, as when the same units come again, looks agree more than they count as.
func (p *paired) information() wide {
	var total wide
	for _, w := range p.weights {
		total = total.add(w)
	}
	return total.square().mul(p.contrast.variance)
}

// curves computes what each look rejects at, for levels from far below to almost 1.
func (l Looks) curves(plan GroupPlan, alpha float64) []curve {
	curves := make([]curve, len(plan.Information))
	levels := []float64{1e-9, 1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.9, alpha}
	slices.Sort(levels)
	for _, level := range slices.Compact(levels) {
		plan.Alpha = level
		boundary, status := l.boundary(plan)
		if status != OK {
			continue
		}
		for i, z := range boundary.Z {
			curves[i] = curves[i].then(math.Log(level), normLogSF(z)+math.Ln2, z)
		}
	}
	return curves
}

// A curve leads from the logarithm of a test's level to that of the nominal p-value
// at which one look rejects, by cubic interpolation between knots that rise. Beyond
// them both go alike.
type curve []knot

type knot struct{ level, nominal float64 }

// then adds a knot; one that stops nothing, or does not rise, is left out.
func (c curve) then(level, nominal, z float64) curve {
	if z <= 0 || z >= noStop || len(c) > 0 && nominal <= c[len(c)-1].nominal {
		return c
	}
	return append(c, knot{level, nominal})
}

// nominal is the look's nominal p-value at a level, both as logarithms.
func (c curve) nominal(level float64) float64 {
	last := len(c) - 1
	switch {
	case level <= c[0].level:
		return c[0].nominal + level - c[0].level
	case level >= c[last].level:
		return c[last].nominal + level - c[last].level
	}
	i := 1
	for level > c[i].level {
		i++
	}
	width := c[i].level - c[i-1].level
	t, rise := (level-c[i-1].level)/width, c[i].nominal-c[i-1].nominal
	// Hermite's form; slopes of at most three times the secant keep it rising.
	from, to := width*c.slope(i-1), width*c.slope(i)
	from, to = min(from, 3*rise), min(to, 3*rise)
	return c[i-1].nominal + t*from + t*t*(3*rise-2*from-to) + t*t*t*(from+to-2*rise)
}

// slope is that of the parabola through a knot and its neighbours; at the ends
// that of the secant.
func (c curve) slope(i int) float64 {
	secant := func(i int) float64 {
		return (c[i+1].nominal - c[i].nominal) / (c[i+1].level - c[i].level)
	}
	switch {
	case len(c) == 1:
		return 1
	case i == 0:
		return secant(0)
	case i == len(c)-1:
		return secant(i - 1)
	}
	before, after := c[i].level-c[i-1].level, c[i+1].level-c[i].level
	return (secant(i-1)*after + secant(i)*before) / (before + after)
}

// level is the level at which the look rejects from a nominal p-value.
func (c curve) level(nominal float64) float64 {
	last := len(c) - 1
	switch {
	case nominal <= c[0].nominal:
		return c[0].level + nominal - c[0].nominal
	case nominal >= c[last].nominal:
		return min(c[last].level+nominal-c[last].nominal, 0)
	}
	return root(func(level float64) float64 { return c.nominal(level) - nominal }, c[0].level, c[last].level)
}

// groupTest is one look of a group sequential test.
type groupTest struct {
	contrast
	curve curve
}

func (g groupTest) logP() float64 {
	return g.curve.level(normLogSF(math.Abs(g.statistic())) + math.Ln2)
}

func (g groupTest) reach(level float64) float64 {
	nominal := g.curve.nominal(math.Log(level))
	if p := math.Exp(nominal - math.Ln2); p > 1e-300 {
		return normISF(p)
	}
	return root(func(z float64) float64 { return nominal - math.Ln2 - normLogSF(z) }, 0, 1e6)
}

func (g groupTest) effect(level float64) Interval { return g.interval(g.reach(level)) }

func (g groupTest) lift(level float64) (RatioCI, Status) { return g.contrast.lift(g.reach(level)) }
