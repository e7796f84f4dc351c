package queries

import (
	"slices"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/stats"
	"github.com/assaylabs/assay/tracking/tally"
)

// verdict follows the rule as it was fixed.
func (j *judgement) verdict(doc *Results) Verdict {
	if j.fixed == nil {
		return notStarted()
	}
	evidence := stats.Evidence{
		Variations: j.plan.Variations[1:], SRM: 1, Leaked: doc.SRM.Verdict == "leak", Days: j.wholeDays(),
	}
	if doc.SRM.PValue != nil {
		evidence.SRM = *doc.SRM.PValue
	}
	for at, i := range j.order {
		m := &doc.Metrics[at]
		of := stats.MetricEvidence{Metric: m.Metric, Comparisons: j.results[i].Comparisons}
		switch {
		case m.Added:
		case m.Role == "primary":
			evidence.Primary = append(evidence.Primary, of)
			if !slices.ContainsFunc(of.Comparisons, func(c stats.Comparison) bool { return c.Significant }) {
				evidence.DaysLeft = longest(evidence.DaysLeft, m.Power)
			}
		case m.Role == "guardrail":
			evidence.Guardrails = append(evidence.Guardrails, of)
		}
	}
	if broken := evidence.Leaked || evidence.SRM < j.rule.SRMAlpha; !broken {
		if use, ok := j.missing(); ok {
			return Verdict{Code: "metric_missing", Text: "no verdict: " + use.Role + " " + use.Metric + " was taken out since the phase began", Metric: use.Metric}
		}
		if len(evidence.Primary) == 0 {
			return Verdict{Code: "no_primary", Text: "no verdict: no primary metric was named when the phase began; a new phase fixes one"}
		}
	}
	made := stats.Decide(stats.Rule{
		Method: stats.Method(doc.Method), MinDays: j.rule.MinDays, MaxDays: j.rule.MaxDays, MDE: j.rule.MDE,
		GuardrailMargin: j.rule.GuardrailMargin, SRMAlpha: j.rule.SRMAlpha,
	}, evidence)
	return Verdict{
		Code: string(made.Call), Text: made.Text, Variation: made.Variation, Metric: made.Metric, DaysLeft: made.DaysLeft,
	}
}

func notStarted() Verdict {
	return Verdict{Code: "not_started", Text: "not started: the experiment has not been active in this phase"}
}

// missing finds a metric that the rule looks at and that is not counted any more.
func (j *judgement) missing() (domain.MetricUse, bool) {
	for _, use := range j.story.rule.Metrics {
		counted := slices.ContainsFunc(j.plan.Metrics, func(m tally.Metric) bool { return m.Key == use.Metric })
		if use.Role != "secondary" && !counted {
			return use, true
		}
	}
	return domain.MetricUse{}, false
}

// longest is the later of two forecasts.
func longest(days *int, p *PowerResult) *int {
	if p == nil || p.DaysLeft == nil || days != nil && *days >= *p.DaysLeft {
		return days
	}
	return p.DaysLeft
}
