package stats

import (
	"math"
	"slices"
)

// WinsorizedTest is a Test of values of which the highest were cut to a cap.
type WinsorizedTest struct {
	Test
	Cap                          float64
	ControlSum, ControlSumSq     float64
	TreatmentSum, TreatmentSumSq float64
}

// WinsorizedWelch is Welch's test after every value above a percentile of both
// arms' values together became that percentile; ignoreZeros takes it of those
// that are not 0.
func WinsorizedWelch(control, treatment []float64, percentile float64, ignoreZeros bool, s Settings) (WinsorizedTest, Status) {
	pool := slices.Concat(control, treatment)
	if !allFinite(pool...) || !(percentile > 0 && percentile <= 1) {
		return WinsorizedTest{}, InvalidInput
	}
	if status := worst(enough(int64(len(control))), enough(int64(len(treatment)))); status != OK {
		return WinsorizedTest{}, status
	}
	if ignoreZeros {
		pool = slices.DeleteFunc(pool, func(x float64) bool { return x == 0 })
	}
	limit := 0.0
	if len(pool) > 0 {
		limit = percentileOf(pool, percentile)
	}
	c, cSum, cSumSq := capped(control, limit)
	t, tSum, tSumSq := capped(treatment, limit)
	test, status := Welch(c, t, s)
	if status == OK && !allFinite(cSumSq, tSumSq) {
		status = InvalidInput
	}
	return WinsorizedTest{test, limit, cSum, cSumSq, tSum, tSumSq}, status
}

func capped(values []float64, limit float64) (arm MomentsArm, sum, sumsq float64) {
	var total, squares ExactSum
	for _, x := range values {
		x = min(x, limit)
		total.Add(x)
		squares.AddSquare(x)
	}
	return Moments(int64(len(values)), &total, &squares), total.Float64(), squares.Float64()
}

// percentileOf interpolates linearly between order statistics (type 7 of Hyndman
// and Fan, 1996). It sorts values, of which there must be one.
func percentileOf(values []float64, p float64) float64 {
	slices.Sort(values)
	position := p * float64(len(values)-1)
	below := math.Floor(position)
	i := int(below)
	if i+1 >= len(values) {
		return values[len(values)-1]
	}
	share := position - below
	return values[i]*(1-share) + values[i+1]*share
}
