package main

import (
	"math"

	"github.com/assaylabs/assay/stats"
)

// lookExperiments look daily until a planned end, by the engine.
func lookExperiments() []experiment {
	even := func(int) float64 { return 1 }
	// Traffic doubles every day of the first week, as a rollout lets it.
	rollout := func(day int) float64 { return math.Exp2(float64(min(day, 6) - 6)) }
	return []experiment{
		{"group sequential, 14 days, 10 % convert", 10_000, func(s *study) { s.lookAtRates(14, 1, 1000, 0.1, 0, even) }},
		{"group sequential, 14 days, 19:1, 1 % convert", 10_000, func(s *study) { s.lookAtRates(14, 19, 1000, 0.01, 0, even) }},
		{"group sequential, 14 days, 10 % convert, rollout", 10_000, func(s *study) { s.lookAtRates(14, 1, 2000, 0.1, 0, rollout) }},
		{"group sequential, 14 days, sums, lognormal sigma 2 capped, 9:1", 5_000, (*study).lookAtSums},
		{"group sequential, 14 days, the same units come again", 5_000, (*study).lookAtRegulars},
		// A fixed test of these finds 80 %, a confidence sequence 45 %.
		{"group sequential, 14 days, 10 % convert, true lift of 8.4 %", 10_000, func(s *study) { s.lookAtRates(14, 1, 1400, 0.1, 0.084, even) }},
	}
}

// atLevel computes the boundary of the level that decides alone: the others only
// make p-values.
func atLevel(plan stats.GroupPlan) (stats.GroupBoundary, stats.Status) {
	if plan.Alpha != 0.05 {
		return stats.GroupBoundary{}, stats.InvalidInput
	}
	return plan.Boundary()
}

// follow judges all looks and says whether one found something, and whether the
// intervals of all hold the true effect.
func (s *study) follow(planned int, looks []stats.Look, effect float64) (found, held bool) {
	held = true
	for _, r := range stats.AnalyzeLooks(stats.Spec{}, stats.Looks{Planned: planned, Boundary: atLevel}, looks) {
		c := r.Comparisons[0]
		s.check(c)
		found = found || c.Significant
		held = held && (c.Status != stats.OK || holds(c.EffectCI, effect))
	}
	return found, held
}

func (s *study) lookAtRates(days, share, units int, p, lift float64, traffic func(day int) float64) {
	found, held := 0, 0
	for range s.runs {
		var control, treatment stats.ProportionArm
		looks := make([]stats.Look, days)
		for day := range looks {
			n := int(math.Ceil(float64(units) * traffic(day)))
			control.N, treatment.N = control.N+int64(share*n), treatment.N+int64(n)
			control.Sum += float64(s.binomial(share*n, p))
			treatment.Sum += float64(s.binomial(n, p*(1+lift)))
			looks[day] = stats.Look{Step: day + 1, Epochs: [][]stats.Arm{{control, treatment}}}
		}
		f, h := s.follow(days, looks, p*lift)
		found, held = found+count(f), held+count(h)
	}
	if lift > 0 {
		s.atLeast(": found", found, 0.7)
		s.atLeast(": coverage of all looks", held, 0.95)
		return
	}
	s.lookRate(found)
}

// lookRate expects nearly all of the level to be used, and no more.
func (s *study) lookRate(found int) {
	s.row(": false positives", float64(found)/float64(s.runs), 0.035-s.slack(0.035), 0.05+s.slack(0.05))
}

func (s *study) lookAtSums() {
	const days, units, share = 14, 500, 9
	spent := lognormal(2, 0.99)
	spend := func(arm *stats.MeanArm, n int) {
		sum, squares := spent.sums(s.Rand, n)
		arm.N, arm.Sum, arm.SumSq = arm.N+int64(n), arm.Sum+sum, arm.SumSq+squares
	}
	found := 0
	for range s.runs {
		var control, treatment stats.MeanArm
		looks := make([]stats.Look, days)
		for day := range looks {
			spend(&control, share*units)
			spend(&treatment, units)
			looks[day] = stats.Look{Step: day + 1, Epochs: [][]stats.Arm{{control, treatment}}}
		}
		f, _ := s.follow(days, looks, 0)
		found += count(f)
	}
	s.atMost(": false positives", found, 0.05)
}

// lookAtRegulars has everybody come on the first day, and spend again on each
// after it, half of that by their own habit.
func (s *study) lookAtRegulars() {
	const days, units = 14, 2000
	found := 0
	for range s.runs {
		var looks [days]stats.Look
		for day := range looks {
			looks[day] = stats.Look{Step: day + 1, Epochs: [][]stats.Arm{{nil, nil}}}
		}
		for a := range 2 {
			// The means of habit and of each day's whim over the arm; within it,
			// totals have the variance of both.
			habit := s.NormFloat64() / math.Sqrt(units)
			mean := 0.0
			for day := range looks {
				mean += 10 + habit + s.NormFloat64()/math.Sqrt(units)
				d := float64(day + 1)
				looks[day].Epochs[0][a] = stats.MomentsArm{N: units, Mean: mean, M2: (d*d + d) * (units - 1)}
			}
		}
		f, _ := s.follow(days, looks[:], 0)
		found += count(f)
	}
	s.atMost(": false positives", found, 0.05)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
