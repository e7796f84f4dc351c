package stats

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// drawWide draws a number of all 106 bits, and the same as a big.Float.
func drawWide(t *rapid.T, name string) (wide, *big.Float) {
	hi := rapid.Float64Range(-1, 1).Draw(t, name)
	hi, lo := quickSum(hi, hi*0x1p-54*rapid.Float64Range(-1, 1).Draw(t, name+" rest"))
	w := scaled(hi, lo, rapid.IntRange(-3000, 3000).Draw(t, name+" exponent"))
	return w, bigOf(w)
}

func bigOf(w wide) *big.Float {
	const enough = 400
	x := new(big.Float).SetPrec(enough).SetFloat64(w.hi)
	x.Add(x, big.NewFloat(w.lo))
	return x.SetMantExp(x, w.exp)
}

// within says whether got is want but for a share of size.
func within(got wide, want, size *big.Float) bool {
	off := new(big.Float).Sub(bigOf(got), want)
	limit := new(big.Float).SetMantExp(new(big.Float).Abs(size), -99)
	return off.Abs(off).Cmp(limit) <= 0
}

func TestWideKeepsAHundredBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, bigA := drawWide(t, "a")
		b, bigB := drawWide(t, "b")
		if rapid.Bool().Draw(t, "close") {
			b.exp = a.exp - rapid.IntRange(-60, 60).Draw(t, "distance")
			bigB = bigOf(b)
		}
		exact := func() *big.Float { return new(big.Float).SetPrec(400) }
		sum, difference, product := exact().Add(bigA, bigB), exact().Sub(bigA, bigB), exact().Mul(bigA, bigB)
		size := exact().Add(exact().Abs(bigA), exact().Abs(bigB))
		switch {
		case !within(a.add(b), sum, size):
			t.Fatalf("%v + %v", a, b)
		case !within(a.sub(b), difference, size):
			t.Fatalf("%v - %v", a, b)
		case !within(a.mul(b), product, product):
			t.Fatalf("%v * %v", a, b)
		case a.sub(b).sign() == 0 && difference.Sign() != 0:
			t.Fatalf("%v - %v is 0", a, b)
		case a.less(b) != (bigA.Cmp(bigB) < 0):
			t.Fatalf("%v < %v", a, b)
		}
		if b.sign() != 0 {
			if want := exact().Quo(bigA, bigB); !within(a.quo(b), want, want) {
				t.Fatalf("%v / %v", a, b)
			}
		}
		if want := exact().Sqrt(exact().Abs(bigA)); !within(a.abs().sqrt(), want, want) {
			t.Fatalf("root of %v", a.abs())
		}
	})
}

func TestWideLeavesFloatsAsTheyAre(t *testing.T) {
	for _, x := range []float64{0, 1, -0.1, math.Pi, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-310} {
		if got := wideOf(x).float(); got != x {
			t.Errorf("%v became %v", x, got)
		}
	}
	for _, n := range []int64{0, 1, -7, 1<<53 + 1, math.MaxInt64} {
		if got, _ := bigOf(wideInt(n)).Int64(); got != n {
			t.Errorf("%v became %v", n, got)
		}
	}
	if huge := wideOf(1e300).square(); !math.IsInf(huge.float(), 1) || huge.sqrt().float() != 1e300 {
		t.Errorf("1e300 squared is %v, its root %v", huge.float(), huge.sqrt().float())
	}
}
