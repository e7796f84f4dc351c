package stats

import (
	"strings"
	"testing"
)

// shown makes a comparison by a Bayesian test of a rate of 10 %, which is about
// the lift and its standard error that are asked for.
func shown(t *testing.T, goal Goal, lift, se float64) Comparison {
	t.Helper()
	const n = 1_000_000
	rate := func(mean, se float64) Arm { return MomentsArm{n, mean, se * se * n * (n - 1)} }
	return only(t, Spec{Method: Bayesian, Goal: goal}, rate(0.1, 1e-9), rate(0.1*(1+lift), 0.1*se))
}

func TestDecide(t *testing.T) {
	up := func(lift float64) Comparison { return shown(t, Increase, lift, 0.01) }
	rule := Rule{Method: Sequential, MinDays: 7, MaxDays: 30, MDE: 0.02, GuardrailMargin: 0.05, SRMAlpha: 0.001}
	fixed := rule
	fixed.Method = Fixed
	evidence := func(days int, primary ...Comparison) Evidence {
		names := []string{"a", "b", "c"}
		return Evidence{
			Variations: names[:len(primary)], Primary: []MetricEvidence{{"purchases", primary}}, SRM: 0.4, Days: days,
		}
	}
	guarded := func(e Evidence, guards ...Comparison) Evidence {
		e.Guardrails = []MetricEvidence{{"latency", guards}}
		return e
	}
	broken, leaked := evidence(10, up(0.1)), evidence(10, up(0.1))
	broken.SRM, leaked.Leaked = 1e-5, true
	nine, forty, forecast := 9, 40, evidence(10, up(0.01))
	forecast.DaysLeft = &nine
	long := evidence(10, up(0.01))
	long.DaysLeft = &forty
	two := evidence(10, up(0.01))
	two.Primary = append(two.Primary, MetricEvidence{"orders", []Comparison{up(0.1)}})
	torn := evidence(10, up(0.1))
	torn.Primary = append(torn.Primary, MetricEvidence{"orders", []Comparison{up(-0.1)}})
	unknown := Comparison{Status: ZeroUsers, LiftStatus: ZeroUsers}
	for name, c := range map[string]struct {
		rule Rule
		Evidence
		call              Call
		variation, metric string
		text              string
	}{
		"a split that is off":        {rule, broken, TrafficBroken, "", "", "traffic is broken: SRM, p = 1e-05"},
		"a leak":                     {rule, leaked, TrafficBroken, "", "", "traffic is broken: a variation without a share has units"},
		"an improvement":             {rule, evidence(10, up(0.1)), ShipTreatment, "a", "purchases", "ship a"},
		"the greater improvement":    {rule, evidence(10, up(0.1), up(0.2), up(-0.1)), ShipTreatment, "b", "purchases", "ship b"},
		"too early to improve":       {rule, evidence(6, up(0.1)), NotEnoughData, "", "", "not enough data yet: 1 day left"},
		"never too early for harm":   {rule, evidence(1, up(-0.1)), KeepControl, "", "", "keep control: it does better"},
		"one of two is worse":        {rule, evidence(10, up(-0.1), up(0.01)), NotEnoughData, "", "", "not enough data yet"},
		"one of two metrics better":  {rule, two, ShipTreatment, "a", "orders", "ship a"},
		"metrics that contradict":    {rule, torn, KeepControl, "", "", "keep control: it does better"},
		"a forecast":                 {rule, forecast, NotEnoughData, "", "", "not enough data yet: 9 days left"},
		"a forecast beyond the plan": {rule, long, NotEnoughData, "", "", "not enough data yet: 20 days left"},
		"nothing there":              {rule, evidence(10, shown(t, Increase, 0, 0.001)), NoDifference, "", "", "no difference worth having: keep control"},
		"nothing there, too early":   {rule, evidence(3, shown(t, Increase, 0, 0.001)), NotEnoughData, "", "", "not enough data yet: 4 days left"},
		"nothing worth having":       {rule, evidence(10, shown(t, Increase, 0.01, 0.001)), ShipTreatment, "a", "purchases", "ship a"},
		"one worse and one flat":     {rule, evidence(10, up(-0.1), shown(t, Increase, 0, 0.001)), NoDifference, "", "", "no difference worth having: keep control"},
		"the end without a result":   {rule, evidence(30, up(0.01)), KeepControl, "", "", "keep control: no improvement was shown in the planned time"},
		"a fixed test before its end": {
			fixed, evidence(29, up(0.1)), NotEnoughData, "", "", "not enough data yet: 1 day left",
		},
		"harm in a fixed test before its end": {
			fixed, evidence(12, up(-0.1)), NotEnoughData, "", "", "not enough data yet: 18 days left",
		},
		"a fixed test at its end": {fixed, evidence(30, up(0.1)), ShipTreatment, "a", "purchases", "ship a"},
		"a guardrail that holds": {
			rule, guarded(evidence(10, up(0.1)), shown(t, Decrease, 0.01, 0.01)), ShipTreatment, "a", "purchases", "ship a",
		},
		"a guardrail that fails": {
			rule, guarded(evidence(10, up(0.1)), shown(t, Decrease, 0.1, 0.01)), GuardrailFailed, "a", "latency", "keep control: guardrail latency fails",
		},
		"a guardrail that is unclear": {
			rule, guarded(evidence(10, up(0.1)), shown(t, Decrease, 0.04, 0.01)), NotEnoughData, "", "", "not enough data yet (guardrail latency may still be harmed)",
		},
		"a guardrail without numbers": {rule, guarded(evidence(10, up(0.1)), unknown), NotEnoughData, "", "", "not enough data yet (guardrail latency may still be harmed)"},
		"a guardrail that fails for one": {
			rule, guarded(evidence(10, up(0.2), up(0.1)), shown(t, Decrease, 0.1, 0.01), shown(t, Decrease, 0, 0.01)),
			ShipTreatment, "b", "purchases", "ship b",
		},
		"no numbers":   {rule, evidence(10, unknown), NotEnoughData, "", "", "not enough data yet"},
		"no primary":   {rule, Evidence{Variations: []string{"a"}, SRM: 1, Days: 10}, NotEnoughData, "", "", "not enough data yet"},
		"no variation": {rule, Evidence{SRM: 1}, NotEnoughData, "", "", "not enough data yet: 7 days left"},
	} {
		v := Decide(c.rule, c.Evidence)
		if v.Call != c.call || v.Text != c.text || v.Variation != c.variation || v.Metric != c.metric {
			t.Errorf("%s: %+v", name, v)
		}
		if (v.DaysLeft != nil) != strings.Contains(v.Text, " left") {
			t.Errorf("%s: days left %v beside %q", name, v.DaysLeft, v.Text)
		}
	}
}

func TestGuardsLookAtTheMargin(t *testing.T) {
	for _, c := range []struct {
		goal     Goal
		lift, se float64
		want     Guard
	}{
		{Increase, 0, 0.01, Safe},
		{Increase, -0.02, 0.01, Safe},
		{Increase, -0.04, 0.01, Unclear},
		{Increase, -0.08, 0.01, Harmed},
		{Decrease, 0.02, 0.01, Safe},
		{Decrease, 0.08, 0.01, Harmed},
		{Decrease, -0.5, 0.01, Safe},
	} {
		if got := shown(t, c.goal, c.lift, c.se).Guard(0.05); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if got := (Comparison{Status: OK, LiftStatus: ZeroBaseline}).Guard(0.05); got != Unclear {
		t.Errorf("without a lift: %s", got)
	}
}
