package stats

import (
	"encoding/json"
	"math"
	"slices"
)

// armInput reads an arm of any kind.
type armInput struct {
	Arm
}

func (a *armInput) UnmarshalJSON(data []byte) error {
	var kind struct{ Kind string }
	if err := json.Unmarshal(data, &kind); err != nil {
		return err
	}
	fields := map[string]number{}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	for name, value := range raw {
		var n number
		if json.Unmarshal(value, &n) == nil {
			fields[name] = n
		}
	}
	f := func(name string) float64 { return float64(fields[name]) }
	n := func(name string) int64 { return count(f(name)) }
	switch kind.Kind {
	case "mean":
		a.Arm = MeanArm{n("n"), f("sum"), f("sumsq")}
	case "moments":
		a.Arm = MomentsArm{n("n"), f("mean"), f("m2")}
	case "proportion":
		a.Arm = ProportionArm{n("n"), f("sum")}
	case "ratio":
		a.Arm = RatioArm{n("n"), f("num_sum"), f("num_sumsq"), f("den_sum"), f("den_sumsq"), f("num_den_sum")}
	case "cuped_mean":
		a.Arm = CupedMeanArm{n("n"), f("sum"), f("sumsq"), f("pre_sum"), f("pre_sumsq"), f("post_pre_sum")}
	case "cuped_ratio":
		a.Arm = CupedRatioArm{
			N:   n("n"),
			Num: f("num_sum"), NumSq: f("num_sumsq"), Den: f("den_sum"), DenSq: f("den_sumsq"), NumDen: f("num_den_sum"),
			PreNum: f("pre_num_sum"), PreNumSq: f("pre_num_sumsq"),
			PreDen: f("pre_den_sum"), PreDenSq: f("pre_den_sumsq"), PreNumPreDen: f("prenum_preden_sum"),
			NumPreNum: f("num_prenum_sum"), NumPreDen: f("num_preden_sum"),
			DenPreNum: f("prenum_den_sum"), DenPreDen: f("den_preden_sum"),
		}
	case "quantile", "quantile_clustered":
		q := QuantileArm{n("n"), n("n_star"), f("nu"), f("quantile_hat"), f("quantile_lower"), f("quantile_upper")}
		a.Arm = q
		if kind.Kind == "quantile_clustered" {
			a.Arm = ClusteredQuantileArm{q, RatioArm{
				n("n_clusters"), f("num_sum"), f("num_sumsq"), f("den_sum"), f("den_sumsq"), f("num_den_sum"),
			}}
		}
	}
	return nil
}

// count makes what is no count one that every check refuses.
func count(x float64) int64 {
	if x != math.Trunc(x) || math.Abs(x) > 1<<62 || math.IsNaN(x) {
		return -1
	}
	return int64(x)
}

type armInputs struct{ Arm, Control, Treatment armInput }

type settingsInput struct {
	Alpha             *number
	Null              number
	Alternative, Lift string
	RelativeGradient  string `json:"relative_gradient"`
	UpperPercentile   number `json:"upper_percentile"`
	IgnoreZeros       bool   `json:"ignore_zeros"`
}

// level is 0, which means the default, only where there is none.
func (s settingsInput) level() float64 {
	switch {
	case s.Alpha == nil:
		return 0
	case *s.Alpha == 0:
		return -1
	}
	return float64(*s.Alpha)
}

func (s settingsInput) settings() Settings {
	return Settings{s.level(), Alternative(s.Alternative), Lift(s.Lift), float64(s.Null)}
}

func (t Test) values() values {
	return values{
		"estimate": t.Estimate, "se": t.SE, "stat": t.Stat, "df": t.DF, "p": t.P, "log10_p": t.Log10P,
		"ci_lower": t.Interval.Lower, "ci_upper": t.Interval.Upper,
	}
}

// twoArmTest answers with a test of two arms.
func twoArmTest(test func(control, treatment Arm, s Settings) (Test, Status)) oracle {
	return func(c oracleCase) (values, Status) {
		arms, params := decode[armInputs](c.Inputs), decode[settingsInput](c.Params)
		answer, status := test(arms.Control.Arm, arms.Treatment.Arm, params.settings())
		if status != OK {
			return nil, status
		}
		got := answer.values()
		effect, _ := effectOf(arms.Control.Arm, arms.Treatment.Arm, Absolute, 0)
		got["control_value"], got["treatment_value"] = effect.control, effect.treatment
		return got, OK
	}
}

func fixedOracles() map[string]oracle {
	return map[string]oracle{
		"welch_t":    twoArmTest(Welch),
		"student_t":  twoArmTest(StudentT),
		"z_unpooled": twoArmTest(ZUnpooled),
		"z_pooled": twoArmTest(func(control, treatment Arm, s Settings) (Test, Status) {
			return ZPooled(control.(ProportionArm), treatment.(ProportionArm), s)
		}),
		"quantile_welch_t":    twoArmTest(QuantileWelch),
		"cuped_welch_t":       cupedTest,
		"cuped_ratio_welch_t": cupedTest,
		"winsorized_welch_t": func(c oracleCase) (values, Status) {
			in := decode[struct {
				Control   numbers `json:"control_values"`
				Treatment numbers `json:"treatment_values"`
			}](c.Inputs)
			params := decode[settingsInput](c.Params)
			test, status := WinsorizedWelch(in.Control, in.Treatment, float64(params.UpperPercentile), params.IgnoreZeros, params.settings())
			got := test.values()
			got["cap"] = test.Cap
			got["control_sum"], got["control_sumsq"] = test.ControlSum, test.ControlSumSq
			got["treatment_sum"], got["treatment_sumsq"] = test.TreatmentSum, test.TreatmentSumSq
			return got, status
		},
		"quantile_ci_ranks": func(c oracleCase) (values, Status) {
			in := decode[struct{ N, Q number }](c.Inputs)
			ranks, status := QuantileCIRanks(count(float64(in.N)), float64(in.Q), decode[settingsInput](c.Params).level())
			return values{"rank_lower": ranks.Lower, "rank_upper": ranks.Upper, "coverage": ranks.Coverage}, status
		},
		"accumulate":            accumulate,
		"fieller_ci":            ratioCI(FiellerCI),
		"log_ratio_ci":          ratioCI(LogRatioCI),
		"wilson_ci":             oneProportion(WilsonCI),
		"clopper_pearson_ci":    oneProportion(ClopperPearsonCI),
		"newcombe_ci":           twoProportions(NewcombeCI),
		"miettinen_nurminen_ci": twoProportions(MiettinenNurminenCI),
		"fisher_exact": func(c oracleCase) (values, Status) {
			arms, params := decode[armInputs](c.Inputs), decode[settingsInput](c.Params)
			test, status := FisherExact(arms.Control.Arm.(ProportionArm), arms.Treatment.Arm.(ProportionArm), Alternative(params.Alternative))
			return values{"p": test.P, "log10_p": test.Log10P}, status
		},
	}
}

func cupedTest(c oracleCase) (values, Status) {
	arms, params := decode[armInputs](c.Inputs), decode[settingsInput](c.Params)
	test, status := CupedWelch(arms.Control.Arm.(CupedArm), arms.Treatment.Arm.(CupedArm), params.settings(), Gradient(params.RelativeGradient))
	got := test.values()
	got["theta"] = test.Theta
	got["variance_reduction_control"], got["variance_reduction_treatment"] = test.ReductionControl, test.ReductionTreatment
	return got, status
}

// accumulate feeds the stream in order, backwards, and dealt to shards that are
// merged, and expects the same of each.
func accumulate(c oracleCase) (values, Status) {
	in := decode[struct{ Runs [][2]number }](c.Inputs)
	var all []float64
	for _, run := range in.Runs {
		if !allFinite(float64(run[0]), float64(run[1])) || run[1] < 0 {
			return nil, InvalidInput
		}
		all = append(all, slices.Repeat([]float64{float64(run[0])}, int(run[1]))...)
	}
	if len(all) == 0 {
		return nil, ZeroUsers
	}
	var want MomentsArm
	var total float64
	for _, shards := range []int{1, 2, 3, 7, 16} {
		sums, squares := make([]ExactSum, shards), make([]ExactSum, shards)
		for i, x := range all {
			if shards%2 == 0 {
				x = all[len(all)-1-i]
			}
			sums[i%shards].Add(x)
			squares[i%shards].AddSquare(x)
		}
		for i := 1; i < shards; i++ {
			sums[0].Merge(&sums[i])
			squares[0].Merge(&squares[i])
		}
		got := Moments(int64(len(all)), &sums[0], &squares[0])
		if shards > 1 && got != want {
			panic("a sum depends on order or shards")
		}
		want, total = got, sums[0].Float64()
	}
	got := values{"n": want.N, "sum": total, "mean": want.Mean}
	if want.N > 1 {
		got["variance"] = want.M2 / float64(want.N-1)
	}
	return got, OK
}

func ratioCI(interval func(control, treatment Arm, alpha float64) (RatioCI, Status)) oracle {
	return func(c oracleCase) (values, Status) {
		arms := decode[armInputs](c.Inputs)
		ci, status := interval(arms.Control.Arm, arms.Treatment.Arm, decode[settingsInput](c.Params).level())
		return values{
			"estimate": ci.Estimate, "g": ci.G, "se_log": ci.SE, "df": ci.DF,
			"ci_lower": ci.Interval.Lower, "ci_upper": ci.Interval.Upper,
		}, status
	}
}

func oneProportion(interval func(arm ProportionArm, alpha float64) (ProportionCI, Status)) oracle {
	return func(c oracleCase) (values, Status) {
		arm := decode[armInputs](c.Inputs).Arm.Arm.(ProportionArm)
		ci, status := interval(arm, decode[settingsInput](c.Params).level())
		return ci.values(), status
	}
}

func twoProportions(interval func(control, treatment ProportionArm, alpha float64) (ProportionCI, Status)) oracle {
	return func(c oracleCase) (values, Status) {
		arms := decode[armInputs](c.Inputs)
		ci, status := interval(arms.Control.Arm.(ProportionArm), arms.Treatment.Arm.(ProportionArm), decode[settingsInput](c.Params).level())
		return ci.values(), status
	}
}

func (ci ProportionCI) values() values {
	return values{"estimate": ci.Estimate, "ci_lower": ci.Interval.Lower, "ci_upper": ci.Interval.Upper}
}
