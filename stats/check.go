package stats

import "math"

func finite(x float64) bool {
	return !math.IsNaN(x) && !math.IsInf(x, 0)
}

func positive(x float64) bool {
	return x > 0 && finite(x)
}

// inOpen says whether x lies between lo and hi, neither included.
func inOpen(x, lo, hi float64) bool {
	return x > lo && x < hi
}

func sum(values []float64) float64 {
	var total float64
	for _, v := range values {
		total += v
	}
	return total
}
