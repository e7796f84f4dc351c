package stats

import "math"

// brownian follows the score of a test that has not stopped yet: the
// sub-density of Brownian motion at information t, by the recursion of Armitage,
// McPherson and Rowe (JRSS A 132, 1969), on Gauss-Legendre panels.
type brownian struct {
	information []float64
	sides       int

	look    int
	nodes   []float64 // scores at which the sub-density of the look before is known
	density []float64 // times the quadrature's weight
}

const (
	// maxBrownianNodes bounds the work where looks follow each other closely.
	maxBrownianNodes = 2_000_000
	// brownianReach is how many standard deviations of a step are integrated.
	brownianReach = 8.5
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
	return int(math.Ceil(2 * brownianReach * deviation / (1.5 * min(step, deviation))))
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
	target := math.Log(p)
	return root(func(z float64) float64 {
		return math.Log(b.upper(z)) - target
	}, lo, noStop)
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
		lo = -hi
	}
	width := 1.5 * min(math.Sqrt(b.step(b.look)), math.Sqrt(b.step(b.look+1)))
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
	// Most of what comes to u comes from near u*before/t, or from the edge of
	// the region next to it.
	last := b.nodes[len(b.nodes)-1]
	centre := min(max(u*before/t, b.nodes[0]), last)
	from, to := search(b.nodes, centre-brownianReach*deviation), search(b.nodes, centre+brownianReach*deviation)
	var sum float64
	for i := from; i < to; i++ {
		x := (u - b.nodes[i]) / deviation
		sum += b.density[i] * math.Exp(-x*x/2)
	}
	return sum / (deviation * math.Sqrt(2*math.Pi))
}
