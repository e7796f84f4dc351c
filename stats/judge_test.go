package stats

import (
	"math"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9*math.Abs(want)+1e-300) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func nearInterval(t *testing.T, what string, got, want Interval) {
	t.Helper()
	near(t, what+" lower", got.Lower, want.Lower)
	near(t, what+" upper", got.Upper, want.Upper)
}

func only(t *testing.T, spec Spec, control, treatment Arm) Comparison {
	t.Helper()
	result := Analyze(spec, []Arm{control, treatment})
	if len(result.Arms) != 2 || len(result.Comparisons) != 1 {
		t.Fatalf("%d arms and %d comparisons", len(result.Arms), len(result.Comparisons))
	}
	return result.Comparisons[0]
}

func revenue() (control, treatment MeanArm) {
	return MeanArm{5000, 51200, 901000}, MeanArm{5100, 54400, 999000}
}

func TestAFixedTestIsWelchAndFieller(t *testing.T) {
	control, treatment := revenue()
	c := only(t, Spec{Method: Fixed, Alpha: 0.01}, control, treatment)
	welch, _ := Welch(control, treatment, Settings{Alpha: 0.01})
	fieller, _ := FiellerCI(control, treatment, 0.01)
	near(t, "effect", c.Effect, welch.Estimate)
	near(t, "standard error", c.StdError, welch.SE)
	near(t, "log10 p", c.Log10P, welch.Log10P)
	nearInterval(t, "effect", c.EffectCI, welch.Interval)
	near(t, "lift", c.Lift, fieller.Estimate)
	nearInterval(t, "lift", c.LiftCI, fieller.Interval)
	near(t, "chance to win", c.ChanceToWin, normCDF(welch.Stat))
}

func TestASequentialTestIsASequence(t *testing.T) {
	control, treatment := revenue()
	c := only(t, Spec{Tuning: 20_000}, control, treatment)
	e, _ := effectOf(control, treatment, Absolute, 0)
	look, _ := Sequence{Alpha: 0.05, Tuning: 20_000, Alternative: TwoSided}.Look(e.estimate, e.se, float64(e.units))
	nearInterval(t, "effect", c.EffectCI, Interval{look.Lower, look.Upper})
	near(t, "p", c.P, look.P)
	if c.Status != OK || len(c.Flags) != 0 {
		t.Errorf("status %s, flags %v", c.Status, c.Flags)
	}
}

func TestABayesianPosteriorIsCredible(t *testing.T) {
	control, treatment := revenue()
	e, _ := effectOf(control, treatment, Absolute, 0)
	for _, prior := range []NormalPrior{{}, {Mean: 0.01, SD: 0.02, Relative: true}, {Mean: 0.2, SD: 0.1}} {
		want, _ := BayesNormal(e.estimate, e.se, prior.on(false, e.control), 0.05, true)
		c := only(t, Spec{Method: Bayesian, Goal: Decrease, Prior: prior}, control, treatment)
		near(t, "effect", c.Effect, want.Mean)
		nearInterval(t, "effect", c.EffectCI, Interval{want.Lower, want.Upper})
		near(t, "chance to win", c.ChanceToWin, want.ChanceToWin)
		near(t, "expected loss", c.ExpectedLoss, want.RiskTreatment)
		near(t, "lift", c.Lift, want.Mean/e.control)
	}
}

func TestThePastNarrowsTheEffect(t *testing.T) {
	control := CupedMeanArm{2000, 100_000, 5_799_600, 96_000, 5_329_639, 5_521_639}
	treatment := CupedMeanArm{2050, 105_575, 6_298_204.75, 97_580, 5_400_151.36, 5_783_467.216}
	c := only(t, Spec{Method: Fixed}, control, treatment)
	want, _ := CupedWelch(control, treatment, Settings{}, FullGradient)
	near(t, "effect", c.Effect, want.Estimate)
	near(t, "standard error", c.StdError, want.SE)
	nearInterval(t, "effect", c.EffectCI, want.Interval)
	if c.VarianceReduction < 0.88 || c.VarianceReduction > 0.91 {
		t.Errorf("variance reduction %v", c.VarianceReduction)
	}
	relative, _ := CupedWelch(control, treatment, Settings{Lift: Relative}, FullGradient)
	near(t, "lift", c.Lift, relative.Estimate)
	// Fieller's interval is about the delta method's where the control is well known.
	for _, ends := range [][2]float64{{c.LiftCI.Lower, relative.Interval.Lower}, {c.LiftCI.Upper, relative.Interval.Upper}} {
		if math.Abs(ends[0]-ends[1]) > 0.03*relative.SE {
			t.Errorf("lift's interval ends at %v, delta method's at %v", ends[0], ends[1])
		}
	}
	if result := Analyze(Spec{}, []Arm{control, treatment}); result.Arms[0].Mean != 50 {
		t.Errorf("an arm by itself is adjusted: mean %v", result.Arms[0].Mean)
	}
	shifted := treatment
	shifted.Pre, shifted.PreSq, shifted.PostPre = 107_580, 6_400_000, 6_300_000
	if c := only(t, Spec{}, control, shifted); !slices.Contains(c.Flags, PrePeriodImbalance) {
		t.Errorf("flags %v of arms that differed before", c.Flags)
	}
}

func TestADecreaseMayBeWanted(t *testing.T) {
	control, treatment := ProportionArm{100_000, 5000}, ProportionArm{100_000, 4000}
	for _, method := range []Method{Sequential, Fixed, Bayesian} {
		more := only(t, Spec{Method: method}, control, treatment)
		less := only(t, Spec{Method: method, Goal: Decrease}, control, treatment)
		if more.Direction != -1 || less.Direction != 1 {
			t.Errorf("%s: directions %d and %d", method, more.Direction, less.Direction)
		}
		near(t, "chance to win", less.ChanceToWin+more.ChanceToWin, 1)
		if less.ExpectedLoss > 1e-9 || more.ExpectedLoss < 0.009 {
			t.Errorf("%s: losses %v and %v", method, less.ExpectedLoss, more.ExpectedLoss)
		}
		if less.EffectCI != more.EffectCI || less.Lift != more.Lift {
			t.Errorf("%s: the goal changed the numbers", method)
		}
	}
}

func TestTooEarlyNothingIsClaimed(t *testing.T) {
	many := ProportionArm{1_000_000, 1000}
	for name, early := range map[string]struct {
		arm  Arm
		want bool
	}{
		"24 converted":               {ProportionArm{10_000, 24}, true},
		"25 converted":               {ProportionArm{10_000, 25}, false},
		"24 not converted":           {ProportionArm{10_000, 9976}, true},
		"999 units of a sum":         {MeanArm{999, 999, 2000}, true},
		"1,000 units of a sum":       {MeanArm{1000, 1000, 2000}, false},
		"nearly all from one unit":   {MeanArm{100_000, 1e6, 1e11}, true},
		"moments of nearly one unit": {MomentsArm{100_000, 10, 1e11}, true},
		"a ratio of few orders":      {RatioArm{10_000, 400, 18_000, 40, 40, 400}, true},
		"a ratio of many":            {RatioArm{10_000, 40_000, 180_000, 4000, 4000, 18_000}, false},
		"a quantile of few units":    {ClusteredQuantileArm{QuantileArm{90_000, 90_000, 0.5, 3, 2, 4}, RatioArm{900, 45_000, 2.3e6, 90_000, 9.1e6, 4.55e6}}, true},
	} {
		control := Arm(many)
		if _, proportion := early.arm.(ProportionArm); !proportion {
			control = early.arm
		}
		for _, arms := range [][2]Arm{{control, early.arm}, {early.arm, control}} {
			c := only(t, Spec{}, arms[0], arms[1])
			claims := c.EffectCI != everything() || c.LiftCI != everything() || c.P != 1
			if got := slices.Contains(c.Flags, BurnIn); c.Status != OK || got != early.want || claims == early.want {
				t.Errorf("%s: status %s, flags %v, interval %v", name, c.Status, c.Flags, c.EffectCI)
			}
		}
		if c := only(t, Spec{Method: Fixed}, control, early.arm); slices.Contains(c.Flags, BurnIn) {
			t.Errorf("%s: a fixed test waits", name)
		}
	}
}

func TestFewConversionsAreJudgedExactly(t *testing.T) {
	for _, c := range []struct{ control, treatment ProportionArm }{
		{ProportionArm{1000, 2}, ProportionArm{1000, 14}},
		{ProportionArm{1000, 0}, ProportionArm{1000, 9}},
		{ProportionArm{100, 0}, ProportionArm{100, 0}},
		{ProportionArm{99_000, 500}, ProportionArm{1000, 12}},
		{ProportionArm{50, 50}, ProportionArm{50, 39}},
	} {
		got := only(t, Spec{Method: Fixed}, c.control, c.treatment)
		if got.Status != OK || !slices.Contains(got.Flags, NormalApprox) {
			t.Errorf("%v: status %s, flags %v", c, got.Status, got.Flags)
		}
		checkCoherent(t, got)
		fisher, _ := FisherExact(c.control, c.treatment, TwoSided)
		if got.P < fisher.P*(1-1e-12) {
			t.Errorf("%v: p %v is less than Fisher's %v", c, got.P, fisher.P)
		}
		newcombe, _ := NewcombeCI(c.control, c.treatment, 0.05)
		if got.Significant && got.EffectCI != newcombe.Interval {
			t.Errorf("%v: %v is not Newcombe's %v", c, got.EffectCI, newcombe.Interval)
		}
		if zero := c.control.Sum == 0; zero != (got.LiftStatus == ZeroBaseline) {
			t.Errorf("%v: lift %s", c, got.LiftStatus)
		}
	}
}

func TestAnUncertainControlMakesTheLiftUnstable(t *testing.T) {
	control, treatment := MeanArm{2000, 400, 8000}, MeanArm{2000, 700, 8100}
	c := only(t, Spec{Method: Fixed}, control, treatment)
	if !slices.Contains(c.Flags, UnstableLift) || c.LiftStatus != OK {
		t.Errorf("flags %v, lift %s", c.Flags, c.LiftStatus)
	}
	c = only(t, Spec{Method: Fixed}, MeanArm{2000, 40, 8000}, treatment)
	if c.LiftStatus != UnboundedInterval || c.Status != OK || c.LiftCI != everything() {
		t.Errorf("status %s, lift %s %v", c.Status, c.LiftStatus, c.LiftCI)
	}
}

// TestAChangeOfWeightsIsNoEffect: rates move from 10 % to 20 % for both arms while
// the treatment's share grows, so that all units together seem to show an effect.
func TestAChangeOfWeightsIsNoEffect(t *testing.T) {
	epochs := [][]Arm{
		{ProportionArm{90_000, 9000}, ProportionArm{10_000, 1000}},
		{ProportionArm{10_000, 2000}, ProportionArm{90_000, 18_000}},
	}
	result := AnalyzeEpochs(Spec{Method: Fixed}, epochs)
	if c := result.Comparisons[0]; c.Effect != 0 || c.Significant {
		t.Errorf("effect %v of a shift of weights", c.Effect)
	}
	near(t, "control", result.Arms[0].Mean, 0.15)
	near(t, "treatment", result.Arms[1].Mean, 0.15)
	pooled := only(t, Spec{Method: Fixed}, ProportionArm{100_000, 11_000}, ProportionArm{100_000, 19_000})
	if !pooled.Significant {
		t.Fatal("the arms do not show what the epochs must avoid")
	}
	// An epoch that lacks an arm is left out.
	result = AnalyzeEpochs(Spec{Method: Fixed}, append(epochs, []Arm{ProportionArm{0, 0}, ProportionArm{5000, 5000}}))
	if c := result.Comparisons[0]; c.Effect != 0 || !slices.Contains(c.Flags, EpochsLeftOut) || c.Status != OK {
		t.Errorf("status %s, effect %v, flags %v", c.Status, c.Effect, c.Flags)
	}
	// Epochs of one allocation are as good as all units together, about.
	half := []Arm{ProportionArm{50_000, 5000}, ProportionArm{50_000, 5300}}
	twice := AnalyzeEpochs(Spec{Method: Fixed}, [][]Arm{half, half}).Comparisons[0]
	once := only(t, Spec{Method: Fixed}, ProportionArm{100_000, 10_000}, ProportionArm{100_000, 10_600})
	near(t, "effect", twice.Effect, once.Effect)
	near(t, "standard error", twice.StdError, once.StdError)
	if math.Abs(twice.Log10P/once.Log10P-1) > 1e-4 {
		t.Errorf("log10 p %v and %v", twice.Log10P, once.Log10P)
	}
}

// TestARampCountsByWhatItTells: an epoch in which few saw the treatment adds
// little to what is known, and must not drown what a later one says.
func TestARampCountsByWhatItTells(t *testing.T) {
	early := []Arm{ProportionArm{9900, 99}, ProportionArm{100, 0}} // one of 100 was to be expected
	late := []Arm{ProportionArm{5000, 100}, ProportionArm{5000, 100}}
	for _, method := range []Method{Fixed, Sequential, Bayesian} {
		alone := Analyze(Spec{Method: method}, late).Comparisons[0]
		both := AnalyzeEpochs(Spec{Method: method}, [][]Arm{early, late}).Comparisons[0]
		if both.Significant || both.StdError > alone.StdError || math.Abs(both.Effect) > 0.001 {
			t.Errorf("%s: %v ± %v, significant %v; without the early epoch %v ± %v",
				method, both.Effect, both.StdError, both.Significant, alone.Effect, alone.StdError)
		}
	}
	// The means are those of the units that are compared, so that they differ by
	// the effect.
	alone := []Arm{ProportionArm{5000, 2500}, ProportionArm{}}
	result := AnalyzeEpochs(Spec{Method: Fixed}, [][]Arm{alone, early, late})
	control, treatment := result.Arms[0], result.Arms[1]
	near(t, "effect", treatment.Mean-control.Mean, result.Comparisons[0].Effect)
	if control.Mean > 0.03 || control.Units != 19_900 {
		t.Errorf("control %v of %d units", control.Mean, control.Units)
	}
	result = AnalyzeEpochs(Spec{Method: Fixed}, [][]Arm{alone, alone})
	near(t, "a mean that is compared to nothing", result.Arms[0].Mean, 0.5)
}

func TestStatusesOfComparisons(t *testing.T) {
	good := MeanArm{100, 50, 100}
	for _, c := range []struct {
		control, treatment Arm
		status, lift       Status
	}{
		{good, MeanArm{}, ZeroUsers, ZeroUsers},
		{good, MeanArm{1, 2, 4}, InsufficientUnits, InsufficientUnits},
		{good, MeanArm{10, 2, -4}, InvalidInput, InvalidInput},
		{good, RatioArm{N: 10}, ZeroDenominator, ZeroDenominator},
		{MeanArm{10, 10, 10}, MeanArm{10, 20, 40}, ZeroVariance, ZeroVariance},
		{MeanArm{100, 0, 100}, good, OK, ZeroBaseline},
	} {
		got := only(t, Spec{Method: Fixed}, c.control, c.treatment)
		if got.Status != c.status || got.LiftStatus != c.lift {
			t.Errorf("%+v against %+v: %s and %s, want %s and %s", c.treatment, c.control, got.Status, got.LiftStatus, c.status, c.lift)
		}
	}
	if r := Analyze(Spec{Method: "guess"}, []Arm{good, good}); len(r.Comparisons) != 0 {
		t.Errorf("an unknown method gives %+v", r)
	}
}

func TestCorrectedPsAreThoseOfAdjustP(t *testing.T) {
	arms := []Arm{ProportionArm{10_000, 1000}}
	for _, converted := range []float64{1090, 1065, 1110, 1001, 1090} {
		arms = append(arms, ProportionArm{10_000, converted})
	}
	for _, correction := range []Correction{NoCorrection, Holm, BenjaminiHochberg} {
		result := Analyze(Spec{Method: Fixed}, arms)
		var all []*Comparison
		var p []float64
		for i := range result.Comparisons {
			all = append(all, &result.Comparisons[i])
			p = append(p, result.Comparisons[i].P)
		}
		adjusted, _ := AdjustP(p)
		want := map[Correction][]float64{NoCorrection: p, Holm: adjusted.Holm, BenjaminiHochberg: adjusted.BH}[correction]
		Correct(correction, 0.05, all)
		for i, c := range all {
			near(t, string(correction), c.PAdjusted, want[i])
			if c.P != p[i] || c.Significant != (want[i] < 0.05) {
				t.Errorf("%s: p %v, adjusted %v, significant %v", correction, c.P, c.PAdjusted, c.Significant)
			}
		}
	}
}

func TestCorrectKeepsTheOrderOfTheSmallest(t *testing.T) {
	arms := []Arm{ProportionArm{1_000_000, 100_000}, ProportionArm{1_000_000, 300_000}, ProportionArm{1_000_000, 400_000}}
	result := Analyze(Spec{Method: Fixed}, arms)
	a, b := &result.Comparisons[0], &result.Comparisons[1]
	Correct(Holm, 0.05, []*Comparison{a, b})
	if a.P != 0 || b.P != 0 || a.Level <= b.Level {
		t.Errorf("levels %v and %v of log10 p %v and %v", a.Level, b.Level, a.Log10P, b.Log10P)
	}
}

// TestALopsidedSequentialTestIsCautious: a small arm that happens to vary less is
// not believed, but for a proportion, whose variance its mean tells.
func TestALopsidedSequentialTestIsCautious(t *testing.T) {
	large, small := MeanArm{95_000, 950_000, 95_000 * 500}, MeanArm{5000, 47_500, 5000 * 300}
	wary := only(t, Spec{}, large, small)
	near(t, "standard error", wary.StdError, math.Sqrt(400*(95_000./94_999)*(1./95_000+1./5000)))
	if plain := only(t, Spec{Method: Fixed}, large, small); plain.StdError >= wary.StdError {
		t.Errorf("standard errors %v fixed and %v sequential", plain.StdError, wary.StdError)
	}
	near(t, "the other way round", only(t, Spec{}, small, large).StdError, wary.StdError)
	rates := [2]Arm{ProportionArm{95_000, 9500}, ProportionArm{5000, 400}}
	near(t, "rates", only(t, Spec{}, rates[0], rates[1]).StdError, only(t, Spec{Method: Fixed}, rates[0], rates[1]).StdError)
}
