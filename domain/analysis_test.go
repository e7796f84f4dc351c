package domain

import (
	"fmt"
	"strings"
	"testing"
)

// What an experiment does not use is not in its document: ledgers hold the form
// without it.
func TestAnalysisHoldsOnlyWhatIsSaid(t *testing.T) {
	l := newLedger()
	l.segment(t, `{"name":"staff"}`)
	l.create(t, `{"name":"x"}`)
	for _, tt := range []struct{ patch, then string }{
		{
			`{"min_days":7,"max_days":28,"mde":0.02,"power":0.9,"guardrail_margin":0.01,"srm_alpha":0.0001}`,
			`,"min_days":7,"max_days":28,"mde":0.02,"power":0.9,"guardrail_margin":0.01,"srm_alpha":0.0001`,
		},
		{`{"min_days":null,"max_days":0,"mde":null,"power":null,"guardrail_margin":null,"srm_alpha":null}`, ``},
		{`{"dimensions":["country","plan"],"exclude":["staff"]}`, `,"dimensions":["country","plan"],"exclude":["staff"]`},
		{`{"dimensions":[],"exclude":null}`, ``},
	} {
		must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"analysis":`+tt.patch+`}`)))
		want := `{"method":"sequential","alpha":0.05,"correction":"holm"` + tt.then + `}`
		if got := l.member(t, "x", "analysis"); got != want {
			t.Errorf("%s makes %s, want %s", tt.patch, got, want)
		}
	}
}

func TestAnalysisIsChecked(t *testing.T) {
	many := func(n int, format string) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf(format, i)
		}
		return `["` + strings.Join(names, `","`) + `"]`
	}
	l := newLedger()
	for i := range maxExclude + 1 {
		l.segment(t, fmt.Sprintf(`{"name":"g%d"}`, i))
	}
	for _, tt := range []struct{ analysis, field string }{
		{`{"min_days":-1}`, "analysis.min_days"},
		{`{"min_days":1.5}`, "analysis.min_days"},
		{`{"max_days":367}`, "analysis.max_days"},
		{`{"min_days":14,"max_days":13}`, "analysis.max_days"},
		{`{"mde":-0.1}`, "analysis.mde"},
		{`{"mde":0.00001}`, "analysis.mde"},
		{`{"mde":11}`, "analysis.mde"},
		{`{"power":1}`, "analysis.power"},
		{`{"power":0.49}`, "analysis.power"},
		{`{"guardrail_margin":2}`, "analysis.guardrail_margin"},
		{`{"srm_alpha":0.2}`, "analysis.srm_alpha"},
		{`{"prior":{"mean":0,"sd":0.3}}`, "analysis.prior"},
		{`{"method":"fixed","prior":{"mean":0,"sd":0.3}}`, "analysis.prior"},
		{`{"method":"bayesian","prior":{"mean":0}}`, "analysis.prior.sd"},
		{`{"method":"bayesian","prior":{"mean":0,"sd":0}}`, "analysis.prior.sd"},
		{`{"method":"bayesian","prior":{"mean":0,"sd":-1}}`, "analysis.prior.sd"},
		{`{"method":"bayesian","prior":{"mean":-2,"sd":0.3}}`, "analysis.prior.mean"},
		{`{"method":"bayesian","prior":{"mean":0,"sd":0.3,"relative":true}}`, "analysis.prior.relative"},
		{`{"dimensions":["a","a"]}`, "analysis.dimensions[1]"},
		{`{"dimensions":["a b"]}`, "analysis.dimensions[0]"},
		{`{"dimensions":[""]}`, "analysis.dimensions[0]"},
		{`{"dimensions":` + many(maxDimensions+1, "a%d") + `}`, "analysis.dimensions"},
		{`{"exclude":["g0","g0"]}`, "analysis.exclude[1]"},
		{`{"exclude":["g0","nobody"]}`, "analysis.exclude[1]"},
		{`{"exclude":` + many(maxExclude+1, "g%d") + `}`, "analysis.exclude"},
	} {
		refused(t, tt.field)(l.draft(t, `{"name":"x","analysis":`+tt.analysis+`}`))
	}
	for _, analysis := range []string{
		`{"min_days":14,"max_days":14}`, `{"dimensions":` + many(maxDimensions, "a%d") + `}`, `{"exclude":` + many(maxExclude, "g%d") + `}`,
	} {
		l.create(t, `{"name":"x","analysis":`+analysis+`}`)
	}
}

func TestSegmentsLeftOutStay(t *testing.T) {
	l := newLedger()
	g := l.segment(t, `{"name":"staff"}`)
	l.create(t, `{"name":"x","analysis":{"exclude":["staff"]}}`)
	conflicts(t)(l.DeleteSegment(g))
	must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"analysis":{"exclude":null}}`)))
	must(t, l)(l.DeleteSegment(g))
}

func TestRulesHaveDefaults(t *testing.T) {
	want := Rule{MDE: 0.05, Power: 0.8, GuardrailMargin: 0.05, SRMAlpha: 0.001}
	if got := (Rule{}).OrDefault(); got != want {
		t.Errorf("default is %+v, want %+v", got, want)
	}
	said := Rule{MinDays: 1, MaxDays: 2, MDE: 0.1, Power: 0.9, GuardrailMargin: 0.2, SRMAlpha: 0.01}
	if got := said.OrDefault(); got != said {
		t.Errorf("%+v became %+v", said, got)
	}
}

func TestAPriorIsOfABayesianAnalysis(t *testing.T) {
	l := newLedger()
	l.create(t, `{"name":"x"}`)
	for _, tt := range []struct{ patch, want string }{
		{`{"method":"bayesian","prior":{"mean":0.01,"sd":0.3}}`, `{"method":"bayesian","alpha":0.05,"correction":"holm","prior":{"mean":0.01,"sd":0.3}}`},
		{`{"prior":{"mean":0}}`, `{"method":"bayesian","alpha":0.05,"correction":"holm","prior":{"mean":0,"sd":0.3}}`},
		{`{"method":"sequential","prior":null}`, `{"method":"sequential","alpha":0.05,"correction":"holm"}`},
	} {
		must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"analysis":`+tt.patch+`}`)))
		if got := l.member(t, "x", "analysis"); got != tt.want {
			t.Errorf("%s makes %s, want %s", tt.patch, got, tt.want)
		}
	}
	before := l.member(t, "x", "analysis")
	_, err := l.EditExperiment(l.get(t, "x"), []byte(`{"analysis":{"method":"bayesian","prior":{"sd":20}}}`))
	if err == nil || l.member(t, "x", "analysis") != before {
		t.Errorf("%v of too wide a prior, and then %s", err, l.member(t, "x", "analysis"))
	}
}
