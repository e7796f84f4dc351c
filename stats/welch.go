package stats

import "math"

// Welch is Welch's t test of two arms of any kind.
func Welch(control, treatment Arm, s Settings) (Test, Status) {
	return unpooled(control, treatment, s, func(e effect) float64 { return e.df })
}

// ZUnpooled is Welch's test with the normal in place of Student's t.
func ZUnpooled(control, treatment Arm, s Settings) (Test, Status) {
	return unpooled(control, treatment, s, func(effect) float64 { return math.Inf(1) })
}

func unpooled(control, treatment Arm, s Settings, df func(effect) float64) (Test, Status) {
	s, status := s.defaults()
	if status != OK {
		return Test{}, status
	}
	e, status := effectOf(control, treatment, s.Lift, s.Null)
	if status != OK {
		return Test{}, status
	}
	return e.test(s, df(e)), OK
}

// ZPooled tests two proportions with the variance of all units taken together, as
// it is if the arms do not differ.
func ZPooled(control, treatment ProportionArm, s Settings) (Test, Status) {
	pool := func(c, t moments) (wide, Status) {
		p := wideOf(control.Sum).add(wideOf(treatment.Sum)).quo(wideInt(c.n + t.n))
		return p.mul(wideOf(1).sub(p)), OK
	}
	return pooled(control, treatment, s, pool, func(int64) float64 { return math.Inf(1) })
}

// StudentT is Student's test: one variance for both arms.
func StudentT(control, treatment Arm, s Settings) (Test, Status) {
	pool := func(c, t moments) (wide, Status) {
		squares := c.variance.mul(wideInt(c.n - 1)).add(t.variance.mul(wideInt(t.n - 1)))
		return squares.quo(wideInt(c.n + t.n - 2)), OK
	}
	return pooled(control, treatment, s, pool, func(units int64) float64 { return float64(units - 2) })
}

func pooled(control, treatment Arm, s Settings, pool func(c, t moments) (wide, Status), df func(units int64) float64) (Test, Status) {
	s, status := s.defaults()
	if status != OK {
		return Test{}, status
	}
	c, t, status := momentsOf(control, treatment)
	if status != OK {
		return Test{}, status
	}
	if c.variance, status = pool(c, t); status != OK {
		return Test{}, status
	}
	t.variance = c.variance
	e, status := compare(c, t, s.Lift, s.Null)
	if status != OK {
		return Test{}, status
	}
	return e.test(s, df(e.units)), OK
}
