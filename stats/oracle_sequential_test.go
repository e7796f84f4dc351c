package stats

import "encoding/json"

// judgingOracles answers for sequential and Bayesian tests of two arms.
func judgingOracles() map[string]oracle {
	return map[string]oracle{
		"asymp_cs":             sequenceOracle,
		"asymp_cs_path":        pathOracle,
		"msprt":                mixtureOracle,
		"bayes_normal":         bayesOracle,
		"beta_binomial":        betaBinomialOracle,
		"beta_binomial_log_bf": bayesFactorOracle,
		"mid_experiment_power": midPowerOracle,
		"poststratified_t":     poststratifiedOracle,
	}
}

func armsOf(data json.RawMessage) (control, treatment Arm) {
	arms := decode[armInputs](data)
	return arms.Control.Arm, arms.Treatment.Arm
}

func proportionsOf(c oracleCase) (control, treatment ProportionArm) {
	arms := decode[armInputs](c.Inputs)
	return arms.Control.Arm.(ProportionArm), arms.Treatment.Arm.(ProportionArm)
}

type sequenceParams struct {
	Lift          Lift
	Alternative   Alternative
	Alpha, Tuning number
}

func (p sequenceParams) sequence() Sequence {
	return Sequence{Alpha: float64(p.Alpha), Tuning: float64(p.Tuning), Alternative: p.Alternative}
}

func sequenceOracle(c oracleCase) (values, Status) {
	p := decode[sequenceParams](c.Params)
	control, treatment := armsOf(c.Inputs)
	look, status := p.sequence().Compare(control, treatment, p.Lift)
	return values{
		"estimate": look.Estimate, "se": look.SE, "rho": look.Rho, "halfwidth": look.HalfWidth,
		"ci_lower": look.Lower, "ci_upper": look.Upper,
		"log_evalue": look.LogEvalue, "p": look.P, "log10_p": look.Log10P,
	}, status
}

func pathOracle(c oracleCase) (values, Status) {
	p := decode[sequenceParams](c.Params)
	path := NewSequentialPath()
	var ps, lowers, uppers, runningP, runningLower, runningUpper []float64
	for _, arms := range decode[struct{ Looks []json.RawMessage }](c.Inputs).Looks {
		control, treatment := armsOf(arms)
		look, status := p.sequence().Compare(control, treatment, p.Lift)
		if status != OK {
			return nil, status
		}
		path = path.Then(look)
		ps, lowers, uppers = append(ps, look.P), append(lowers, look.Lower), append(uppers, look.Upper)
		runningP = append(runningP, path.P)
		runningLower, runningUpper = append(runningLower, path.Lower), append(runningUpper, path.Upper)
	}
	return values{
		"p": ps, "ci_lower": lowers, "ci_upper": uppers,
		"running_p": runningP, "running_ci_lower": runningLower, "running_ci_upper": runningUpper,
	}, OK
}

func mixtureOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Lift        Lift
		Alpha, Tau2 number
	}](c.Params)
	control, treatment := armsOf(c.Inputs)
	e, status := effectOf(control, treatment, p.Lift, 0)
	if status != OK {
		return nil, status
	}
	test, status := MixtureSPRT(e.estimate, e.se, float64(p.Tau2), float64(p.Alpha))
	return values{
		"estimate": e.estimate, "se": e.se, "log_lambda": test.LogLambda, "p": test.P, "log10_p": test.Log10P,
		"ci_lower": test.Lower, "ci_upper": test.Upper,
	}, status
}

func bayesOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Lift    Lift
		Alpha   number
		Inverse bool
		Prior   struct {
			Proper   bool
			Mean, SD number
			Type     Lift
		}
	}](c.Params)
	control, treatment := armsOf(c.Inputs)
	var prior NormalPrior
	if p.Prior.Proper {
		prior = NormalPrior{Mean: float64(p.Prior.Mean), SD: float64(p.Prior.SD), Relative: p.Prior.Type == Relative}
		if prior.SD == 0 {
			return nil, InvalidInput // flat is what it means to NormalPrior
		}
	}
	post, status := BayesCompare(control, treatment, p.Lift, prior, float64(p.Alpha), p.Inverse)
	return values{
		"posterior_mean": post.Mean, "posterior_sd": post.SD, "chance_to_win": post.ChanceToWin,
		"ci_lower": post.Lower, "ci_upper": post.Upper,
		"risk_control": post.RiskControl, "risk_treatment": post.RiskTreatment,
	}, status
}

func betaBinomialOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Alpha number `json:"prior_alpha"`
		Beta  number `json:"prior_beta"`
		CI    number
	}](c.Params)
	control, treatment := proportionsOf(c)
	post, status := BetaBinomial(control, treatment, float64(p.Alpha), float64(p.Beta), float64(p.CI))
	return values{
		"prob_treatment_better": post.ProbTreatmentBetter,
		"expected_loss_control": post.ExpectedLossControl, "expected_loss_treatment": post.ExpectedLossTreatment,
		"control_mean": post.Control.Mean, "treatment_mean": post.Treatment.Mean,
		"control_ci_lower": post.Control.Lower, "control_ci_upper": post.Control.Upper,
		"treatment_ci_lower": post.Treatment.Lower, "treatment_ci_upper": post.Treatment.Upper,
	}, status
}

func bayesFactorOracle(c oracleCase) (values, Status) {
	logBF, status := LogBayesFactor(proportionsOf(c))
	return values{"log_bf": logBF}, status
}

func midPowerOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Lift        Lift
		Alpha, MDE  number
		TargetPower number `json:"target_power"`
		Tuning      number `json:"sequential_tuning"`
		Variations  int
		GoalMetrics int `json:"goal_metrics"`
		Corrected   bool
	}](c.Params)
	control, treatment := armsOf(c.Inputs)
	e, status := effectOf(control, treatment, p.Lift, 0)
	if status != OK {
		return nil, status
	}
	mid, status := MidPlan{
		Alpha: float64(p.Alpha), TargetPower: float64(p.TargetPower), MDE: float64(p.MDE), Tuning: orZero(p.Tuning),
		Variations: p.Variations, GoalMetrics: p.GoalMetrics, Corrected: p.Corrected,
	}.Judge(e.se, float64(e.units))
	got := values{"se": mid.SE, "power_now": mid.PowerNow, "power_double": mid.PowerDouble}
	if mid.Attainable {
		got["scaling_factor"], got["additional_users"] = mid.ScalingFactor, mid.AdditionalUsers
	}
	return got, status
}

func poststratifiedOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Lift        Lift
		Alternative Alternative
		Alpha       number
	}](c.Params)
	var strata []Stratum
	for _, arms := range decode[struct{ Strata []json.RawMessage }](c.Inputs).Strata {
		control, treatment := armsOf(arms)
		strata = append(strata, Stratum{control, treatment})
	}
	test, status := PostStratified(strata, Settings{Lift: p.Lift, Alternative: p.Alternative, Alpha: float64(p.Alpha)})
	return values{
		"estimate": test.Estimate, "se": test.SE, "p": test.P, "log10_p": test.Log10P,
		"ci_lower": test.Interval.Lower, "ci_upper": test.Interval.Upper,
	}, status
}
