package main

import (
	"bytes"
	"math"
	"slices"

	"github.com/assaylabs/assay/stats"
)

func experiments() []experiment {
	return slices.Concat(fixedExperiments(), cupedExperiments(), normalExperiments(), rampExperiments(), lookExperiments(), shiftExperiments(), []experiment{
		{"Bayesian", 60_000, (*study).calibrate},
		{"planner, means, 80 % power", 100_000, (*study).planMeans},
		{"planner, rates, 90 % power", 100_000, (*study).planRates},
		{"planner, t-test of few, 80 % power", 100_000, (*study).planFew},
		{"20 metrics, 15 without effect", 100_000, (*study).correct},
		{"SRM, 60 daily looks", 100_000, (*study).watch},
		{"SRM, 60 daily looks, weights changed half-way", 40_000, (*study).watchEpochs},
		{"SRM, 49.5 % for 50 %", 2_000, (*study).mismatch},
		{"exact sums, shuffled and in shards", 1_000, (*study).replay},
	})
}

// calibrate draws effects from the prior that the engine is told of.
func (s *study) calibrate() {
	const units, spread = 500, 0.05
	spec := stats.Spec{Method: stats.Bayesian, Prior: stats.NormalPrior{SD: spread}}
	covered := 0
	var chance, won, loss, lost float64
	var said, came, count [10]float64
	for range s.runs {
		effect := spread * s.NormFloat64()
		c := s.judge(spec, s.normalArm(units, 1, 1), s.normalArm(units, 1+effect, 1))
		if holds(c.EffectCI, effect) {
			covered++
		}
		better := 0.0
		if effect > 0 {
			better = 1
		}
		bin := min(int(10*c.ChanceToWin), 9)
		said[bin], came[bin], count[bin] = said[bin]+c.ChanceToWin, came[bin]+better, count[bin]+1
		chance, won = chance+c.ChanceToWin, won+better
		loss, lost = loss+c.ExpectedLoss, lost+max(-effect, 0)
	}
	s.about(": coverage of the interval", covered, 0.95, 0.005)
	var worst float64 // in standard errors of a bin
	for i := range count {
		if count[i] > 100 {
			p := said[i] / count[i]
			worst = max(worst, math.Abs(came[i]/count[i]-p)/math.Sqrt(p*(1-p)/count[i]))
		}
	}
	s.value(": chance to win against wins, worst tenth, in standard errors", worst, 0, 3.6)
	s.value(": loss came to, of the loss expected", lost/loss, 1-6/math.Sqrt(float64(s.runs)), 1+6/math.Sqrt(float64(s.runs)))
}

func (s *study) planMeans() {
	size, _ := stats.SizePlan{Alpha: 0.05, Power: 0.8, Sides: 2, Ratio: 2}.Means(4, 0.25)
	control, treatment := int(math.Ceil(size.Control)), int(math.Ceil(size.Treatment))
	s.found(0.8, func() (stats.Arm, stats.Arm) {
		return s.normalArm(control, 10, 4), s.normalArm(treatment, 10.25, 4)
	})
}

func (s *study) planRates() {
	size, _ := stats.SizePlan{Alpha: 0.05, Power: 0.9, Sides: 2, Ratio: 1}.Proportions(0.1, 0.11)
	n := int(math.Ceil(size.Unpooled))
	s.found(0.9, func() (stats.Arm, stats.Arm) {
		return stats.ProportionArm{N: int64(n), Sum: float64(s.binomial(n, 0.1))},
			stats.ProportionArm{N: int64(n), Sum: float64(s.binomial(n, 0.11))}
	})
}

func (s *study) planFew() {
	plan := stats.SizePlan{Alpha: 0.05, Power: 0.8, Sides: 2, Ratio: 1}
	size, _ := plan.TMeans(1)
	n := int(math.Ceil(size))
	s.found(plan.TPower(1, float64(n)), func() (stats.Arm, stats.Arm) {
		return s.normalArm(n, 0, 1), s.normalArm(n, 1, 1)
	})
}

// found expects the power of a fixed test.
func (s *study) found(power float64, arms func() (stats.Arm, stats.Arm)) {
	hits := 0
	for range s.runs {
		control, treatment := arms()
		if s.judge(stats.Spec{Method: stats.Fixed}, control, treatment).Significant {
			hits++
		}
	}
	s.about(": power", hits, power, 0.0042)
}

// correct counts wrong claims under Holm, and their share under Benjamini and
// Hochberg.
func (s *study) correct() {
	const metrics, nulls = 20, 15
	familyWise := 0
	var share, found float64
	p := make([]float64, metrics)
	for range s.runs {
		for i := range p {
			z := s.NormFloat64()
			if i >= nulls {
				z += 3
			}
			p[i] = math.Erfc(math.Abs(z) / math.Sqrt2)
		}
		adjusted, _ := stats.AdjustP(p)
		wrong, claims, any := 0.0, 0.0, false
		for i := range p {
			any = any || i < nulls && adjusted.Holm[i] <= 0.05
			if adjusted.BH[i] <= 0.05 {
				claims++
				if i < nulls {
					wrong++
				}
			}
		}
		if any {
			familyWise++
		}
		share += wrong / max(claims, 1)
		found += claims - wrong
	}
	s.atMost(": any wrong claim, Holm", familyWise, 0.05)
	s.row(": wrong claims of all, Benjamini-Hochberg", share/float64(s.runs), 0, 0.05)
	s.row(": effects found, Benjamini-Hochberg", found/float64(s.runs)/(metrics-nulls), 0.4, 1)
}

const srmAlarm = 0.001

// watch alarms over units split as planned.
func (s *study) watch() {
	s.alarms([][]float64{{1, 1}}, 1, func(rate float64) {
		s.row(": alarms", rate, 0, srmAlarm+s.slack(srmAlarm))
	})
}

func (s *study) watchEpochs() {
	s.alarms([][]float64{{90, 5, 5}, {1, 1, 1}}, 1, func(rate float64) {
		s.row(": alarms", rate, 0, srmAlarm+s.slack(srmAlarm))
	})
}

func (s *study) mismatch() {
	s.alarms([][]float64{{1, 1}}, 0.98, func(rate float64) {
		s.row(": found", rate, 0.99, 1)
	})
}

// alarms watches 10,000 units a day, whose first arm gets tilt times its share.
func (s *study) alarms(epochs [][]float64, tilt float64, report func(rate float64)) {
	const daily, days = 10_000, 60
	alarms := 0
	for range s.runs {
		sequence, _ := stats.NewSRMSequence(epochs[0], 0)
		for day := range days {
			epoch := day * len(epochs) / days
			if day > 0 && epoch > (day-1)*len(epochs)/days {
				sequence.Epoch(epochs[epoch])
			}
			look, _ := sequence.Add(s.split(daily, epochs[epoch], tilt))
			if look.P <= srmAlarm {
				alarms++
				break
			}
		}
	}
	report(float64(alarms) / float64(s.runs))
}

// split deals units to arms, one arm after the other.
func (s *study) split(units int, weights []float64, tilt float64) []float64 {
	users := make([]float64, len(weights))
	var rest float64
	for _, weight := range weights {
		rest += weight
	}
	for i, weight := range weights[:len(weights)-1] {
		n := s.binomial(units, tilt*weight/rest)
		users[i] = float64(n)
		units, rest, tilt = units-n, rest-weight, 1
	}
	users[len(users)-1] = float64(units)
	return users
}

// replay sums money, in another order and in shards, and compares every bit.
func (s *study) replay() {
	spent := lognormal(2, 1)
	different := 0
	for range s.runs {
		values := make([]float64, 500)
		for i := range values {
			values[i] = spent.draw(s.Rand)
			if i%7 == 0 {
				values[i] *= -1e9
			}
		}
		whole := exactly(values)
		s.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		shards := 2 + s.IntN(15)
		var sum, squares stats.ExactSum
		for shard := range shards {
			var some, someSquares stats.ExactSum
			for i := shard; i < len(values); i += shards {
				some.Add(values[i])
				someSquares.AddSquare(values[i])
			}
			sum.Merge(&some)
			squares.Merge(&someSquares)
		}
		if !bytes.Equal(whole, marshal(&sum, &squares)) {
			different++
		}
	}
	s.value(": runs that differ in a bit", float64(different), 0, 0)
}

func exactly(values []float64) []byte {
	var sum, squares stats.ExactSum
	for _, x := range values {
		sum.Add(x)
		squares.AddSquare(x)
	}
	return marshal(&sum, &squares)
}

func marshal(sum, squares *stats.ExactSum) []byte {
	data, _ := sum.AppendBinary(nil)
	data, _ = squares.AppendBinary(data)
	return data
}
