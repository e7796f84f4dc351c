package stats

import (
	"math"
	"sort"
)

// outermost is the z beyond which float64 hardly tells the normal's tail from 0.
const outermost = 38.0

// legendre is the Gauss-Legendre rule of n points on [-1,1].
func legendre(n int) (nodes, weights []float64) {
	nodes, weights = make([]float64, n), make([]float64, n)
	for i := range n {
		x := -math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5))
		var slope float64
		for range 100 {
			value, before := 1.0, 0.0
			for k := range n {
				value, before = (float64(2*k+1)*x*value-float64(k)*before)/float64(k+1), value
			}
			slope = float64(n) * (x*value - before) / (x*x - 1)
			step := value / slope
			x -= step
			if math.Abs(step) < 1e-16 {
				break
			}
		}
		nodes[i], weights[i] = x, 2/((1-x*x)*slope*slope)
	}
	return nodes, weights
}

// panels is the Gauss-Legendre rule of n points in each of count equal panels
// of [lo,hi], in rising order.
func panels(lo, hi float64, count, n int) (nodes, weights []float64) {
	x, w := legendre(n)
	count = max(count, 1)
	half := (hi - lo) / float64(2*count)
	nodes, weights = make([]float64, 0, count*n), make([]float64, 0, count*n)
	for panel := range count {
		mid := lo + float64(2*panel+1)*half
		for i := range x {
			nodes, weights = append(nodes, mid+half*x[i]), append(weights, half*w[i])
		}
	}
	return nodes, weights
}

// partialLegendre integrates from -1 to each node: row j weighs the values at the
// nodes of legendre(n) for the integral of their polynomial up to node j.
func partialLegendre(n int) [][]float64 {
	nodes, weights := legendre(n)
	values := make([][]float64, n) // P_0 to P_n at each node
	for j, x := range nodes {
		p := make([]float64, n+1)
		p[0], p[1] = 1, x
		for m := 1; m < n; m++ {
			p[m+1] = (float64(2*m+1)*x*p[m] - float64(m)*p[m-1]) / float64(m+1)
		}
		values[j] = p
	}
	rows := make([][]float64, n)
	for j := range nodes {
		rows[j] = make([]float64, n)
		for k := range nodes {
			total := values[j][1] + 1
			for m := 1; m < n; m++ {
				total += values[k][m] * (values[j][m+1] - values[j][m-1])
			}
			rows[j][k] = weights[k] / 2 * total
		}
	}
	return rows
}

// search is the index of the first of the rising values that is at least x.
func search(values []float64, x float64) int {
	return sort.SearchFloat64s(values, x)
}

// root finds where the monotone f is zero between lo and hi, to the last digits
// (Chandrupatla, Advances in Engineering Software 28, 1997). When both ends have
// the same sign it is the end nearer to zero.
func root(f func(float64) float64, lo, hi float64) float64 {
	a, b := hi, lo
	fa, fb := f(a), f(b)
	if fa == 0 || fb != 0 && (fa > 0) == (fb > 0) && math.Abs(fa) < math.Abs(fb) {
		return a
	}
	if fb == 0 || (fa > 0) == (fb > 0) {
		return b
	}
	c, fc, t := a, fa, 0.5
	for range 200 {
		x := a + t*(b-a)
		fx := f(x)
		if (fx > 0) == (fa > 0) {
			c, fc = a, fa
		} else {
			c, fc, b, fb = b, fb, a, fa
		}
		a, fa = x, fx
		best := a
		if math.Abs(fb) < math.Abs(fa) {
			best = b
		}
		tolerance := 2.3e-16 * math.Abs(best) / math.Abs(b-a)
		if fa == 0 || tolerance > 0.5 {
			return best
		}
		xi, phi := (a-b)/(c-b), (fa-fb)/(fc-fb)
		t = 0.5
		if phi*phi < xi && (1-phi)*(1-phi) < 1-xi {
			t = fa/(fb-fa)*fc/(fb-fc) + (c-a)/(b-a)*fa/(fc-fa)*fb/(fc-fb)
		}
		t = min(max(t, tolerance), 1-tolerance)
	}
	return a
}
