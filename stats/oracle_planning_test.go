package stats

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// planningOracles answers for group sequential boundaries, power, sizes, splits,
// corrections and bandits.
func planningOracles() map[string]oracle {
	return map[string]oracle{
		"gs_boundary":             boundaryOracle,
		"power_relative_z":        powerOracle,
		"sample_size_means_z":     meansSizeOracle,
		"sample_size_means_t":     tSizeOracle,
		"sample_size_proportions": proportionsSizeOracle,
		"mde_proportions":         proportionsMDEOracle,
		"srm_chi2":                srmOracle,
		"srm_sequential":          srmSequenceOracle,
		"p_adjust":                adjustOracle,
		"preferential_bonferroni": preferentialOracle,
		"fcr_level":               fcrOracle,
		"growthbook_adjusted_ci":  widenedOracle,
		"thompson_normal":         thompsonOracle,
		"normal_mixture_bound":    mixtureBoundOracle,
		"asymp_cs_rho2":           rho2Oracle,
		"avlm_t":                  anytimeOracle,
		"expected_loss_normal":    lossOracle,
	}
}

func boundaryOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Design       Design
		Alpha        number
		Sides, Looks int
		Information  numbers
		Delta, Gamma number
	}](c.Params)
	got, status := GroupPlan{
		Design: p.Design, Alpha: float64(p.Alpha), Sides: p.Sides, Looks: p.Looks,
		Information: p.Information, Delta: float64(p.Delta), Gamma: float64(p.Gamma),
	}.Boundary()
	z := append([]float64(nil), got.Z...)
	for i := range z {
		z[i] = min(z[i], 8) // as the cases write it
	}
	return values{"z": z, "nominal_p": got.NominalP, "alpha_spent": got.AlphaSpent}, status
}

func powerOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Metric            string
		Alpha             number
		Sides, Variations int
		TargetPower       number `json:"target_power"`
		Tuning            number `json:"sequential_tuning"`
	}](c.Params)
	in := decode[struct {
		Units      number `json:"n_total"`
		Effect     number `json:"relative_effect"`
		Conversion number `json:"conversion_rate"`
		Mean, SD   number
	}](c.Inputs)
	plan := PowerPlan{
		Alpha: float64(p.Alpha), Sides: p.Sides, Variations: p.Variations, Power: float64(p.TargetPower),
		Tuning: orZero(p.Tuning),
	}
	baseline := Baseline{Mean: float64(in.Mean), Variance: square(float64(in.SD))}
	if p.Metric == "binomial" {
		baseline = ConversionBaseline(float64(in.Conversion))
	}
	power, status := plan.Relative(baseline, float64(in.Units), float64(in.Effect))
	mde, attainable, _ := plan.RelativeMDE(baseline, float64(in.Units))
	got := values{"power": power}
	if attainable {
		got["mde_relative"] = mde
	}
	return got, status
}

// orZero reads null as 0.
func orZero(n number) float64 {
	if math.IsNaN(float64(n)) {
		return 0
	}
	return float64(n)
}

func sizePlanOf(c oracleCase) SizePlan {
	p := decode[struct {
		Alpha, Power, Ratio number
		Sides               int
	}](c.Params)
	return SizePlan{Alpha: float64(p.Alpha), Power: float64(p.Power), Sides: p.Sides, Ratio: float64(p.Ratio)}
}

func meansSizeOracle(c oracleCase) (values, Status) {
	in := decode[struct{ SD, Delta number }](c.Inputs)
	got, status := sizePlanOf(c).Means(float64(in.SD), float64(in.Delta))
	return values{
		"n_control": got.Control, "n_treatment": got.Treatment,
		"n_control_simple": got.Simple, "power_at_ceil": got.PowerAtCeil,
	}, status
}

func tSizeOracle(c oracleCase) (values, Status) {
	in := decode[struct {
		Effect number `json:"effect_size"`
	}](c.Inputs)
	plan := sizePlanOf(c)
	n, status := plan.TMeans(float64(in.Effect))
	got := values{"n_control": n, "n_treatment": n * plan.Ratio}
	for key := range c.Expect {
		if digits, ok := strings.CutPrefix(key, "power_n"); ok {
			at, _ := strconv.ParseFloat(digits, 64)
			got[key] = plan.TPower(float64(in.Effect), at)
		}
	}
	return got, status
}

func proportionsSizeOracle(c oracleCase) (values, Status) {
	in := decode[struct {
		Control   number `json:"p_control"`
		Treatment number `json:"p_treatment"`
	}](c.Inputs)
	got, status := sizePlanOf(c).Proportions(float64(in.Control), float64(in.Treatment))
	return values{
		"n_per_arm_pooled": got.Pooled, "n_per_arm_unpooled": got.Unpooled,
		"n_per_arm_arcsine": got.Arcsine, "power_unpooled_at_ceil": got.UnpooledPowerAtCeil,
	}, status
}

func proportionsMDEOracle(c oracleCase) (values, Status) {
	in := decode[struct {
		Control number `json:"p_control"`
		Units   number `json:"n_total"`
		Share   number `json:"treatment_share"`
	}](c.Inputs)
	got, status := sizePlanOf(c).ProportionsMDE(float64(in.Control), float64(in.Units), float64(in.Share))
	answer := values{}
	if got.UpExists {
		answer["mde_absolute_up"], answer["mde_relative_up"] = got.Up, got.Up/float64(in.Control)
	}
	if got.DownExists {
		answer["mde_absolute_down"], answer["mde_relative_down"] = got.Down, got.Down/float64(in.Control)
	}
	return answer, status
}

func srmOracle(c oracleCase) (values, Status) {
	weights, users := decode[struct{ Weights numbers }](c.Params), decode[struct{ Users numbers }](c.Inputs)
	got, status := SRMChi2(weights.Weights, users.Users)
	return values{"chi2": got.Chi2, "df": got.DF, "p": got.P, "log10_p": got.Log10P}, status
}

func srmSequenceOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Weights       numbers
		Concentration number
	}](c.Params)
	in := decode[struct{ Batches []numbers }](c.Inputs)
	sequence, status := NewSRMSequence(p.Weights, cmp.Or(float64(p.Concentration), SRMConcentration))
	if status != OK {
		return nil, status
	}
	total := make([]float64, len(p.Weights))
	var logBF, running, posterior []float64
	for _, batch := range in.Batches {
		look, status := sequence.Add(batch)
		if status != OK {
			return nil, status
		}
		for i := range total {
			total[i] += batch[i]
		}
		logBF, running, posterior = append(logBF, look.LogBF), append(running, look.P), append(posterior, look.PosteriorProb)
	}
	return values{"log_bf": logBF, "p_running": running, "posterior_prob": posterior}, splitStatus(p.Weights, total)
}

func adjustOracle(c oracleCase) (values, Status) {
	got, status := AdjustP(decode[struct{ P numbers }](c.Inputs).P)
	return values{
		"bonferroni": got.Bonferroni, "holm": got.Holm, "hochberg": got.Hochberg, "hommel": got.Hommel,
		"bh": got.BH, "by": got.BY, "sidak": got.Sidak,
	}, status
}

func preferentialOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Alpha, Gamma        number
		Treatments, Metrics int
	}](c.Params)
	primary, secondary, status := PreferentialBonferroni(float64(p.Alpha), float64(p.Gamma), p.Treatments, p.Metrics)
	return values{"alpha_primary": primary, "alpha_secondary": secondary}, status
}

func fcrOracle(c oracleCase) (values, Status) {
	selected, alpha, status := FCRLevel(decode[struct{ P numbers }](c.Inputs).P, float64(decode[struct{ Q number }](c.Params).Q))
	return values{"selected": selected, "ci_level_alpha": alpha}, status
}

func widenedOracle(c oracleCase) (values, Status) {
	in := decode[struct {
		P    number `json:"p_adjusted"`
		Lift number
		CI   numbers
	}](c.Inputs)
	alpha := decode[struct{ Alpha number }](c.Params).Alpha
	lower, upper, status := WidenedCI(float64(in.P), float64(in.Lift), in.CI[0], in.CI[1], float64(alpha))
	return values{"ci_lower": lower, "ci_upper": upper}, status
}

func thompsonOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Inverse bool
		Floor   number `json:"min_weight"`
	}](c.Params)
	in := decode[struct {
		Means numbers `json:"posterior_means"`
		SDs   numbers `json:"posterior_sds"`
	}](c.Inputs)
	got, status := ThompsonNormal(in.Means, in.SDs, float64(p.Floor), p.Inverse)
	return values{"best_arm_probabilities": got.Best, "weights": got.Weights}, status
}

func mixtureBoundOracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Alpha    number
		VOpt     number `json:"v_opt"`
		AlphaOpt number `json:"alpha_opt"`
		OneSided bool   `json:"one_sided"`
	}](c.Params)
	v := decode[struct{ V number }](c.Inputs).V
	rho, bound, status := NormalMixtureBound(float64(v), float64(p.Alpha), float64(p.VOpt), float64(p.AlphaOpt), p.OneSided)
	return values{"rho": rho, "bound": bound}, status
}

func rho2Oracle(c oracleCase) (values, Status) {
	p := decode[struct {
		Alpha number
		T     number `json:"t_opt"`
	}](c.Params)
	alpha, t := float64(p.Alpha), float64(p.T)
	if !inOpen(alpha, 0, 1) || !positive(t) {
		return nil, InvalidInput
	}
	return values{"rho2_exact": rho2Exact(alpha, t), "rho2_approx": rho2(alpha, t), "rho2_gbstats": rho2(alpha, t)}, OK
}

func anytimeOracle(c oracleCase) (values, Status) {
	p := decode[struct{ Alpha, G, Coefficients number }](c.Params)
	in := decode[struct{ N, T number }](c.Inputs)
	got, status := AnytimeTTest(float64(in.T), float64(in.N), float64(p.Coefficients), float64(p.G), float64(p.Alpha))
	return values{
		"log_evalue": got.LogEvalue, "p": got.P, "log10_p": got.Log10P,
		"t_radius": got.TRadius, "z_radius": got.ZRadius,
	}, status
}

func lossOracle(c oracleCase) (values, Status) {
	in := decode[struct{ Mu, Sigma number }](c.Inputs)
	if !finite(float64(in.Mu)) || !(in.Sigma >= 0) || !finite(float64(in.Sigma)) {
		return nil, InvalidInput
	}
	control, treatment := ExpectedLoss(float64(in.Mu), float64(in.Sigma))
	return values{"risk_control": control, "risk_treatment": treatment}, OK
}
