package domain

import (
	"fmt"
	"strings"
	"testing"
)

// Given an experiment, when it is patched, then its document has the member.
func TestEditsMergeMembers(t *testing.T) {
	const given = `{"name":"x","tags":["a","b"],"description":"d","analysis":{"method":"fixed","alpha":0.1},
		"overrides":{"u1":"treatment","u2":"control"},"audience":{"country":{"$in":["US"]},"plan":"pro"},"traffic_ppm":500000}`
	for _, tt := range []struct{ patch, member, then string }{
		{`{"tags":["c"]}`, "tags", `["c"]`},
		{`{"tags":null}`, "tags", `[]`},
		{`{"analysis":{"alpha":0.01}}`, "analysis", `{"method":"fixed","alpha":0.01,"correction":"holm"}`},
		{`{"analysis":{"alpha":null}}`, "analysis", `{"method":"fixed","alpha":0.05,"correction":"holm"}`},
		{`{"analysis":null}`, "analysis", `{"method":"sequential","alpha":0.05,"correction":"holm"}`},
		{`{"overrides":{"u3":"control","u1":null}}`, "overrides", `{"u2":"control","u3":"control"}`},
		{`{"overrides":null}`, "overrides", `{}`},
		{`{"audience":{"plan":null}}`, "audience", `{"country":{"$in":["US"]}}`},
		{`{"audience":{"country":{"$in":["CA","US"]}}}`, "audience", `{"country":{"$in":["CA","US"]},"plan":"pro"}`},
		{`{"audience":{"country":"US"}}`, "audience", `{"country":"US","plan":"pro"}`},
		{`{"audience":null}`, "audience", `{}`},
		{`{"traffic_ppm":null}`, "traffic_ppm", `1000000`},
		{`{"description":null}`, "description", `""`},
		{`{"unit_type":null}`, "unit_type", `"user_id"`},
		{`{"prerequisites":null}`, "prerequisites", `[]`},
		{`{"layer":null}`, "layer", ``},
	} {
		l := newLedger()
		e := l.create(t, given)
		must(t, l)(l.EditExperiment(e, []byte(tt.patch)))
		if got := l.member(t, "x", tt.member); got != tt.then {
			t.Errorf("%s made %s of %s, want %s", tt.patch, got, tt.member, tt.then)
		}
	}
}

// member is one member of an experiment's document.
func (l *ledger) member(t testing.TB, ref, name string) string {
	t.Helper()
	doc, err := Encode(l.get(t, ref))
	if err != nil {
		t.Fatal(err)
	}
	members, err := readObject(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.name == name {
			return string(m.value)
		}
	}
	return ""
}

func TestEditsAreRefused(t *testing.T) {
	for _, tt := range []struct{ patch, field string }{
		{`[]`, "body"},
		{`null`, "body"},
		{`"x"`, "body"},
		{``, "body"},
		{`{"name":null}`, "name"},
		{`{"name":7}`, "name"},
		{`{"nonsense":null}`, "nonsense"},
		{`{"nonsense":1}`, "nonsense"},
		{`{"Name":"y"}`, "Name"},
		{`{"analysis":{"strength":null}}`, "analysis.strength"},
		{`{"analysis":{"alpha":0}}`, "analysis.alpha"},
		{`{"analysis":"fixed"}`, "analysis"},
		{`{"layer":{"shares":null}}`, "layer.shares"},
		{`{"tags":"a"}`, "tags"},
		{`{"tags":[null]}`, "tags[0]"},
		{`{"variations":[null,null]}`, "variations[0]"},
		{`{"variations":{}}`, "variations"},
		{`{"overrides":{"u":7}}`, "overrides.u"},
		{`{"overrides":{"":"control"}}`, "overrides"},
		{`{"traffic_ppm":1.5}`, "traffic_ppm"},
		{`{"traffic_ppm":"1"}`, "traffic_ppm"},
		{`{"audience":"all"}`, "audience"},
		{`{"audience":{"a":{"$x":1}}}`, "audience/a/$x"},
		{`{"audience":{"$or":[{"a":{"$regex":"(a+)+"}}]}}`, "audience/$or/0/a/$regex"},
		{`{"salt":""}`, "salt"},
		{`{"unit_type":"a b"}`, "unit_type"},
		{`{"ever_active":true}`, "ever_active"},
		{`{"reason":"why"}`, "reason"},
		{`{"description":"` + strings.Repeat("x", 2*MaxConfigBytes) + `"}`, "body"},
	} {
		l := newLedger()
		changes, err := l.EditExperiment(l.create(t, `{"name":"x"}`), []byte(tt.patch))
		refused(t, tt.field)(changes, err)
		if len(changes) != 0 {
			t.Errorf("%s was refused, with changes", tt.patch)
		}
	}
}

func TestResourcePatchesRefuseUnknownMembers(t *testing.T) {
	l := newLedger()
	layer := l.layer(t, `{"name":"l"}`)
	segment := l.segment(t, `{"name":"g"}`)
	must(t, l)(l.CreateMetric(newUUID(), []byte(`{"name":"m","event":"e"}`)))
	metric, _ := l.Metrics.ByKey("m")
	must(t, l)(l.CreateHoldout(newUUID(), []byte(`{"name":"h"}`)))
	holdout, _ := l.Holdouts.ByKey("h")
	for _, value := range []string{"null", "1"} {
		patch := []byte(`{"nonsense":` + value + `}`)
		refused(t, "nonsense")(l.EditLayer(layer, patch))
		refused(t, "nonsense")(l.EditSegment(segment, patch))
		refused(t, "nonsense")(l.EditMetric(metric, patch))
		refused(t, "nonsense")(l.EditHoldout(holdout, patch))
	}
	must(t, l)(l.EditMetric(metric, []byte(`{"denominator":null,"quantile":null,"cap":null}`)))
}

func TestBoundsOfVariations(t *testing.T) {
	variations := func(n, weight int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"key":"v%d","weight":%d}`, i, weight)
		}
		return `"variations":[` + strings.Join(all, ",") + `]`
	}
	l := newLedger()
	for _, n := range []int{0, 1, 65} {
		refused(t, "variations")(l.draft(t, `{"name":"x",`+variations(n, 1)+`}`))
	}
	refused(t, "variations")(l.draft(t, `{"name":"x",`+variations(3, 0)+`}`))
	e := l.create(t, `{"name":"x",`+variations(64, 1_000_000)+`}`)
	if len(e.Split) != 64 || e.Split[63].To != Slots || e.Split[0].To != 15_625 {
		t.Errorf("split %v", e.Split)
	}
	if v := e.Variations[7]; v.Name != "v7" || string(v.Value) != `"v7"` {
		t.Errorf("variation %+v", v)
	}
}

// A variation cannot go while a unit, or an experiment, waits for it.
func TestVariationsInUseStay(t *testing.T) {
	l := newLedger()
	x := l.create(t, `{"name":"x","overrides":{"u1":"treatment"}}`)
	const without = `"variations":[{"key":"control","weight":1},{"key":"b","weight":1}]`
	refused(t, "overrides.u1")(l.EditExperiment(x, []byte(`{`+without+`}`)))
	must(t, l)(l.EditExperiment(x, []byte(`{`+without+`,"overrides":{"u1":"b"}}`)))
	l.create(t, `{"name":"y","prerequisites":[{"experiment":"x","variations":["b"]}]}`)
	conflicts(t)(l.EditExperiment(l.get(t, "x"), []byte(`{"variations":null,"overrides":null}`)))
	must(t, l)(l.EditExperiment(l.get(t, "y"), []byte(`{"prerequisites":null}`)))
	must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"variations":null,"overrides":null}`)))
}

func TestTrafficMovesNobody(t *testing.T) {
	l := newLedger()
	l.ran(t, `{"name":"x","variations":[{"key":"a","weight":1},{"key":"b","weight":2},{"key":"c","weight":4}]}`)
	before := l.get(t, "x").Split
	for _, ppm := range []int{0, 1, 333_333, 999_999, Slots} {
		must(t, l)(l.EditExperiment(l.get(t, "x"), fmt.Appendf(nil, `{"traffic_ppm":%d}`, ppm)))
		if e := l.get(t, "x"); e.TrafficPPM != ppm || fmt.Sprint(e.Split) != fmt.Sprint(before) || e.Phase != 1 {
			t.Errorf("%+v", e)
		}
	}
}

func TestPrerequisitesAtAnyDepth(t *testing.T) {
	l := newLedger()
	l.create(t, `{"name":"e0"}`)
	const depth = 300
	for i := range depth {
		l.create(t, fmt.Sprintf(`{"name":"e%d","prerequisites":[{"experiment":"e%d","variations":["control"]}]}`, i+1, i))
	}
	for _, from := range []int{0, 1, depth - 1} {
		refused(t, "prerequisites[0].experiment")(l.EditExperiment(l.get(t, fmt.Sprintf("e%d", from)),
			fmt.Appendf(nil, `{"prerequisites":[{"experiment":"e%d","variations":["control"]}]}`, depth)))
	}
	// Two ways to one experiment are no circle.
	must(t, l)(l.EditExperiment(l.get(t, fmt.Sprintf("e%d", depth)), fmt.Appendf(nil,
		`{"prerequisites":[{"experiment":"e%d","variations":["control"]},{"experiment":"e0","variations":["treatment"]}]}`, depth-1)))
	refused(t, "prerequisites[0].variations")(l.draft(t, `{"name":"y","prerequisites":[{"experiment":"e0","variations":[]}]}`))
	refused(t, "prerequisites[0].experiment")(l.draft(t, `{"name":"y","prerequisites":[{"experiment":"y","variations":["control"]}]}`))
}

func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		reason string
		ok     bool
	}{
		{"", true},
		{strings.Repeat("é", 1_000), true},
		{strings.Repeat("x", 1_001), false},
		{"two\nlines", true},
		{"\xff", false},
		{"a\x00", false},
	} {
		if err := CheckReason(tt.reason); (err == nil) != tt.ok {
			t.Errorf("%.20q: %v", tt.reason, err)
		}
	}
}

// Of several faults the same one is named every time.
func TestFaultsOfOverridesAreInOrder(t *testing.T) {
	l := newLedger()
	for range 20 {
		refused(t, "overrides.a")(l.draft(t, `{"name":"x","overrides":{"c":"z","b":"z","a":"z","d":"z"}}`))
	}
}
