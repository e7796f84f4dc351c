package stats

import "math"

// A Stratum is the two arms among units that share an attribute known before the
// experiment.
type Stratum struct {
	Control, Treatment Arm
}

// PostStratified weighs the effects within strata by the strata's shares of all
// units, which removes the chance imbalance between them. Its variance holds that
// of the shares, as multinomial, and that within strata; its degrees of freedom
// are Welch's of the arms summed over strata (Miratrix, Sekhon, Yu, JRSS B 75,
// 2013, after GrowthBook's use of it). All arms must be of one kind: means,
// proportions, ratios or means with a covariate, for which the effect within a
// stratum is that of an analysis of covariance.
func PostStratified(strata []Stratum, s Settings) (Test, Status) {
	s, status := s.defaults()
	if status != OK {
		return Test{}, status
	}
	if len(strata) == 0 {
		return Test{}, InvalidInput
	}
	var control, treatment Arm
	cells := make([]cell, len(strata))
	var units float64
	for i, stratum := range strata {
		var cellStatus Status
		cells[i], cellStatus = cellOf(stratum)
		status = worst(status, cellStatus)
		units += cells[i].units
		if i == 0 {
			control, treatment = stratum.Control, stratum.Treatment
			continue
		}
		var ok, alsoOK bool
		control, ok = joined(control, stratum.Control)
		treatment, alsoOK = joined(treatment, stratum.Treatment)
		if !ok || !alsoOK {
			return Test{}, InvalidInput
		}
	}
	if status != OK {
		return Test{}, status
	}
	whole, status := effectOf(control, treatment, s.Lift, s.Null)
	if status != OK {
		return Test{}, status
	}
	mean, covariance := pooledCells(cells, units)
	estimate, gradient, status := cellEffect(mean, s.Lift)
	if status != OK {
		return Test{}, status
	}
	var variance float64
	for i, row := range covariance {
		for j, v := range row {
			variance += gradient[i] * v * gradient[j]
		}
	}
	se := math.Sqrt(variance)
	if !(se > 0) {
		return Test{}, ZeroVariance
	}
	whole.estimate, whole.se, whole.stat = estimate, se, (estimate-s.Null)/se
	if !allFinite(estimate, se, whole.stat) {
		return Test{}, InvalidInput
	}
	return whole.test(s, whole.df), OK
}

// A cell is a stratum's means of four things and their covariance times its
// units: the control's numerator, what the treatment adds to it, the control's
// denominator, and what the treatment adds to that. A mean has the denominator 1.
type cell struct {
	units      float64
	mean       [4]float64
	covariance [4][4]float64
}

// side is one arm of a cell: means, variances and covariance over units of the
// numerator and the denominator.
type side struct {
	n, num, den            float64
	numVar, numDen, denVar float64
}

func cellOf(s Stratum) (cell, Status) {
	if c, cuped := s.Control.(CupedMeanArm); cuped {
		t, also := s.Treatment.(CupedMeanArm)
		if !also {
			return cell{}, InvalidInput
		}
		return cupedCell(c, t)
	}
	control, status := sideOf(s.Control)
	treatment, treatmentStatus := sideOf(s.Treatment)
	if status = worst(status, treatmentStatus); status != OK {
		return cell{}, status
	}
	n := control.n + treatment.n
	c, t := n/control.n, n/treatment.n
	made := cell{units: n, mean: [4]float64{
		control.num, treatment.num - control.num, control.den, treatment.den - control.den,
	}}
	made.covariance = symmetric([4][4]float64{
		{c * control.numVar, -c * control.numVar, c * control.numDen, -c * control.numDen},
		{0, c*control.numVar + t*treatment.numVar, -c * control.numDen, c*control.numDen + t*treatment.numDen},
		{0, 0, c * control.denVar, -c * control.denVar},
		{0, 0, 0, c*control.denVar + t*treatment.denVar},
	})
	return made, OK
}

func symmetric(upper [4][4]float64) (full [4][4]float64) {
	for i := range full {
		for j := range full {
			full[i][j] = upper[min(i, j)][max(i, j)]
		}
	}
	return full
}

func sideOf(arm Arm) (side, Status) {
	m, status := arm.moments()
	if status != OK {
		return side{}, status
	}
	switch a := arm.(type) {
	case MeanArm, ProportionArm:
		return side{n: float64(m.n), num: m.mean.float(), den: 1, numVar: m.variance.float()}, OK
	case RatioArm:
		num, _ := seriesOf(a.N, a.Num, a.NumSq)
		den, _ := seriesOf(a.N, a.Den, a.DenSq)
		return side{
			n: float64(a.N), num: num.mean().float(), den: den.mean().float(), numVar: num.variance().float(),
			numDen: covariance(num, den, a.NumDen).float(), denVar: den.variance().float(),
		}, OK
	}
	return side{}, InvalidInput
}

// cupedCell is an analysis of covariance: one slope on the covariate for both
// arms, and the control's mean where the covariate has its mean over the
// stratum, which is itself uncertain.
func cupedCell(control, treatment CupedMeanArm) (cell, Status) {
	c, status := covariedOf(control)
	t, treatmentStatus := covariedOf(treatment)
	if status = worst(status, treatmentStatus); status != OK {
		return cell{}, status
	}
	n := c.n + t.n
	if n <= 3 {
		return cell{}, InsufficientUnits
	}
	slope, perSlope := 0.0, 0.0
	if within := c.preSq + t.preSq; within > 0 {
		slope, perSlope = (c.cross+t.cross)/within, 1/within
	}
	noise := (c.postSq + t.postSq - slope*(c.cross+t.cross)) / (n - 3) * n
	gap := t.pre - c.pre
	off := -gap * t.n / n // of the control's covariate from the stratum's
	preVar := (c.preSq + t.preSq + gap*gap*c.n*t.n/n) / (n - 1)
	made := cell{units: n, mean: [4]float64{c.post - slope*off, t.post - c.post - slope*gap, 1, 0}}
	made.covariance = symmetric([4][4]float64{
		{noise*(1/c.n+off*off*perSlope) + (slope*slope+noise/n*perSlope)*preVar, noise * (off*gap*perSlope - 1/c.n)},
		{0, noise * (1/c.n + 1/t.n + gap*gap*perSlope)},
	})
	return made, OK
}

// covaried holds an arm's means and sums of squares and products around them.
type covaried struct {
	n, post, pre         float64
	postSq, preSq, cross float64
}

func covariedOf(a CupedMeanArm) (covaried, Status) {
	post, status := seriesOf(a.N, a.Sum, a.SumSq)
	pre, preStatus := seriesOf(a.N, a.Pre, a.PreSq)
	if status = worst(status, preStatus); status != OK {
		return covaried{}, status
	}
	if !finite(a.PostPre) {
		return covaried{}, InvalidInput
	}
	cross := covariance(post, pre, a.PostPre).mul(wideInt(a.N - 1))
	return covaried{
		n: float64(a.N), post: post.mean().float(), pre: pre.mean().float(),
		postSq: post.spread.float(), preSq: pre.spread.float(), cross: cross.float(),
	}, OK
}

// pooledCells weighs cells by their shares of units.
func pooledCells(cells []cell, units float64) (mean [4]float64, covariance [4][4]float64) {
	for _, c := range cells {
		for i := range mean {
			mean[i] += c.units / units * c.mean[i]
		}
	}
	for _, c := range cells {
		share := c.units / units
		for i := range mean {
			for j := range mean {
				between := (c.mean[i] - mean[i]) * (c.mean[j] - mean[j])
				covariance[i][j] += share * (between + c.covariance[i][j]) / units
			}
		}
	}
	return mean, covariance
}

// cellEffect is the difference of the two ratios, or the lift, with its gradient.
func cellEffect(mean [4]float64, lift Lift) (estimate float64, gradient [4]float64, status Status) {
	den := [2]float64{mean[2], mean[2] + mean[3]}
	if den[0] == 0 || den[1] == 0 {
		return 0, gradient, ZeroDenominator
	}
	control, treatment := mean[0]/den[0], (mean[0]+mean[1])/den[1]
	// By the control's ratio and by the treatment's.
	byControl, byTreatment := -1.0, 1.0
	estimate = treatment - control
	if lift == Relative {
		if control == 0 {
			return 0, gradient, ZeroBaseline
		}
		estimate /= math.Abs(control)
		byControl, byTreatment = -treatment/control/math.Abs(control), 1/math.Abs(control)
	}
	gradient[1] = byTreatment / den[1]
	gradient[3] = -byTreatment * treatment / den[1]
	gradient[0] = gradient[1] + byControl/den[0]
	gradient[2] = gradient[3] - byControl*control/den[0]
	return estimate, gradient, OK
}

// joined sums two arms of one kind.
func joined(a, b Arm) (Arm, bool) {
	switch a := a.(type) {
	case MeanArm:
		b, ok := b.(MeanArm)
		return MeanArm{a.N + b.N, a.Sum + b.Sum, a.SumSq + b.SumSq}, ok
	case ProportionArm:
		b, ok := b.(ProportionArm)
		return ProportionArm{a.N + b.N, a.Sum + b.Sum}, ok
	case RatioArm:
		b, ok := b.(RatioArm)
		return RatioArm{a.N + b.N, a.Num + b.Num, a.NumSq + b.NumSq, a.Den + b.Den, a.DenSq + b.DenSq, a.NumDen + b.NumDen}, ok
	case CupedMeanArm:
		b, ok := b.(CupedMeanArm)
		return a.plus(b), ok
	}
	return nil, false
}
