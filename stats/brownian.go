package stats

import "math"

// brownian follows the score of a test that has not stopped yet: the
// sub-density of Brownian motion at information t, by the recursion of Armitage,
// McPherson and Rowe (JRSS A 132, 1969), on Gauss-Legendre panels.
type brownian struct {
	information []float64
	sides       int

	look int
	// nodes are scores at which the sub-density of the look before is known, of a
	// symmetric test those above 0.
	nodes   []float64
	density []float64 // times the quadrature's weight
}

const (
	// maxBrownianNodes bounds the work where looks follow each other closely.
	maxBrownianNodes = 2_000_000
	// brownianReach is how many standard deviations of a step are integrated.
	brownianReach = 9.5
	// panelWidth is that of a panel in standard deviations of a step: ten nodes
	// then integrate the product of two such densities to about 1e-9.
	panelWidth = 3
)

// newBrownian refuses information that does not rise from above 0 to at most 1,
// or by steps too small to be followed.
func newBrownian(information []float64, sides int) (*brownian, bool) {
	if len(information) == 0 || len(information) > maxLooks {
		return nil, false
	}
	before := 0.0
	for _, t := range information {
		if !(t > before && t <= 1) || panelsOf(math.Sqrt(t), math.Sqrt(t-before))*panelNodes > maxBrownianNodes {
			return nil, false
		}
		before = t
	}
	return &brownian{information: information, sides: sides}, true
}

const panelNodes = 10

// panelsOf is how many panels cover the scores of deviation at a look whose
// neighbouring steps have at least the deviation step.
func panelsOf(deviation, step float64) int {
	return int(math.Ceil(2 * brownianReach * deviation / (panelWidth * min(step, deviation))))
}

func (b *brownian) reset() {
	b.look, b.nodes, b.density = 0, nil, nil
}

// step is the information that a look adds to the one before.
func (b *brownian) step(look int) float64 {
	if look == 0 {
		return b.information[0]
	}
	return b.information[look] - b.information[look-1]
}

// crossing is the probability, both sides together, to pass z at this look and
// not before.
func (b *brownian) crossing(z float64) float64 {
	return float64(b.sides) * b.upper(z)
}

// upper is the probability to pass the upper boundary at this look.
func (b *brownian) upper(z float64) float64 {
	if b.look == 0 {
		return normSF(z)
	}
	score, deviation := z*math.Sqrt(b.information[b.look]), math.Sqrt(b.step(b.look))
	var sum float64
	for i, u := range b.nodes {
		if x := (score - u) / deviation; x < outermost {
			sum += b.density[i] * normSF(x)
		}
		if x := (score + u) / deviation; b.sides == 2 && x < outermost {
			sum += b.density[i] * normSF(x)
		}
	}
	return sum
}

// solve finds the z that is passed with the given probability on the upper side.
func (b *brownian) solve(p float64) float64 {
	if !(p > 0) || b.upper(noStop) >= p {
		return noStop
	}
	if b.look == 0 {
		return min(normISF(p), noStop)
	}
	lo := -noStop
	if b.upper(0) >= p {
		lo = 0
	}
	if b.upper(lo) <= p {
		return lo // all that is left may stop
	}
	// Without the looks before, as many would pass or more. The logarithm of upper
	// is concave, so that Newton's steps come down to its root from there.
	z, deviation := min(normISF(p), noStop), math.Sqrt(b.information[b.look])
	for range 100 {
		passed := b.upper(z)
		step := math.Log(passed/p) * passed / (deviation * b.at(deviation*z))
		if !finite(step) {
			break
		}
		z += step
		if math.Abs(step) < 1e-13*math.Abs(z) {
			return z
		}
	}
	target := math.Log(p)
	return root(func(z float64) float64 { return math.Log(b.upper(z)) - target }, lo, noStop)
}

// stay moves on to the next look with what has not passed z at this one.
func (b *brownian) stay(z float64) {
	if b.look+1 == len(b.information) {
		b.look++
		return
	}
	t := b.information[b.look]
	deviation := math.Sqrt(t)
	hi := min(z, brownianReach) * deviation
	lo := -brownianReach * deviation
	if b.sides == 2 {
		lo = 0
	}
	width := panelWidth * min(math.Sqrt(b.step(b.look)), math.Sqrt(b.step(b.look+1)))
	nodes, weights := panels(lo, hi, int(math.Ceil((hi-lo)/width)), panelNodes)
	density := make([]float64, len(nodes))
	for i, u := range nodes {
		density[i] = weights[i] * b.at(u)
	}
	b.nodes, b.density = nodes, density
	b.look++
}

// at is the sub-density of the score u at this look, before it is tested.
func (b *brownian) at(u float64) float64 {
	t := b.information[b.look]
	if b.look == 0 {
		return normPDF(u/math.Sqrt(t)) / math.Sqrt(t)
	}
	before := b.information[b.look-1]
	deviation := math.Sqrt(t - before)
	sum := b.near(u, u*before/t, deviation)
	if b.sides == 2 {
		sum += b.near(-u, -u*before/t, deviation)
	}
	return sum / (deviation * math.Sqrt(2*math.Pi))
}

// near sums what comes to u from the nodes: most of it comes from near the given
// centre, or from the edge of the region next to it.
func (b *brownian) near(u, centre, deviation float64) (sum float64) {
	centre = min(max(centre, b.nodes[0]), b.nodes[len(b.nodes)-1])
	from, to := search(b.nodes, centre-brownianReach*deviation), search(b.nodes, centre+brownianReach*deviation)
	for i := from; i < to; i++ {
		x := (u - b.nodes[i]) / deviation
		sum += b.density[i] * math.Exp(-x*x/2)
	}
	return sum
}
