package stats

import "math"

// A BetaPosterior is what is thought of two rates after their data.
type BetaPosterior struct {
	ProbTreatmentBetter float64
	// ExpectedLossControl is E max(treatment-control, 0), ExpectedLossTreatment
	// the other way round.
	ExpectedLossControl, ExpectedLossTreatment float64
	Control, Treatment                         Rate
}

// A Rate is the posterior of one arm's rate, with its equal-tailed interval.
type Rate struct {
	Mean, Lower, Upper float64
}

// BetaBinomial judges two rates, each under a beta prior, with intervals of the given level, such as 0.95.
func BetaBinomial(control, treatment ProportionArm, priorAlpha, priorBeta, level float64) (BetaPosterior, Status) {
	if !positive(priorAlpha) || !positive(priorBeta) || !inOpen(level, 0, 1) {
		return BetaPosterior{}, InvalidInput
	}
	if status := worst(control.check(), treatment.check()); status != OK {
		return BetaPosterior{}, status
	}
	c, t := control.posterior(priorAlpha, priorBeta), treatment.posterior(priorAlpha, priorBeta)
	post := compareBetas(c, t)
	post.Control, post.Treatment = c.rate(level), t.rate(level)
	return post, OK
}

// posterior of an arm's rate under a beta prior.
func (a ProportionArm) posterior(alpha, beta float64) betaShape {
	return betaShape{a: alpha + a.Sum, b: beta + (float64(a.N) - a.Sum)}
}

// betaShape is a beta distribution, seen on the scale of log odds, on which its
// density is smooth even where a or b is below 1.
type betaShape struct{ a, b float64 }

func (s betaShape) rate(level float64) Rate {
	tail := (1 - level) / 2
	return Rate{Mean: s.a / (s.a + s.b), Lower: betaQuantile(tail, s.a, s.b), Upper: betaISF(tail, s.a, s.b)}
}

func (s betaShape) logOdds() float64 {
	return math.Log(s.a / s.b)
}

// fall is how far below its peak the logarithm of the density of log odds is at
// distance h from there.
func (s betaShape) fall(h float64) float64 {
	p, q := s.a/(s.a+s.b), s.b/(s.a+s.b)
	return -s.a*logMix(q, -h) - s.b*logMix(p, h)
}

// logMix is log(1-p + p e^h) without cancellation near 0 and without overflow.
func logMix(p, h float64) float64 {
	if h > 30 {
		return h + math.Log(p+(1-p)*math.Exp(-h))
	}
	return math.Log1p(p * math.Expm1(h))
}

// reach is where the density has become negligible, on either side.
func (s betaShape) reach() (lo, hi float64) {
	const deep = -2 * negligible
	edge := func(sign float64) float64 {
		far := 1 / math.Sqrt(s.a/(s.a+s.b)*s.b)
		for s.fall(sign*far) > deep {
			far *= 2
		}
		return s.logOdds() + sign*root(func(h float64) float64 { return s.fall(sign*h) - deep }, 0, far)
	}
	return edge(-1), edge(1)
}

// compareBetas integrates over the common log odds: every term is positive, so
// that chances and losses keep their digits however small they are.
func compareBetas(c, t betaShape) BetaPosterior {
	mesh := newBetaMesh(c, t)
	control, treatment := mesh.tails(c), mesh.tails(t)
	var post BetaPosterior
	var worse, better float64
	for i, u := range mesh.nodes {
		w := mesh.weights[i]
		better += w * treatment.density[i] * control.lower[i]
		worse += w * control.density[i] * treatment.lower[i]
		// dx = x(1-x) du
		slope := 1 / (2 + math.Exp(u) + math.Exp(-u))
		post.ExpectedLossControl += w * slope * control.lower[i] * treatment.upper[i]
		post.ExpectedLossTreatment += w * slope * treatment.lower[i] * control.upper[i]
	}
	post.ProbTreatmentBetter = better / (better + worse)
	return post
}

// betaMesh is a set of panels over the log odds of two beta distributions.
type betaMesh struct {
	edges          []float64
	nodes, weights []float64
}

const betaNodes = 16

func newBetaMesh(shapes ...betaShape) betaMesh {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range shapes {
		from, to := s.reach()
		lo, hi = min(lo, from), max(hi, to)
	}
	x, w := legendre(betaNodes)
	mesh := betaMesh{edges: []float64{lo}}
	for at := lo; at < hi; {
		// A panel is no wider than the scale of either density near it.
		width := math.Inf(1)
		for _, s := range shapes {
			width = min(width, s.scale(at))
		}
		next := min(at+width, hi)
		half, mid := (next-at)/2, at+(next-at)/2
		for i := range x {
			mesh.nodes, mesh.weights = append(mesh.nodes, mid+half*x[i]), append(mesh.weights, half*w[i])
		}
		mesh.edges = append(mesh.edges, next)
		if next == at {
			break
		}
		at = next
	}
	return mesh
}

// scale is the width over which the density changes little at the log odds u:
// about its deviation near the peak, growing with the distance from there, and
// never wider than its poles at plus and minus i pi allow.
func (s betaShape) scale(u float64) float64 {
	deviation := 1 / math.Sqrt(s.a/(s.a+s.b)*s.b)
	away := math.Abs(u - s.logOdds())
	return min(1.5*max(deviation, away/12), 1+math.Abs(u)/3)
}

// betaTailsOn holds the density of log odds and both tails at the nodes of a mesh.
type betaTailsOn struct {
	density, lower, upper []float64
}

// tails integrates the density panel by panel from either end.
func (m betaMesh) tails(s betaShape) betaTailsOn {
	n := len(m.nodes)
	tails := betaTailsOn{make([]float64, n), make([]float64, n), make([]float64, n)}
	peak := s.logOdds()
	var total float64
	for i, u := range m.nodes {
		tails.density[i] = math.Exp(s.fall(u - peak))
		total += m.weights[i] * tails.density[i]
	}
	for i := range tails.density {
		tails.density[i] /= total
	}
	partial := partialLegendre(betaNodes)
	var below, above float64
	for from := 0; from < n; from += betaNodes {
		m.accumulate(tails.density, tails.lower, partial, from, below, false)
		last := n - betaNodes - from
		m.accumulate(tails.density, tails.upper, partial, last, above, true)
		for j := range betaNodes {
			below += m.weights[from+j] * tails.density[from+j]
			above += m.weights[last+j] * tails.density[last+j]
		}
	}
	return tails
}

// accumulate gives the integral from one end of the panel that begins at node
// from to each of its nodes, on top of what lies before.
func (m betaMesh) accumulate(density, into []float64, partial [][]float64, from int, before float64, backwards bool) {
	panel := from / betaNodes
	half := (m.edges[panel+1] - m.edges[panel]) / 2
	for j := range betaNodes {
		inside := 0.0
		for k := range betaNodes {
			// The rule is symmetric: from the far end it is the same read backwards.
			if backwards {
				inside += partial[betaNodes-1-j][betaNodes-1-k] * density[from+k]
			} else {
				inside += partial[j][k] * density[from+k]
			}
		}
		into[from+j] = before + max(half*inside, 0)
	}
}

// LogBayesFactor is the logarithm of the Bayes factor for two rates against one
// common rate, all uniform. It is the ratio of uniform probabilities of the
// counts to the hypergeometric one, which keeps its digits at 1e12 units.
func LogBayesFactor(control, treatment ProportionArm) (float64, Status) {
	if status := worst(control.check(), treatment.check()); status != OK {
		return 0, status
	}
	all := ProportionArm{control.N + treatment.N, control.Sum + treatment.Sum}
	split := logBinomial(control, all) + logBinomial(treatment, all) - logBinomial(all, all)
	return math.Log1p(float64(all.N)) - math.Log1p(float64(control.N)) - math.Log1p(float64(treatment.N)) - split, OK
}

// logBinomial is the logarithm of the binomial probability of the counts at the
// rate of all (Loader, 2000).
func logBinomial(c, all ProportionArm) float64 {
	n, k, total := float64(c.N), c.Sum, float64(all.N)
	rest, hit, miss := n-k, all.Sum/total, (total-all.Sum)/total
	switch {
	case k == 0 && hit < 0.5:
		return n * math.Log1p(-hit)
	case k == 0:
		return n * math.Log(miss)
	case rest == 0 && miss < 0.5:
		return n * math.Log1p(-miss)
	case rest == 0:
		return n * math.Log(hit)
	}
	return stirlingError(n) - stirlingError(k) - stirlingError(rest) -
		deviance(k, n*hit) - deviance(rest, n*miss) + math.Log(n/k/rest)/2 - logSqrt2Pi
}
