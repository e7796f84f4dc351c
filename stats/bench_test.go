package stats

import "testing"

// BenchmarkAnalyze is one metric of two arms, as every read of results pays for
// each day of its series.
func BenchmarkAnalyze(b *testing.B) {
	control, treatment := MeanArm{50_000, 512_000, 9_010_000}, MeanArm{51_000, 544_000, 9_990_000}
	cuped := CupedMeanArm{2000, 100_000, 5_799_600, 96_000, 5_329_639, 5_521_639}
	for _, c := range []struct {
		name   string
		method Method
		arms   []Arm
	}{
		{"sequential mean", Sequential, []Arm{control, treatment}},
		{"fixed mean", Fixed, []Arm{control, treatment}},
		{"bayesian mean", Bayesian, []Arm{control, treatment}},
		{"sequential proportion", Sequential, []Arm{ProportionArm{50_000, 5000}, ProportionArm{50_000, 5200}}},
		{"fixed few proportion", Fixed, []Arm{ProportionArm{50_000, 5}, ProportionArm{50_000, 12}}},
		{"sequential cuped", Sequential, []Arm{cuped, cuped}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := Analyze(Spec{Method: c.method}, c.arms); r.Comparisons[0].Status != OK {
					b.Fatal(r.Comparisons[0].Status)
				}
			}
		})
	}
}
