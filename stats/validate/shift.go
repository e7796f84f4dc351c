package main

import "github.com/assaylabs/assay/stats"

// shiftExperiments give the treatment more from stage to stage, within one phase,
// while rates rise for everybody.
func shiftExperiments() []experiment {
	return []experiment{
		{"fixed, 99:1, then 9:1, then 1:1, rates rise from 1 to 3 %", 40_000, func(s *study) { s.shift(stats.Fixed, 1) }},
		{"sequential, 60 days, 99:1, then 9:1, then 1:1, rates rise from 1 to 3 %", 10_000, func(s *study) { s.shift(stats.Sequential, 20) }},
	}
}

// shift looks so often at each of three stages. Only what a sequential test finds
// on the way counts.
func (s *study) shift(method stats.Method, looks int) {
	const units = 100_000 // of a stage
	positive := 0
	for range s.runs {
		var epochs [][]stats.Arm
		found := false
		for stage, share := range []int{99, 9, 1} {
			rate, treated := 0.01*float64(stage+1), units/looks/(share+1)
			var control, treatment stats.ProportionArm
			epochs = append(epochs, nil)
			for range looks {
				control.N += int64(share * treated)
				control.Sum += float64(s.binomial(share*treated, rate))
				treatment.N += int64(treated)
				treatment.Sum += float64(s.binomial(treated, rate))
				epochs[stage] = []stats.Arm{control, treatment}
				significant := s.judgeEpochs(stats.Spec{Method: method}, epochs).Significant
				found = significant || found && method == stats.Sequential
			}
		}
		if found {
			positive++
		}
	}
	if method == stats.Sequential {
		s.atMost(": false positives", positive, 0.05)
		return
	}
	s.about(": false positives", positive, 0.05, 0.003)
}
