package stats

// Arm holds the sufficient statistics of one variation for one metric. The kinds
// are MeanArm, MomentsArm, ProportionArm, RatioArm, CupedMeanArm, CupedRatioArm,
// QuantileArm and ClusteredQuantileArm.
type Arm interface {
	// moments are those of one unit; the status is OK when they have a variance.
	moments() (moments, Status)
}

// moments describe the distribution over units that a test compares. A mean of n
// units has the variance variance/n.
type moments struct {
	n        int64
	mean     wide
	variance wide
}

// squaredError is the variance of the mean.
func (m moments) squaredError() wide {
	return m.variance.quo(wideInt(m.n))
}

// MeanArm holds sums over units: of their totals and of the squares of those.
type MeanArm struct {
	N     int64
	Sum   float64
	SumSq float64
}

func (a MeanArm) moments() (moments, Status) {
	s, status := seriesOf(a.N, a.Sum, a.SumSq)
	if status != OK {
		return moments{n: a.N}, status
	}
	return moments{a.N, s.mean(), s.variance()}, OK
}

// MomentsArm holds the mean over units and M2, the sum of their squared distances
// from it. ExactSum gives both without cancellation.
type MomentsArm struct {
	N        int64
	Mean, M2 float64
}

func (a MomentsArm) moments() (moments, Status) {
	if a.N < 0 || !allFinite(a.Mean, a.M2) || a.M2 < 0 || (a.N <= 1 && a.M2 > 0) {
		return moments{}, InvalidInput
	}
	if status := enough(a.N); status != OK {
		return moments{n: a.N}, status
	}
	return moments{a.N, wideOf(a.Mean), wideOf(a.M2).quo(wideInt(a.N - 1))}, OK
}

// ProportionArm counts units and those that converted. Its variance is p(1-p).
type ProportionArm struct {
	N   int64
	Sum float64
}

func (a ProportionArm) moments() (moments, Status) {
	status := a.check()
	if status == OK {
		status = enough(a.N)
	}
	if status != OK {
		return moments{n: a.N}, status
	}
	p := wideOf(a.Sum).quo(wideInt(a.N))
	return moments{a.N, p, p.mul(wideOf(1).sub(p))}, OK
}

// check allows a single unit, which exact intervals can use.
func (a ProportionArm) check() Status {
	switch {
	case a.N < 0 || a.N > mostUnits || !finite(a.Sum) || a.Sum < 0 || a.Sum > float64(a.N):
		return InvalidInput
	case a.N == 0:
		return ZeroUsers
	}
	return OK
}

// RatioArm holds sums over units of a numerator and a denominator, such as revenue
// and orders; its value is the ratio of the totals.
type RatioArm struct {
	N                  int64
	Num, NumSq         float64
	Den, DenSq, NumDen float64
}

// moments has the delta method's variance: that of num - ratio*den over the
// square of the mean denominator.
func (a RatioArm) moments() (moments, Status) {
	num, status := seriesOf(a.N, a.Num, a.NumSq)
	den, denStatus := seriesOf(a.N, a.Den, a.DenSq)
	if status = worst(status, denStatus); status != OK {
		return moments{n: a.N}, status
	}
	if !allFinite(a.NumDen) {
		return moments{}, InvalidInput
	}
	if den.sum.sign() == 0 {
		return moments{n: a.N}, ZeroDenominator
	}
	cross := covariance(num, den, a.NumDen)
	ratio := num.sum.quo(den.sum)
	size := wideOf(a.NumSq).add(ratio.square().times(a.DenSq))
	residual, status := quadratic(
		num.variance().sub(ratio.mul(cross).times(2)).add(ratio.square().mul(den.variance())),
		size.quo(wideInt(a.N-1)))
	return moments{a.N, ratio, residual.quo(den.mean().square())}, status
}

// series is the sums of one variable over n > 1 units.
type series struct {
	n      int64
	sum    wide
	spread wide // sum of squared distances from the mean, not below 0
}

// seriesOf checks sums that may belong together.
func seriesOf(n int64, sum, sumsq float64) (series, Status) {
	if n < 0 || n > mostUnits || !allFinite(sum, sumsq) || (n == 0 && (sum != 0 || sumsq != 0)) {
		return series{}, InvalidInput
	}
	if n == 0 {
		return series{}, ZeroUsers
	}
	total := wideOf(sum)
	spread, status := quadratic(wideOf(sumsq).sub(total.square().quo(wideInt(n))), wideOf(sumsq))
	if status != OK {
		return series{}, status
	}
	if n == 1 {
		if wideOf(sumsq).times(impossible).less(spread) {
			return series{}, InvalidInput
		}
		return series{}, InsufficientUnits
	}
	return series{n, total, spread}, OK
}

func (s series) mean() wide     { return s.sum.quo(wideInt(s.n)) }
func (s series) variance() wide { return s.spread.quo(wideInt(s.n - 1)) }

// covariance of two variables of the same units, given the sum of their products.
func covariance(a, b series, products float64) wide {
	return wideOf(products).sub(a.sum.mul(b.sum).quo(wideInt(a.n))).quo(wideInt(a.n - 1))
}

const (
	// impossible is how far below 0 a variance may be, as a share of the squares
	// it was formed from, before its sums cannot come from data.
	impossible = 1e-9
	// roundoff is the share that rounding each sum to float64 can leave.
	roundoff = 0x1p-51
)

// quadratic cleans a variance: what rounding of the sums left is 0, and what is
// below 0 by more than that is invalid. size is the sum of the terms' magnitudes.
func quadratic(v, size wide) (wide, Status) {
	size = size.abs()
	switch {
	case v.sign() < 0 && size.times(impossible).less(v.abs()):
		return v, InvalidInput
	case v.less(size.times(roundoff)):
		return wideOf(0), OK
	}
	return v, OK
}

// mostUnits is more than there are, and exact in float64.
const mostUnits = 1 << 53

// enough says whether n units have a variance.
func enough(n int64) Status {
	switch {
	case n < 0 || n > mostUnits:
		return InvalidInput
	case n == 0:
		return ZeroUsers
	case n == 1:
		return InsufficientUnits
	}
	return OK
}
