package main

import (
	"math"

	"github.com/assaylabs/assay/stats"
)

// A kind of metric draws an arm whose value is higher by a lift.
type kind struct {
	name  string
	value float64 // without a lift
	arm   func(s *study, lift float64) stats.Arm
}

// kinds are the kinds of metric at a realistic skew.
func kinds() []kind {
	revenue, session := lognormal(1.5, 0.99), lognormal(1, 1)
	revenueMean, sessionMean := revenue.mean(), session.mean()
	rate := func(name string, p float64, units int) kind {
		return kind{name, p, func(s *study, lift float64) stats.Arm {
			return stats.ProportionArm{N: int64(units), Sum: float64(s.binomial(units, p*(1+lift)))}
		}}
	}
	return []kind{
		rate("conversion, 2 %", 0.02, 5000),
		rate("retention, 35 %", 0.35, 2000),
		{"count, 60 % none", 0.4 * 3, func(s *study, lift float64) stats.Arm {
			arm := stats.MeanArm{N: 2000}
			for range s.binomial(2000, 0.4*(1+lift)) {
				x := float64(s.geometric(3))
				arm.Sum, arm.SumSq = arm.Sum+x, arm.SumSq+x*x
			}
			return arm
		}},
		{"sum, 10 % payers, lognormal capped", 0.1 * revenueMean, func(s *study, lift float64) stats.Arm {
			arm := stats.MeanArm{N: 5000}
			arm.Sum, arm.SumSq = revenue.sums(s.Rand, s.binomial(5000, 0.1*(1+lift)))
			return arm
		}},
		{"mean, lognormal", sessionMean, func(s *study, lift float64) stats.Arm {
			sum, squares := session.sums(s.Rand, 2000)
			return stats.MeanArm{N: 2000, Sum: sum * (1 + lift), SumSq: squares * (1 + lift) * (1 + lift)}
		}},
		{"ratio, revenue per order", revenueMean, func(s *study, lift float64) stats.Arm {
			const units = 1500
			arm := stats.RatioArm{N: units}
			for range units {
				orders := s.geometric(2)
				spent, _ := revenue.sums(s.Rand, orders)
				spent *= 1 + lift
				arm.Num, arm.NumSq = arm.Num+spent, arm.NumSq+spent*spent
				arm.Den, arm.DenSq = arm.Den+float64(orders), arm.DenSq+float64(orders*orders)
				arm.NumDen += spent * float64(orders)
			}
			return arm
		}},
		{"quantile, p90 of clustered latencies", latencyQuantile(0.9), func(s *study, lift float64) stats.Arm {
			return s.latencies(800, 0.9, 1+lift)
		}},
	}
}

// fixedExperiments look once: false positives of A/A tests, and how often the
// intervals hold the truth under a lift.
func fixedExperiments() []experiment {
	var all []experiment
	for _, k := range kinds() {
		all = append(all, experiment{"fixed, " + k.name, 66_000, func(s *study) { s.once(k) }})
	}
	return append(all,
		experiment{"fixed, 2 to 20 conversions per arm", 40_000, (*study).rare},
		experiment{"fixed, control known to 20 %, lift 50 %", 40_000, (*study).uncertain},
	)
}

// once judges pairs of arms without a lift, and every third with one.
func (s *study) once(k kind) {
	spec := stats.Spec{Method: stats.Fixed}
	const lift = 0.1
	var positive, lifted, holdsEffect, holdsLift int
	for i := range s.runs {
		control := k.arm(s, 0)
		if s.judge(spec, control, k.arm(s, 0)).Significant {
			positive++
		}
		if i%3 > 0 {
			continue
		}
		lifted++
		c := s.judge(spec, control, k.arm(s, lift))
		if holds(c.EffectCI, lift*k.value) {
			holdsEffect++
		}
		if holds(c.LiftCI, lift) {
			holdsLift++
		}
	}
	s.about(": A/A false positives", positive, 0.05, 0.003)
	s.runs = lifted
	s.about(": coverage of the effect", holdsEffect, 0.95, 0.005)
	s.about(": coverage of the lift", holdsLift, 0.95, 0.005)
}

func holds(ci stats.Interval, truth float64) bool {
	return ci.Lower <= truth && truth <= ci.Upper
}

// uncertain judges a lift over a control whose error is a fifth of its value, where
// the delta method misses to one side.
func (s *study) uncertain() {
	below, above := 0, 0
	for range s.runs {
		c := s.judge(stats.Spec{Method: stats.Fixed}, s.normalArm(400, 1, 4), s.normalArm(400, 1.5, 4))
		switch {
		case c.LiftCI.Lower > 0.5:
			above++
		case c.LiftCI.Upper < 0.5:
			below++
		}
	}
	s.about(": coverage of the lift", s.runs-below-above, 0.95, 0.005)
	s.about(": lift too high for the interval", below, 0.025, 0.004)
}

// rare judges rates that no normal describes.
func (s *study) rare() {
	var positive, covered int
	for i := range s.runs {
		p := []float64{0.002, 0.005, 0.01, 0.02}[i%4]
		control := stats.ProportionArm{N: 1000, Sum: float64(s.binomial(1000, p))}
		same := stats.ProportionArm{N: 1000, Sum: float64(s.binomial(1000, p))}
		if s.judge(stats.Spec{Method: stats.Fixed}, control, same).Significant {
			positive++
		}
		other := stats.ProportionArm{N: 1000, Sum: float64(s.binomial(1000, 1.5*p))}
		if c := s.judge(stats.Spec{Method: stats.Fixed}, control, other); c.Status != stats.OK || holds(c.EffectCI, p/2) {
			covered++
		}
	}
	s.atMost(": A/A false positives", positive, 0.05)
	s.atLeast(": coverage of the effect", covered, 0.949)
}

// cupedExperiments judge with a covariate.
func cupedExperiments() []experiment {
	var all []experiment
	for _, c := range []struct {
		name string
		rho  float64
	}{{"CUPED, rho 0.3", 0.3}, {"CUPED, rho 0.5", 0.5}, {"CUPED, rho 0.7", 0.7}, {"CUPED, rho 0.9", 0.9}} {
		all = append(all, experiment{c.name, 20_000, func(s *study) { s.adjusted(c.rho) }})
	}
	return all
}

func (s *study) adjusted(rho float64) {
	const units = 500 // per arm
	var positive int
	var reduction, plain, adjusted float64
	for range s.runs {
		control, treatment := s.cupedArm(units, 1, rho), s.cupedArm(units, 1, rho)
		c := s.judge(stats.Spec{Method: stats.Fixed}, control, treatment)
		if c.Significant {
			positive++
		}
		reduction += c.VarianceReduction / float64(s.runs)
		difference := (treatment.Sum - control.Sum) / units
		plain, adjusted = plain+difference*difference, adjusted+c.Effect*c.Effect
	}
	all := float64(2 * units * s.runs)
	slack := 3.3*2*rho*(1-rho*rho)/math.Sqrt(all) + 1.0/(2*units)
	s.value(": reduction of variance claimed", reduction, rho*rho-slack, rho*rho+slack)
	// The ratio of two variances that share the units' correlation.
	left := 1 - rho*rho
	slack = 3.3*2*left*rho/math.Sqrt(float64(s.runs)) + 1.0/units
	s.value(": variance left, as seen", adjusted/plain, left-slack, left+slack)
	s.about(": A/A false positives", positive, 0.05, 0.003)
}
