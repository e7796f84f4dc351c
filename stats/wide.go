package stats

import "math"

// wide is a number of about 106 bits and any exponent: the sum of two float64s
// times a power of two (Dekker, 1971, and the accurate sums of Hida, Li and
// Bailey, 2001). Moments are formed in it, so that sums near 1e300 do not overflow
// and sumsq - sum^2/n keeps the digits that its inputs have. 0 is the zero value;
// what divides by 0 becomes NaN.
type wide struct {
	hi, lo float64 // hi is 0, or from 1/2 to 1 in magnitude, and hi+lo == hi
	exp    int
}

// wideOf takes a finite x.
func wideOf(x float64) wide { return scaled(x, 0, 0) }

func wideInt(n int64) wide {
	hi := float64(n)
	return scaled(hi, float64(n-int64(hi)), 0)
}

// scaled brings hi+lo, with hi+lo == hi, to the form of wide.
func scaled(hi, lo float64, exp int) wide {
	fraction, e := math.Frexp(hi)
	if fraction == 0 {
		return wide{}
	}
	return wide{fraction, math.Ldexp(lo, -e), exp + e}
}

// twoSum is a+b and what rounding it left out.
func twoSum(a, b float64) (sum, rest float64) {
	sum = a + b
	part := sum - a
	return sum, (a - (sum - part)) + (b - part)
}

// quickSum is twoSum where a is not less than b in magnitude.
func quickSum(a, b float64) (sum, rest float64) {
	sum = a + b
	return sum, b - (sum - a)
}

func (a wide) add(b wide) wide {
	switch {
	case b.hi == 0:
		return a
	case a.hi == 0:
		return b
	case a.exp < b.exp:
		a, b = b, a
	}
	shift := b.exp - a.exp
	if shift < -400 {
		return a
	}
	sum, rest := twoSum(a.hi, math.Ldexp(b.hi, shift))
	low, lowest := twoSum(a.lo, math.Ldexp(b.lo, shift))
	sum, rest = quickSum(sum, rest+low)
	sum, rest = quickSum(sum, rest+lowest)
	return scaled(sum, rest, a.exp)
}

func (a wide) sub(b wide) wide { return a.add(b.neg()) }
func (a wide) neg() wide       { return wide{-a.hi, -a.lo, a.exp} }

func (a wide) mul(b wide) wide {
	product := a.hi * b.hi
	rest := math.FMA(a.hi, b.hi, -product) + (a.hi*b.lo + a.lo*b.hi)
	product, rest = quickSum(product, rest)
	return scaled(product, rest, a.exp+b.exp)
}

func (a wide) quo(b wide) wide {
	if b.hi == 0 {
		return wide{hi: math.NaN()}
	}
	divisor := wide{b.hi, b.lo, 0}
	rest := wide{a.hi, a.lo, 0}
	var quotient wide
	for range 3 {
		digits := wideOf(rest.ratio(divisor))
		quotient = quotient.add(digits)
		rest = rest.sub(digits.mul(divisor))
	}
	quotient.exp += a.exp - b.exp
	return quotient
}

// ratio is a/b to the precision of float64.
func (a wide) ratio(b wide) float64 { return math.Ldexp(a.hi/b.hi, a.exp-b.exp) }

// sqrt of what is below 0 is NaN.
func (a wide) sqrt() wide {
	if a.hi == 0 {
		return wide{}
	}
	odd := a.exp & 1
	half := (a.exp - odd) / 2
	a.exp = odd
	root := wideOf(math.Sqrt(math.Ldexp(a.hi, odd)))
	// One step of Newton's doubles the digits.
	root = root.add(a.sub(root.square()).quo(root).times(0.5))
	root.exp += half
	return root
}

func (a wide) abs() wide {
	if a.hi < 0 {
		return a.neg()
	}
	return a
}

func (a wide) square() wide { return a.mul(a) }

// times scales by a constant.
func (a wide) times(x float64) wide { return a.mul(wideOf(x)) }

func (a wide) sign() int {
	switch {
	case a.hi > 0:
		return 1
	case a.hi < 0:
		return -1
	}
	return 0
}

func (a wide) less(b wide) bool { return a.sub(b).hi < 0 }

// float rounds; beyond the range of float64 it is an infinity or 0.
func (a wide) float() float64 { return math.Ldexp(a.hi, a.exp) }

func allFinite(xs ...float64) bool {
	for _, x := range xs {
		if !finite(x) {
			return false
		}
	}
	return true
}
