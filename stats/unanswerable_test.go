package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestUnanswerable gives what cannot be answered and expects the reason.
func TestUnanswerable(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	sequence := func(alpha, tuning, estimate, se, n float64, alternative Alternative) Status {
		_, status := Sequence{alpha, tuning, alternative}.Look(estimate, se, n)
		return status
	}
	second := func(_ any, status Status) Status { return status }
	boundary := func(p GroupPlan) Status {
		_, status := p.Boundary()
		return status
	}
	begin := func(weights ...float64) Status {
		_, status := NewSRMSequence(weights, 0)
		return status
	}
	for name, c := range map[string]struct{ got, want Status }{
		"sequence, no error":              {sequence(0.05, 5000, 1, 0, 10, TwoSided), ZeroVariance},
		"sequence, estimate is NaN":       {sequence(0.05, 5000, nan, 1, 10, TwoSided), InvalidInput},
		"sequence, alpha 1":               {sequence(1, 5000, 1, 1, 10, TwoSided), InvalidInput},
		"sequence, one-sided alpha 0.5":   {sequence(0.5, 5000, 1, 1, 10, Greater), InvalidInput},
		"sequence, tuning 0":              {sequence(0.05, 0, 1, 1, 10, TwoSided), InvalidInput},
		"sequence, no units":              {sequence(0.05, 5000, 1, 1, 0, TwoSided), InvalidInput},
		"mixture, tau2 0":                 {second(MixtureSPRT(1, 1, 0, 0.05)), InvalidInput},
		"mixture, no error":               {second(MixtureSPRT(1, 0, 1, 0.05)), ZeroVariance},
		"anytime t, no degree of freedom": {second(AnytimeTTest(1, 2, 2, 1, 0.05)), InsufficientUnits},
		"anytime t, infinite":             {second(AnytimeTTest(inf, 10, 2, 1, 0.05)), InvalidInput},
		"Bayes, no error":                 {second(BayesNormal(1, 0, NormalPrior{SD: 1}, 0.05, false)), ZeroVariance},
		"Bayes, prior below 0":            {second(BayesNormal(1, 1, NormalPrior{SD: -1}, 0.05, false)), InvalidInput},
		"Bayes, share of nothing": {second(BayesCompare(
			MeanArm{9, 0, 9}, MeanArm{9, 1, 9}, Absolute, NormalPrior{SD: 1, Relative: true}, 0.05, false,
		)), ZeroBaseline},
		"sequence, alpha 0 and no units": {second(Sequence{0, 5000, TwoSided}.Compare(MeanArm{}, MeanArm{}, Absolute)), InvalidInput},
		"beta, no units":                 {second(BetaBinomial(ProportionArm{}, ProportionArm{1, 1}, 1, 1, 0.95)), ZeroUsers},
		"beta, prior 0":                  {second(BetaBinomial(ProportionArm{2, 1}, ProportionArm{1, 1}, 0, 1, 0.95)), InvalidInput},
		"bandit, no arm":                 {second(ThompsonNormal(nil, nil, 0, false)), InvalidInput},
		"bandit, known arm":              {second(ThompsonNormal([]float64{1, 2}, []float64{0, 1}, 0, false)), ZeroVariance},
		"SRM, no weight":                 {second(SRMChi2([]float64{0, 0}, []float64{1, 1})), InvalidInput},
		"SRM, no units":                  {second(SRMChi2([]float64{1, 1}, []float64{0, 0})), ZeroUsers},
		"SRM, leak":                      {second(SRMChi2([]float64{1, 0}, []float64{5, 1})), LeakedUsers},
		"SRM, arms amiss":                {second(SRMChi2([]float64{1, 1}, []float64{5})), InvalidInput},
		"SRM sequence, NaN":              {begin(1, nan), InvalidInput},
		"SRM sequence, no arm":           {begin(), InvalidInput},
		"adjust, nothing":                {second(AdjustP(nil)), InvalidInput},
		"adjust, NaN":                    {second(AdjustP([]float64{0.1, nan})), InvalidInput},
		"adjust, above 1":                {second(AdjustP([]float64{1.1})), InvalidInput},
		"boundary, unknown design":       {boundary(GroupPlan{Design: "x", Alpha: 0.05, Sides: 1}), InvalidInput},
		"boundary, no look":              {boundary(GroupPlan{Design: Pocock, Alpha: 0.05, Sides: 1}), InvalidInput},
		"boundary, information falls": {boundary(GroupPlan{
			Design: SpendingPocock, Alpha: 0.05, Sides: 2, Information: []float64{0.5, 0.4},
		}), InvalidInput},
		"boundary, information repeats": {boundary(GroupPlan{
			Design: SpendingPocock, Alpha: 0.05, Sides: 2, Information: []float64{0.5, 0.5},
		}), InvalidInput},
		"boundary, information above 1": {boundary(GroupPlan{
			Design: SpendingPower, Gamma: 1, Alpha: 0.05, Sides: 2, Information: []float64{0.5, 1.1},
		}), InvalidInput},
		"size, no effect":      {second(SizePlan{0.05, 0.8, 2, 1}.Means(1, 0)), InvalidInput},
		"size, no deviation":   {second(SizePlan{0.05, 0.8, 2, 1}.Means(0, 1)), ZeroVariance},
		"size, same rates":     {second(SizePlan{0.05, 0.8, 2, 1}.Proportions(0.1, 0.1)), InvalidInput},
		"size, power of 1":     {second(SizePlan{0.05, 1, 2, 1}.TMeans(1)), InvalidInput},
		"power, no units":      {second(PowerPlan{Alpha: 0.05, Sides: 2, Variations: 2}.Relative(Baseline{1, 1}, 0, 0.1)), ZeroUsers},
		"power, no baseline":   {second(PowerPlan{Alpha: 0.05, Sides: 2, Variations: 2}.Relative(Baseline{0, 1}, 10, 0.1)), ZeroBaseline},
		"power, no variance":   {second(PowerPlan{Alpha: 0.05, Sides: 2, Variations: 2}.Relative(ConversionBaseline(1), 10, 0.1)), ZeroVariance},
		"half-way, no error":   {second(MidPlan{Alpha: 0.05, TargetPower: 0.8, Variations: 2, GoalMetrics: 1}.Judge(0, 10)), ZeroVariance},
		"half-way, no goal":    {second(MidPlan{Alpha: 0.05, TargetPower: 0.8, Variations: 2}.Judge(1, 10)), InvalidInput},
		"strata, none":         {second(PostStratified(nil, Settings{})), InvalidInput},
		"strata, of two kinds": {second(PostStratified([]Stratum{{MeanArm{9, 9, 99}, MeanArm{9, 9, 99}}, {ProportionArm{9, 3}, ProportionArm{9, 3}}}, Settings{})), InvalidInput},
		"strata, an empty arm": {second(PostStratified([]Stratum{{ProportionArm{0, 0}, ProportionArm{9, 3}}}, Settings{})), ZeroUsers},
		"strata, all the same": {second(PostStratified([]Stratum{{ProportionArm{9, 0}, ProportionArm{9, 0}}}, Settings{})), ZeroVariance},
		"strata, no past":      {second(PostStratified([]Stratum{{CupedMeanArm{N: 1}, CupedMeanArm{N: 9}}}, Settings{})), InsufficientUnits},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", name, c.got, c.want)
		}
	}
}

// TestAnswersHoldNumbers gives any numbers at all and expects a reason, or numbers.
func TestAnswersHoldNumbers(t *testing.T) {
	number := rapid.OneOf(
		rapid.Float64(), rapid.Float64Range(0, 1), rapid.Float64Range(-1e3, 1e3),
		rapid.SampledFrom([]float64{0, 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), 5e-324, 1e308, -1e308}),
	)
	rapid.Check(t, func(t *rapid.T) {
		x := func(name string) float64 { return number.Draw(t, name) }
		hold := func(what string, status Status, answers ...float64) {
			for i, a := range answers {
				if status == OK && !finite(a) {
					t.Fatalf("%s: answer %d is %v", what, i, a)
				}
			}
		}
		look, status := Sequence{x("alpha"), x("tuning"), TwoSided}.Look(x("estimate"), x("se"), x("n"))
		hold("sequence", status, look.HalfWidth, look.Lower, look.Upper, look.LogEvalue, look.P, look.Log10P)
		look, status = Sequence{x("alpha"), x("tuning"), Greater}.Look(x("estimate"), x("se"), x("n"))
		hold("one-sided sequence", status, look.HalfWidth, look.Lower, look.LogEvalue, look.P, look.Log10P)
		mixture, status := MixtureSPRT(x("estimate"), x("se"), x("tau2"), x("alpha"))
		hold("mixture", status, mixture.LogLambda, mixture.P, mixture.Lower, mixture.Upper)
		rho, bound, status := NormalMixtureBound(x("v"), x("alpha"), x("vOpt"), x("alphaOpt"), rapid.Bool().Draw(t, "side"))
		hold("bound", status, rho, bound)
		anytime, status := AnytimeTTest(x("t"), x("n"), x("coefficients"), x("g"), x("alpha"))
		hold("anytime t", status, anytime.LogEvalue, anytime.P, anytime.ZRadius)
		post, status := BayesNormal(x("estimate"), x("se"), NormalPrior{Mean: x("mean"), SD: x("sd")}, x("alpha"), rapid.Bool().Draw(t, "inverse"))
		hold("Bayes", status, post.Mean, post.SD, post.ChanceToWin, post.Lower, post.Upper, post.RiskControl, post.RiskTreatment)
		check, status := SRMChi2([]float64{x("w"), x("w")}, []float64{x("u"), x("u")})
		hold("SRM", status, check.Chi2, check.P, check.Log10P)
		if sequence, status := NewSRMSequence([]float64{x("w"), x("w")}, x("concentration")); status == OK {
			look, status := sequence.Add([]float64{x("u"), x("u")})
			hold("SRM sequence", status, look.LogBF, look.P, look.Log10P, look.PosteriorProb)
		}
		plan := SizePlan{x("alpha"), x("power"), rapid.IntRange(1, 2).Draw(t, "sides"), x("ratio")}
		size, status := plan.Means(x("sd"), x("delta"))
		hold("size of means", status, size.Control, size.Treatment, size.Simple, size.PowerAtCeil)
		rates, status := plan.Proportions(x("p"), x("p"))
		hold("size of rates", status, rates.Pooled, rates.Unpooled, rates.Arcsine, rates.UnpooledPowerAtCeil)
		mde, status := plan.ProportionsMDE(x("p"), x("units"), x("share"))
		hold("change of a rate", status, mde.Up, mde.Down)
		power, status := PowerPlan{
			Alpha: x("alpha"), Sides: plan.Sides, Variations: rapid.IntRange(1, 5).Draw(t, "variations"), Tuning: x("tuning"),
		}.Relative(Baseline{x("mean"), x("variance")}, x("units"), x("lift"))
		hold("power", status, power)
		mid, status := MidPlan{
			Alpha: x("alpha"), TargetPower: x("power"), MDE: x("mde"), Tuning: x("tuning"), Variations: 2, GoalMetrics: 1,
		}.Judge(x("se"), x("units"))
		hold("half-way", status, mid.PowerNow, mid.PowerDouble, mid.ScalingFactor, mid.AdditionalUsers)
		bandit, status := ThompsonNormal([]float64{x("m"), x("m"), x("m")}, []float64{x("s"), x("s"), x("s")}, x("floor"), false)
		hold("bandit", status, append(bandit.Best, bandit.Weights...)...)
	})
}
