package stats

import (
	"fmt"
	"math"
)

// Rule is what it takes to decide an experiment, fixed before it starts.
type Rule struct {
	Method Method
	// MinDays must pass before anything but harm and a broken split is decided.
	MinDays int
	// MaxDays is the planned length, 0 for none. A fixed test decides at its end
	// only: looking earlier would find harm that is not there, too.
	MaxDays int
	// MDE is the relative effect that is worth having.
	MDE float64
	// GuardrailMargin is the relative harm to a guardrail that is put up with.
	GuardrailMargin float64
	// SRMAlpha is the level of the check of the split.
	SRMAlpha float64
}

// Evidence is what a rule looks at. Names of variations are those after the
// control, in the order of each Comparisons.
type Evidence struct {
	Variations []string
	// Primary metrics decide, Guardrails may forbid.
	Primary, Guardrails []MetricEvidence
	// SRM is the sequential check's smallest p-value; Leaked says that a variation
	// without a share has units.
	SRM    float64
	Leaked bool
	// Days have been counted whole; DaysLeft is the plan's forecast until the
	// wanted power is reached, nil where there is none.
	Days     int
	DaysLeft *int
}

// MetricEvidence are the comparisons by one metric.
type MetricEvidence struct {
	Metric      string
	Comparisons []Comparison
}

// Call is a decision.
type Call string

// Calls.
const (
	ShipTreatment   Call = "ship_treatment"
	KeepControl     Call = "keep_control"
	NotEnoughData   Call = "not_enough_data"
	TrafficBroken   Call = "traffic_broken"
	GuardrailFailed Call = "guardrail_failed"
	NoDifference    Call = "no_difference"
)

// Verdict is what to do, in words too. Variation and Metric are those that decide,
// where some do; DaysLeft is there with NotEnoughData where it is known.
type Verdict struct {
	Call              Call
	Text              string
	Variation, Metric string
	DaysLeft          *int
}

// Decide follows the rule: a broken split invalidates everything; a variation that
// harms a guardrail, or a primary metric, is out; of the others the first that
// improves a primary metric, worsens none, and is shown to leave the guardrails
// within their margin ships, the one with the greatest lift where there are
// several. Failing that the control stays once all are out, or shown to be not
// worth having, or the planned length is over.
func Decide(rule Rule, e Evidence) Verdict {
	switch {
	case e.Leaked:
		return Verdict{Call: TrafficBroken, Text: "traffic is broken: a variation without a share has units"}
	case e.SRM < rule.SRMAlpha:
		return Verdict{Call: TrafficBroken, Text: fmt.Sprintf("traffic is broken: SRM, p = %.2g", e.SRM)}
	}
	d := decision{rule, e}
	if rule.Method == Fixed && rule.MaxDays > 0 && !d.over() {
		return d.wait()
	}
	return d.verdict()
}

type decision struct {
	rule Rule
	Evidence
}

func (d decision) verdict() Verdict {
	var out, flat, failed int
	var harm, best Verdict
	var unsettled string // a guardrail that keeps an improvement from shipping
	bestLift := math.Inf(-1)
	for i, variation := range d.Variations {
		if metric, ok := d.harmed(i); ok {
			failed++
			out++
			harm = Verdict{Call: GuardrailFailed, Variation: variation, Metric: metric}
			continue
		}
		improved, worsened, lift := d.primaries(i)
		unclear := d.unclear(i)
		switch {
		case worsened != "":
			out++
		case improved != "" && unclear == "":
			if lift > bestLift {
				bestLift = lift
				best = Verdict{Call: ShipTreatment, Variation: variation, Metric: improved}
			}
		case d.worthless(i):
			flat++
		case improved != "":
			unsettled = unclear
		}
	}
	total := len(d.Variations)
	switch {
	case total > 0 && failed == total:
		harm.Text = fmt.Sprintf("keep control: guardrail %s fails", harm.Metric)
		return harm
	case total > 0 && out == total:
		return Verdict{Call: KeepControl, Text: "keep control: it does better"}
	case d.Days < d.rule.MinDays:
		return d.wait()
	case best.Call != "":
		best.Text = "ship " + best.Variation
		return best
	case total > 0 && out+flat == total:
		return Verdict{Call: NoDifference, Text: "no difference worth having: keep control"}
	case d.over():
		return Verdict{Call: KeepControl, Text: "keep control: no improvement was shown in the planned time"}
	}
	v := d.wait()
	if unsettled != "" {
		v.Text += fmt.Sprintf(" (guardrail %s may still be harmed)", unsettled)
	}
	return v
}

func (d decision) over() bool { return d.rule.MaxDays > 0 && d.Days >= d.rule.MaxDays }

// harmed names a guardrail that this variation is shown to harm by more than the margin.
func (d decision) harmed(variation int) (string, bool) {
	for _, g := range d.Guardrails {
		if c := g.Comparisons[variation]; c.Guard(d.rule.GuardrailMargin) == Harmed {
			return g.Metric, true
		}
	}
	return "", false
}

// unclear names a guardrail that is not shown to be within the margin.
func (d decision) unclear(variation int) string {
	for _, g := range d.Guardrails {
		if g.Comparisons[variation].Guard(d.rule.GuardrailMargin) != Safe {
			return g.Metric
		}
	}
	return ""
}

// primaries names a primary metric that is better, the one with the greatest
// lift, and one that is worse.
func (d decision) primaries(variation int) (improved, worsened string, lift float64) {
	lift = math.Inf(-1)
	for _, m := range d.Primary {
		c := m.Comparisons[variation]
		switch better := math.Abs(c.Lift); {
		case c.Status != OK || !c.Significant:
		case c.Direction < 0:
			worsened = m.Metric
		case better > lift || improved == "":
			improved, lift = m.Metric, better
		}
	}
	return improved, worsened, lift
}

// worthless says whether no primary metric can be better by the MDE.
func (d decision) worthless(variation int) bool {
	for _, m := range d.Primary {
		if m.Comparisons[variation].best() >= d.rule.MDE {
			return false
		}
	}
	return len(d.Primary) > 0
}

func (d decision) wait() Verdict {
	left := d.DaysLeft
	least := d.rule.MinDays - d.Days
	if d.rule.Method == Fixed && d.rule.MaxDays > 0 {
		left, least = nil, d.rule.MaxDays-d.Days
	}
	if least > 0 && (left == nil || *left < least) {
		left = &least
	}
	if end := d.rule.MaxDays - d.Days; left != nil && end > 0 && *left > end {
		left = &end
	}
	v := Verdict{Call: NotEnoughData, Text: "not enough data yet", DaysLeft: left}
	switch {
	case left == nil || *left <= 0:
		v.DaysLeft = nil
	case *left == 1:
		v.Text += ": 1 day left"
	default:
		v.Text += fmt.Sprintf(": %d days left", *left)
	}
	return v
}

// Guard is what a comparison shows of a guardrail.
type Guard string

// Safe is shown to do no harm beyond the margin, Harmed to do some; Unclear is
// neither yet.
const (
	Safe    Guard = "safe"
	Harmed  Guard = "harmed"
	Unclear Guard = "unclear"
)

// Guard judges non-inferiority: whether the interval of the lift lies on the good
// side of a relative harm of margin, on the bad one, or on both.
func (c Comparison) Guard(margin float64) Guard {
	switch {
	case c.Status != OK || c.LiftStatus != OK:
		return Unclear
	case c.worst() > -margin:
		return Safe
	case c.best() < -margin:
		return Harmed
	}
	return Unclear
}

// best and worst are the ends of the lift's interval, upwards being better. What
// is not known may be anything.
func (c Comparison) best() float64 {
	switch {
	case c.Status != OK || c.LiftStatus != OK:
		return math.Inf(1)
	case c.goal == Decrease:
		return -c.LiftCI.Lower
	}
	return c.LiftCI.Upper
}

func (c Comparison) worst() float64 {
	switch {
	case c.Status != OK || c.LiftStatus != OK:
		return math.Inf(-1)
	case c.goal == Decrease:
		return -c.LiftCI.Upper
	}
	return c.LiftCI.Lower
}
