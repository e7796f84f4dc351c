package stats

import (
	"math"
	"testing"
)

// TestBoundariesOfManyLooks compares with Jennison and Turnbull, "Group Sequential
// Methods" (2000), tables 2.1 and 2.3.
func TestBoundariesOfManyLooks(t *testing.T) {
	for _, c := range []struct {
		design Design
		looks  int
		alpha  float64
		last   float64
	}{
		{Pocock, 20, 0.05, 2.672},
		{OBrienFleming, 20, 0.05, 2.126},
		{Pocock, 5, 0.01, 2.986},
		{OBrienFleming, 5, 0.1, 1.751},
	} {
		got, status := GroupPlan{Design: c.design, Looks: c.looks, Alpha: c.alpha, Sides: 2}.Boundary()
		if status != OK || math.Abs(got.Z[c.looks-1]-c.last) > 0.0006 {
			t.Errorf("%s of %d looks at %v: %v, %s, want %v at the last", c.design, c.looks, c.alpha, got.Z, status, c.last)
		}
	}
}

// TestBoundaryLeavesTooLittleForLater expects a look that would spend next to
// nothing not to stop, and what it did not spend to be there later.
func TestBoundaryLeavesTooLittleForLater(t *testing.T) {
	plan := GroupPlan{Design: SpendingOBrienFleming, Alpha: 0.05, Sides: 2, Information: []float64{0.001, 1}}
	got, status := plan.Boundary()
	if status != OK {
		t.Fatal(status)
	}
	if got.Z[0] != noStop || got.AlphaSpent[0] != 0 {
		t.Errorf("the first look stops at %v and spends %v", got.Z[0], got.AlphaSpent[0])
	}
	if want := normISF(0.025); math.Abs(got.Z[1]-want) > 1e-9 {
		t.Errorf("the last look stops at %v, want %v", got.Z[1], want)
	}
}

// TestBoundaryHoldsItsLevel adds up the chances to cross of two months of daily looks.
func TestBoundaryHoldsItsLevel(t *testing.T) {
	information := make([]float64, 60)
	for i := range information {
		information[i] = float64(i+1) / 60
	}
	for _, alpha := range []float64{0.05, 1e-12} {
		plan := GroupPlan{Design: SpendingPocock, Alpha: alpha, Sides: 2, Information: information}
		got, status := plan.Boundary()
		if status != OK {
			t.Fatal(status)
		}
		walk, _ := newBrownian(information, 2)
		var crossed float64
		for _, z := range got.Z {
			crossed += walk.crossing(z)
			walk.stay(z)
		}
		if math.Abs(crossed/alpha-1) > 1e-9 {
			t.Errorf("at %v the looks cross with %v", alpha, crossed)
		}
	}
}

// TestTwoLooks integrates over the first look by another rule, with many panels.
func TestTwoLooks(t *testing.T) {
	for _, alpha := range []float64{1e-12, 0.001, 0.05, 0.3} {
		for _, sides := range []int{1, 2} {
			for _, information := range [][]float64{{0.3, 1}, {0.001, 1}, {0.5, 0.500001}, {0.999, 1}, {0.02, 0.5}, {0.6, 0.9}} {
				plan := GroupPlan{Design: SpendingPocock, Alpha: alpha, Sides: sides, Information: information}
				got, status := plan.Boundary()
				if status != OK {
					t.Fatal(plan, status)
				}
				first, second := information[0], information[1]-information[0]
				stay, stop := got.Z[0]*math.Sqrt(first), got.Z[1]*math.Sqrt(information[1])
				lo := -12 * math.Sqrt(first)
				if sides == 2 {
					lo = -stay
				}
				pass := func(u float64) float64 {
					return normPDF(u/math.Sqrt(first)) / math.Sqrt(first) * normSF((stop-u)/math.Sqrt(second))
				}
				// Most of it comes from near the edge.
				edge := max(lo, stay-20*math.Sqrt(second))
				crossed := float64(sides) * (integral(pass, lo, edge, 2000) + integral(pass, edge, stay, 2000))
				if want := got.AlphaSpent[1] - got.AlphaSpent[0]; math.Abs(crossed/want-1) > 1e-7 {
					t.Errorf("%+v: passes with %v, want %v", plan, crossed, want)
				}
			}
		}
	}
}
