package stats

import (
	"math"
	"reflect"
	"slices"
	"testing"
)

// looksOf are days of even traffic, and what the arms had by the end of each.
func looksOf(days int, control, treatment ProportionArm) []Look {
	looks := make([]Look, days)
	for d := range looks {
		share := float64(d+1) / float64(days)
		part := func(a ProportionArm) ProportionArm {
			return ProportionArm{int64(float64(a.N) * share), math.Round(a.Sum * share)}
		}
		looks[d] = Look{Step: d + 1, Epochs: [][]Arm{{part(control), part(treatment)}}}
	}
	return looks
}

func TestOneLookIsATestAtItsEnd(t *testing.T) {
	control, treatment := revenue()
	result := AnalyzeLooks(Spec{}, Looks{Planned: 1}, []Look{{Step: 1, Epochs: [][]Arm{{control, treatment}}}})
	c := result[0].Comparisons[0]
	z := c.Effect / c.StdError
	half := normISF(0.025) * c.StdError
	near(t, "p", c.P, 2*normSF(math.Abs(z)))
	nearInterval(t, "effect", c.EffectCI, Interval{c.Effect - half, c.Effect + half})
}

// TestLooksStopAtTheBoundary compares every look with the boundary of its traffic.
func TestLooksStopAtTheBoundary(t *testing.T) {
	looks := looksOf(14, ProportionArm{140_000, 14_000}, ProportionArm{140_000, 14_400})
	plan := GroupPlan{Design: SpendingPower, Gamma: 2, Alpha: 0.05, Sides: 2}
	for d := range 14 {
		plan.Information = append(plan.Information, float64(d+1)/14)
	}
	boundary, _ := plan.Boundary()
	for d, r := range AnalyzeLooks(Spec{}, Looks{Planned: 14}, looks) {
		c := r.Comparisons[0]
		z := (c.EffectCI.Upper - c.Effect) / c.StdError
		// The variance differs a little from day to day.
		if math.Abs(z/boundary.Z[d]-1) > 0.002 {
			t.Errorf("day %d reaches %v standard errors, want about %v", d+1, z, boundary.Z[d])
		}
		if d == 0 && r.Arms[1].Units != 10_000 || d == 13 && r.Arms[1].Units != 140_000 {
			t.Errorf("day %d has %d units", d+1, r.Arms[1].Units)
		}
	}
	if z, status := (Looks{Planned: 14}).LastCritical(0.05); status != OK || math.Abs(z-boundary.Z[13]) > 1e-12 {
		t.Errorf("the last look needs %v, %s", z, status)
	}
}

// TestLooksAgreeWithThemselves holds p-values against intervals at many levels, also
// far out and through corrections.
func TestLooksAgreeWithThemselves(t *testing.T) {
	levels := []float64{1e-30, 1e-9, 1e-5, 0.0003, 0.004, 0.0125, 0.025, 0.05, 0.13, 0.4, 0.8}
	for _, converted := range []float64{5000, 5050, 5200, 5400, 6500, 50_000} {
		results := AnalyzeLooks(Spec{}, Looks{Planned: 10}, looksOf(7, ProportionArm{100_000, 5000}, ProportionArm{100_000, converted}))
		for day, r := range results {
			c := r.Comparisons[0]
			for _, level := range levels {
				at := c.at(level)
				byLift := at.LiftStatus == OK && at.LiftCI.excludes(0)
				if at.Significant != (c.Log10P < math.Log10(level)) || at.LiftStatus == OK && byLift != at.Significant {
					t.Errorf("%v converted, day %d, level %v: log p %v, effect %v, lift %v", converted, day+1, level, c.Log10P, at.EffectCI, at.LiftCI)
				}
			}
			two := []*Comparison{&c, new(r.Comparisons[0])}
			Correct(Holm, 0.05, two)
			if c.Significant != (c.PAdjusted < 0.05) {
				t.Errorf("%v converted, day %d: adjusted %v, significant %v", converted, day+1, c.PAdjusted, c.Significant)
			}
		}
	}
}

// TestLevelsBetweenKnots expects interpolated boundaries to be those computed.
func TestLevelsBetweenKnots(t *testing.T) {
	plan := GroupPlan{Design: SpendingPower, Gamma: 2, Sides: 2, Information: []float64{0.1, 0.3, 0.5, 0.55, 0.9, 1}}
	curves := Looks{Planned: 6}.curves(plan, 0.05)
	for _, level := range []float64{1e-7, 2e-5, 3e-4, 0.005, 0.0125, 0.05 / 3, 0.025, 0.1, 0.3} {
		plan.Alpha = level
		exact, _ := plan.Boundary()
		for i, want := range exact.NominalP {
			got := math.Exp(curves[i].nominal(math.Log(level)))
			if math.Abs(got/want-1) > 0.002 {
				t.Errorf("level %v, look %d: nominal p %v, want %v", level, i, got, want)
			}
			if back := curves[i].level(math.Log(got)); math.Abs(back-math.Log(level)) > 1e-9 {
				t.Errorf("level %v, look %d: and back %v", level, i, math.Exp(back))
			}
		}
	}
}

// TestALookThatWaitsLeavesItsAlpha expects days without claims to cost nothing.
func TestALookThatWaitsLeavesItsAlpha(t *testing.T) {
	few := Look{Step: 1, Epochs: [][]Arm{{ProportionArm{1000, 10}, ProportionArm{1000, 30}}}}
	between := Look{Epochs: [][]Arm{{ProportionArm{50_000, 5000}, ProportionArm{50_000, 6000}}}}
	last := Look{Step: 4, Epochs: [][]Arm{{ProportionArm{100_000, 10_000}, ProportionArm{100_000, 10_300}}}}
	results := AnalyzeLooks(Spec{}, Looks{Planned: 4}, []Look{few, between, last})
	for i, r := range results[:2] {
		c := r.Comparisons[0]
		if c.P != 1 || c.Significant || !math.IsInf(c.EffectCI.Upper, 1) || c.Effect == 0 {
			t.Errorf("state %d claims something: %+v", i, c)
		}
	}
	if !slices.Contains(results[0].Comparisons[0].Flags, BurnIn) {
		t.Errorf("flags %v", results[0].Comparisons[0].Flags)
	}
	c := results[2].Comparisons[0]
	near(t, "p", c.P, 2*normSF(math.Abs(c.Effect/c.StdError)))
}

func TestLooksWithoutAnswer(t *testing.T) {
	good := looksOf(3, ProportionArm{1000, 100}, ProportionArm{1000, 110})
	for name, results := range map[string][]Result{
		"no plan":     AnalyzeLooks(Spec{}, Looks{}, good),
		"no arms":     AnalyzeLooks(Spec{}, Looks{Planned: 3}, []Look{{Step: 1}}),
		"other arms":  AnalyzeLooks(Spec{}, Looks{Planned: 3}, append(good[:2:2], Look{Step: 3, Epochs: [][]Arm{{good[0].Epochs[0][0]}}})),
		"wrong alpha": AnalyzeLooks(Spec{Alpha: 2}, Looks{Planned: 3}, good),
	} {
		for _, r := range results {
			if len(r.Arms) != 0 || len(r.Comparisons) != 0 {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	if results := AnalyzeLooks(Spec{}, Looks{Planned: 3}, nil); len(results) != 0 {
		t.Errorf("%v of no looks", results)
	}
	nobody := []Look{{Step: 1, Epochs: [][]Arm{{ProportionArm{}, ProportionArm{}}}}, {Step: 2, Epochs: [][]Arm{{ProportionArm{1000, 0}, ProportionArm{1000, 0}}}}}
	for i, want := range []Status{ZeroUsers, ZeroVariance} {
		if c := AnalyzeLooks(Spec{}, Looks{Planned: 3}, nobody)[i].Comparisons[0]; c.Status != want {
			t.Errorf("look %d is %s, want %s", i, c.Status, want)
		}
	}
	// The same state again adds next to nothing, and must not be refused.
	same := Look{Epochs: [][]Arm{{ProportionArm{100_000, 5000}, ProportionArm{100_000, 5400}}}}
	var still []Look
	for d := range 30 {
		still = append(still, Look{Step: d + 1, Epochs: same.Epochs})
	}
	for d, r := range AnalyzeLooks(Spec{}, Looks{Planned: 30}, still) {
		if c := r.Comparisons[0]; c.Status != OK || !allFinite(c.P, c.EffectCI.Upper, c.LiftCI.Lower) {
			t.Errorf("day %d: %+v", d+1, c)
		}
	}
}

// BenchmarkLooks is what results pay for a metric of four weeks when nothing is
// remembered.
func BenchmarkLooks(b *testing.B) {
	looks := looksOf(28, ProportionArm{280_000, 28_000}, ProportionArm{280_000, 28_500})
	for b.Loop() {
		AnalyzeLooks(Spec{}, Looks{Planned: 28}, looks)
	}
}

// TestTheLastLookAloneIsTheSame asks for no more than the last result.
func TestTheLastLookAloneIsTheSame(t *testing.T) {
	looks := looksOf(9, ProportionArm{100_000, 5000}, ProportionArm{100_000, 5250})
	all := AnalyzeLooks(Spec{}, Looks{Planned: 14}, looks)
	last := AnalyzeLooks(Spec{}, Looks{Planned: 14, LastOnly: true}, looks)
	if len(last) != len(all) || !reflect.DeepEqual(last[8].Arms, all[8].Arms) || len(last[0].Arms[0].Status) > 0 {
		t.Errorf("the last is %+v of %d, not %+v of %d", last[8].Arms, len(last), all[8].Arms, len(all))
	}
	a, b := all[8].Comparisons[0], last[8].Comparisons[0]
	a.procedure, b.procedure = nil, nil
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%+v, alone %+v", a, b)
	}
}
