package main

import (
	"fmt"
	"math"

	"github.com/assaylabs/assay/stats"
)

// normalExperiments look daily at exactly normal statistics.
func normalExperiments() []experiment {
	return []experiment{
		{"14 daily looks, normal, fixed test (must fail to control)", 200_000, (*study).peekFixed},
		{"14 daily looks, normal, confidence sequence", 200_000, (*study).peekSequence},
		{"14 looks, O'Brien-Fleming", 400_000, func(s *study) { s.stop(stats.GroupPlan{Design: stats.OBrienFleming, Looks: 14}) }},
		{"14 looks, Pocock", 400_000, func(s *study) { s.stop(stats.GroupPlan{Design: stats.Pocock, Looks: 14}) }},
		{"looks at 10, 30, 60, 85, 100 %, spending t^2", 400_000, func(s *study) {
			s.stop(stats.GroupPlan{Design: stats.SpendingPower, Gamma: 2, Information: []float64{0.1, 0.3, 0.6, 0.85, 1}})
		}},
		{"60 daily looks, normal, true effect, confidence sequence", 20_000, (*study).cover},
	}
}

// walk calls look with the z statistic at each of so many equal looks until one stops.
func (s *study) walk(looks int, stop func(look int, z float64) bool) bool {
	var score float64
	for look := range looks {
		score += s.NormFloat64()
		if stop(look, score/math.Sqrt(float64(look+1))) {
			return true
		}
	}
	return false
}

func (s *study) peekFixed() {
	positive := 0
	for range s.runs {
		if s.walk(14, func(_ int, z float64) bool { return math.Abs(z) > 1.959963984540054 }) {
			positive++
		}
	}
	s.about(": false positives", positive, 0.219, 0.003)
}

func (s *study) peekSequence() {
	const daily = 1000
	sequence := stats.Sequence{Alpha: 0.05, Tuning: stats.DefaultTuning, Alternative: stats.TwoSided}
	positive := 0
	for range s.runs {
		if s.walk(14, func(day int, z float64) bool {
			look, _ := sequence.Look(z, 1, float64(daily*(day+1)))
			return look.P <= 0.05
		}) {
			positive++
		}
	}
	s.row(": false positives", float64(positive)/float64(s.runs), 0.008-s.slack(0.008), 0.05)
}

// stop walks to a group sequential boundary.
func (s *study) stop(plan stats.GroupPlan) {
	plan.Alpha, plan.Sides = 0.05, 2
	boundary, status := plan.Boundary()
	if status != stats.OK {
		s.row(": "+string(status), 1, 0, 0)
		return
	}
	information := plan.Information
	for i := range plan.Looks {
		information = append(information, float64(i+1)/float64(plan.Looks))
	}
	positive := 0
	for range s.runs {
		var score, before float64
		for i, t := range information {
			score += s.NormFloat64() * math.Sqrt(t-before)
			before = t
			if math.Abs(score) >= boundary.Z[i]*math.Sqrt(t) {
				positive++
				break
			}
		}
	}
	s.about(": false positives", positive, 0.05, 0)
}

// cover asks that the intervals of all looks together hold a true effect.
func (s *study) cover() {
	const daily, effect = 200, 0.1
	held, found := 0, 0
	for range s.runs {
		var control, treatment cumulative
		all, significant := true, false
		for range 60 {
			control.add(s.normalArm(daily, 1, 1))
			treatment.add(s.normalArm(daily, 1+effect, 1))
			sequence := stats.Sequence{Alpha: 0.05, Tuning: stats.DefaultTuning, Alternative: stats.TwoSided}
			look, status := sequence.Compare(control.arm(), treatment.arm(), stats.Absolute)
			all = all && status == stats.OK && look.Lower <= effect && effect <= look.Upper
			significant = significant || look.P <= 0.05
		}
		if all {
			held++
		}
		if significant {
			found++
		}
	}
	s.atLeast(": coverage of all looks", held, 0.95)
	s.atLeast(": effect of 0.1 deviations found", found, 0.95)
}

// cumulative sums the days of an arm.
type cumulative struct{ n, sum, squares float64 }

func (c *cumulative) add(day stats.MomentsArm) {
	n := float64(day.N)
	c.n += n
	c.sum += n * day.Mean
	c.squares += day.M2 + n*day.Mean*day.Mean
}

func (c *cumulative) arm() stats.MeanArm {
	return stats.MeanArm{N: int64(c.n), Sum: c.sum, SumSq: c.squares}
}

// A ramp sends share units to the control for each one of the treatment and is
// looked at after each step, by the engine with its burn-in.
type ramp struct {
	share int // 99 is 99:1
	step  int // units of the treatment per look
	looks int
}

// rampExperiments peek at lopsided allocations.
func rampExperiments() []experiment {
	var all []experiment
	for _, share := range []int{1, 9, 19, 99} {
		for _, p := range []float64{0.001, 0.01, 0.1} {
			// Two conversions a day in the small arm: out of burn-in on about day 13.
			slow := ramp{share: share, step: int(2 / p), looks: 60}
			name := fmt.Sprintf("sequential, 60 days, %d:1, %g %% convert", share, 100*p)
			all = append(all, experiment{name, 20_000, func(s *study) { s.convert(slow, p, 0) }})
		}
		fast := ramp{share: share, step: 1000, looks: 60}
		all = append(all, experiment{fmt.Sprintf("sequential, 60 days, %d:1, 1 %% convert, 10 a day", share), 20_000, func(s *study) {
			s.convert(fast, 0.01, 0)
		}})
	}
	for _, share := range []int{9, 19, 99} {
		often := ramp{share: share, step: 10, looks: 1500}
		all = append(all, experiment{fmt.Sprintf("sequential, 1,500 looks, %d:1, 1 %% convert", share), 20_000, func(s *study) {
			s.convert(often, 0.01, 0)
		}})
	}
	for _, share := range []int{1, 9, 19, 99} {
		everyone := ramp{share: share, step: 100, looks: 60}
		all = append(all, experiment{fmt.Sprintf("sequential, 60 days, %d:1, sums, lognormal sigma 2 capped", share), 20_000 / (1 + share/50), func(s *study) {
			s.spend(everyone, 1, 0.99)
		}})
		all = append(all, experiment{fmt.Sprintf("sequential, 60 days, %d:1, sums, lognormal sigma 2, no cap", share), 5_000 / (1 + share/50), func(s *study) {
			s.spend(everyone, 1, 1)
		}})
		payers := ramp{share: share, step: 1000, looks: 60}
		all = append(all, experiment{fmt.Sprintf("sequential, 60 days, %d:1, sums, 1 %% pay, lognormal sigma 2 capped", share), 20_000, func(s *study) {
			s.spend(payers, 0.01, 0.99)
		}})
	}
	return append(all, experiment{"sequential, 60 days, 19:1, 1 % convert, true lift of 50 %", 2_000, func(s *study) {
		s.convert(ramp{share: 19, step: 1000, looks: 60}, 0.01, 0.5)
	}})
}

// leastZ is below what a sequential test at 5 % asks for, 3.03 at its tightest, so
// that looks with less need not be judged.
const leastZ = 3.0

// convert peeks at a rate.
func (s *study) convert(r ramp, p, lift float64) {
	positive := 0
	for range s.runs {
		var control, treatment stats.ProportionArm
		for range r.looks {
			control.N += int64(r.share * r.step)
			control.Sum += float64(s.binomial(r.share*r.step, p))
			treatment.N += int64(r.step)
			treatment.Sum += float64(s.binomial(r.step, p*(1+lift)))
			pc, pt := control.Sum/float64(control.N), treatment.Sum/float64(treatment.N)
			variance := pc*(1-pc)/float64(control.N) + pt*(1-pt)/float64(treatment.N)
			if (pt-pc)*(pt-pc) > leastZ*leastZ*variance && s.judge(stats.Spec{}, control, treatment).Significant {
				positive++
				break
			}
		}
	}
	if lift > 0 {
		s.atLeast(": found", positive, 0.8)
		return
	}
	s.atMost(": false positives", positive, 0.05)
}

// spend peeks at the sum of what a share of units spends, capped at a quantile.
func (s *study) spend(r ramp, share, capAt float64) {
	spent := lognormal(2, capAt)
	day := func(arm *stats.MeanArm, units int) {
		payers := units
		if share < 1 {
			payers = s.binomial(units, share)
		}
		sum, squares := spent.sums(s.Rand, payers)
		arm.N, arm.Sum, arm.SumSq = arm.N+int64(units), arm.Sum+sum, arm.SumSq+squares
	}
	positive := 0
	for range s.runs {
		var control, treatment stats.MeanArm
		for range r.looks {
			day(&control, r.share*r.step)
			day(&treatment, r.step)
			nc, nt := float64(control.N), float64(treatment.N)
			difference := treatment.Sum/nt - control.Sum/nc
			variance := (control.SumSq/nc-control.Sum/nc*control.Sum/nc)/nc + (treatment.SumSq/nt-treatment.Sum/nt*treatment.Sum/nt)/nt
			if difference*difference > leastZ*leastZ*variance && s.judge(stats.Spec{}, control, treatment).Significant {
				positive++
				break
			}
		}
	}
	s.atMost(": false positives", positive, 0.05)
}
