package stats

import "math/big"

// wide is a number of 192 bits and any exponent. Moments are formed in it, so that
// sums near 1e300 do not overflow and sumsq - sum^2/n keeps the digits that its
// inputs have. It is immutable. Dividing 0 by 0 panics: ask sign first.
type wide struct{ f *big.Float }

const widePrecision = 192

func fresh() *big.Float { return new(big.Float).SetPrec(widePrecision) }

// wideOf takes a finite x.
func wideOf(x float64) wide { return wide{fresh().SetFloat64(x)} }

func wideInt(n int64) wide { return wide{fresh().SetInt64(n)} }

func (a wide) add(b wide) wide { return wide{fresh().Add(a.f, b.f)} }
func (a wide) sub(b wide) wide { return wide{fresh().Sub(a.f, b.f)} }
func (a wide) mul(b wide) wide { return wide{fresh().Mul(a.f, b.f)} }
func (a wide) quo(b wide) wide { return wide{fresh().Quo(a.f, b.f)} }
func (a wide) sqrt() wide      { return wide{fresh().Sqrt(a.f)} }
func (a wide) abs() wide       { return wide{fresh().Abs(a.f)} }
func (a wide) square() wide    { return a.mul(a) }
func (a wide) sign() int       { return a.f.Sign() }
func (a wide) less(b wide) bool {
	return a.f.Cmp(b.f) < 0
}

// times scales by a constant.
func (a wide) times(x float64) wide { return a.mul(wideOf(x)) }

// float rounds once; beyond the range of float64 it is an infinity or 0.
func (a wide) float() float64 {
	x, _ := a.f.Float64()
	return x
}

func allFinite(xs ...float64) bool {
	for _, x := range xs {
		if !finite(x) {
			return false
		}
	}
	return true
}
