package queries

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/stats"
	"github.com/assaylabs/assay/tracking/tally"
)

// judgement is a document on its way.
type judgement struct {
	*ruling
	*counts
	rule   domain.Rule
	bounds tally.Bounds
	// order are places in the plan's metrics, as the document has them.
	order []int
	// results are of each metric of the plan, all units together.
	results []stats.Result
	// asked are metrics whose series is wanted besides the primary ones'.
	asked []string
	// looks are those of a planned end, and daily what they saw of each metric: all
	// of them of one with a series, of others the last alone.
	looks *looks
	daily [][]stats.Result
}

// judge makes the document of what was counted, by the rule as it was fixed.
func (r *results) judge(u *ruling, c *counted, pair Pair, o ResultsOptions) (*Results, error) {
	if err := checkResults(u, o); err != nil {
		return nil, err
	}
	j := &judgement{ruling: u, counts: c.counts, rule: u.story.rule.Analysis.OrDefault(), bounds: r.bounds, asked: o.Metrics}
	analysis := u.story.rule.Analysis
	if stats.Method(analysis.Method) == stats.Sequential && j.rule.MaxDays > 0 {
		j.looks = looksOf(j.days, j.wholeDays(), j.rule.MaxDays)
		j.looks.plan.Boundary = r.boundary
	}
	j.analyze()
	doc := &Results{
		AsOf: pair.String(), Algorithm: stats.Algorithm, Experiment: j.experiment(), Phase: u.phase, Plan: j.planned(),
		Method: analysis.Method, Test: j.test(), Alpha: analysis.Alpha, Correction: analysis.Correction,
		Metrics: []MetricResult{}, SRM: j.srm(), Quality: j.quality,
	}
	if n := len(j.days); n > 0 {
		doc.Since, doc.Through, doc.Days = &j.days[0], &j.days[n-1], j.daysSoFar()
	}
	for _, i := range j.order {
		m := j.metric(i, j.results[i], true)
		m.Power = j.power(i, j.results[i], doc.Days)
		if j.hasSeries(m.Metric) {
			m.Series = j.series(i)
		}
		doc.Metrics = append(doc.Metrics, m)
	}
	if o.Dimension != "" {
		doc.Breakdown = j.breakdown(o.Dimension)
	}
	doc.Verdict = j.verdict(doc)
	return doc, nil
}

// daysSoFar counts from the first day of which there is something to the last.
func (j *judgement) daysSoFar() int {
	if len(j.days) == 0 {
		return 0
	}
	return int(j.days[len(j.days)-1]-j.days[0]) + 1
}

// wholeDays are those that are over: the last one is not while units come.
func (j *judgement) wholeDays() int {
	days := j.daysSoFar()
	if days > 0 && j.last.Status == domain.Active {
		days--
	}
	return days
}

func checkResults(u *ruling, o ResultsOptions) error {
	if o.Dimension != "" && !slices.Contains(u.plan.Dimensions, o.Dimension) {
		return domain.Invalid("dimension", "must be one of the analysis's dimensions: %q", u.plan.Dimensions)
	}
	for _, key := range o.Metrics {
		if !slices.ContainsFunc(u.plan.Metrics, func(m tally.Metric) bool { return m.Key == key }) {
			return domain.Invalid("metric", "must be one of the experiment's metrics, is %q", key)
		}
	}
	return nil
}

func (j *judgement) experiment() ResultsExperiment {
	return ResultsExperiment{ID: j.last.ID, Key: j.last.Key, Name: j.last.Name, Variations: j.plan.Variations}
}

func (j *judgement) planned() ResultsPlan {
	p := ResultsPlan{
		FixedAt: j.fixed, ChangedSince: j.since,
		MinDays: j.rule.MinDays, MaxDays: j.rule.MaxDays, MDE: j.rule.MDE, Power: j.rule.Power,
		GuardrailMargin: j.rule.GuardrailMargin, SRMAlpha: j.rule.SRMAlpha,
		Dimensions: append([]string{}, j.plan.Dimensions...), Exclude: []string{},
	}
	for _, segment := range j.plan.Exclude {
		p.Exclude = append(p.Exclude, segment.Key)
	}
	return p
}

// role is a metric's as it was fixed; one that came later has its present role.
func (j *judgement) role(metric string) (role string, added bool) {
	find := func(uses []domain.MetricUse) string {
		for _, use := range uses {
			if use.Metric == metric {
				return use.Role
			}
		}
		return ""
	}
	if role = find(j.story.rule.Metrics); role != "" {
		return role, false
	}
	return find(j.last.Metrics), true
}

func (j *judgement) hasSeries(metric string) bool {
	role, _ := j.role(metric)
	return role == "primary" || slices.Contains(j.asked, metric)
}

// analyze compares the variations by each metric. Primary metrics share the
// level, and so do secondary ones; a guardrail keeps it, since all of them must
// hold.
func (j *judgement) analyze() {
	families := map[string][]*stats.Comparison{}
	j.results, j.daily = make([]stats.Result, len(j.plan.Metrics)), make([][]stats.Result, len(j.plan.Metrics))
	for i := range j.plan.Metrics {
		m := &j.plan.Metrics[i]
		if j.looks != nil {
			j.daily[i] = j.look(i)
			j.results[i] = j.daily[i][len(j.daily[i])-1]
		} else {
			j.results[i] = j.compare(m, func(epoch, v int) *sums { return j.total(metricEpoch{m.Key, epoch}, v) })
		}
		j.order = append(j.order, i)
		if role, added := j.role(m.Key); !added && role != "guardrail" {
			for c := range j.results[i].Comparisons {
				families[role] = append(families[role], &j.results[i].Comparisons[c])
			}
		}
	}
	analysis := j.story.rule.Analysis
	for _, family := range families {
		stats.Correct(stats.Correction(analysis.Correction), analysis.Alpha, family)
	}
	rank := func(i int) int {
		role, added := j.role(j.plan.Metrics[i].Key)
		if added {
			return 3
		}
		return slices.Index([]string{"primary", "guardrail", "secondary"}, role)
	}
	slices.SortStableFunc(j.order, func(a, b int) int { return cmp.Compare(rank(a), rank(b)) })
}

func (j *judgement) spec(metric string) stats.Spec {
	analysis := j.story.rule.Analysis
	spec := stats.Spec{Method: stats.Method(analysis.Method), Alpha: analysis.Alpha, Goal: stats.Goal(j.ruling.metrics[metric].Goal)}
	if prior := analysis.Prior; prior != nil {
		spec.Prior = stats.NormalPrior{Mean: prior.Mean, SD: prior.SD, Relative: true}
	}
	return spec
}

// compare compares the variations by a metric, epoch by epoch: what a change of
// weights brought more of late is no effect.
func (j *judgement) compare(m *tally.Metric, of func(epoch, variation int) *sums) stats.Result {
	return stats.AnalyzeEpochs(j.spec(m.Key), j.arms(m, of))
}

func nobody(int, int) *sums { return &sums{} }

// arms are those of each epoch. Epochs without units are none, but for one where
// nobody came at all.
func (j *judgement) arms(m *tally.Metric, of func(epoch, variation int) *sums) (epochs [][]stats.Arm) {
	for _, epoch := range j.splits {
		arms, units := make([]stats.Arm, len(j.plan.Variations)), int64(0)
		for v := range arms {
			s := of(epoch, v)
			arms[v] = s.arm(m, j.bounds)
			units += s.n
		}
		if units > 0 {
			epochs = append(epochs, arms)
		}
	}
	if len(epochs) == 0 {
		arms := make([]stats.Arm, len(j.plan.Variations))
		for v := range arms {
			arms[v] = nobody(0, v).arm(m, j.bounds)
		}
		epochs = append(epochs, arms)
	}
	return epochs
}

// total adds up all days.
func (j *judgement) total(of metricEpoch, variation int) *sums {
	var s sums
	for _, cell := range j.cells(of, variation) {
		s.add(cell)
	}
	return &s
}

func (j *judgement) cells(of metricEpoch, variation int) []*tally.Cell {
	if byVariation := j.counts.metrics[of]; byVariation != nil {
		return byVariation[variation]
	}
	return nil
}

// metric is the part of the document of one metric. What is not of the rule's
// family has no adjusted p-value.
func (j *judgement) metric(i int, result stats.Result, corrected bool) MetricResult {
	key := j.plan.Metrics[i].Key
	definition := j.ruling.metrics[key]
	role, added := j.role(key)
	m := MetricResult{
		Metric: key, Name: definition.Name, Kind: definition.MetricKind, Goal: definition.Goal,
		Role: role, Added: added, Variations: make([]VariationResult, len(result.Arms)),
	}
	for v, arm := range result.Arms {
		to := &m.Variations[v]
		*to = VariationResult{Variation: j.plan.Variations[v], Units: arm.Units, Status: string(arm.Status), Flags: []string{}}
		if arm.Status == stats.OK {
			to.Mean, to.StdError = number(arm.Mean), number(arm.StdError)
		}
		if v > 0 {
			to.compare(&result.Comparisons[v-1], corrected && !added && role != "guardrail")
		}
	}
	return m
}

// compare fills in what compares the variation with the control.
func (v *VariationResult) compare(c *stats.Comparison, corrected bool) {
	v.Status = string(c.Status)
	for _, flag := range c.Flags {
		v.Flags = append(v.Flags, string(flag))
	}
	if c.Status != stats.OK {
		return
	}
	v.Effect, v.EffectCI = number(c.Effect), interval(c.EffectCI)
	v.EffectError, v.Level = number(c.StdError), number(c.Level)
	v.PValue, v.Log10P = number(c.P), number(c.Log10P)
	if corrected {
		v.PAdjusted = number(c.PAdjusted)
	}
	v.ChanceToWin, v.ExpectedLoss = number(c.ChanceToWin), number(c.ExpectedLoss)
	v.Significant = c.Significant
	if c.VarianceReduction != 0 {
		v.CUPEDVariance = number(c.VarianceReduction)
	}
	switch c.LiftStatus {
	case stats.OK, stats.UnboundedInterval:
		v.Lift, v.LiftCI = number(c.Lift), interval(c.LiftCI)
	}
}

// number is x to 12 digits, so that the last bit of a processor's arithmetic is
// of no account; nil for what is no number.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	if x == math.Trunc(x) && math.Abs(x) < 1e12 {
		x += 0 // no negative zero
		return &x
	}
	var buf [32]byte
	x, _ = strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], x, 'g', 12, 64)), 64) // it was written just now
	return &x
}

func interval(i stats.Interval) *Interval { return &Interval{number(i.Lower), number(i.Upper)} }
