package domain

import (
	"strings"
	"testing"
)

// run makes an experiment that has been active and is off again.
func (l *ledger) ran(t testing.TB, body string) *Experiment {
	t.Helper()
	e := l.create(t, body)
	l.set(t, e.Key, Active)
	l.set(t, e.Key, Inactive)
	return l.get(t, e.Key)
}

func TestWhatNeedsAPhase(t *testing.T) {
	const body = `{"name":"x","audience":{"a":1,"b":{"$in":["x",2.0]}},"variations":[
		{"key":"a","weight":1},{"key":"b","weight":1},{"key":"c","weight":0}]}`
	for _, tt := range []struct {
		name, patch string
		needs       bool
	}{
		{"another weight", `{"variations":[{"key":"a","weight":2},{"key":"b","weight":1},{"key":"c","weight":0}]}`, true},
		{"the same shares by other weights", `{"variations":[{"key":"a","weight":2},{"key":"b","weight":2},{"key":"c","weight":0}]}`, true},
		{"a variation fewer", `{"variations":[{"key":"a","weight":1},{"key":"b","weight":1}]}`, true},
		{"a variation more", `{"variations":[{"key":"a","weight":1},{"key":"b","weight":1},{"key":"c","weight":0},{"key":"d","weight":0}]}`, true},
		{"another control", `{"variations":[{"key":"b","weight":1},{"key":"a","weight":1},{"key":"c","weight":0}]}`, true},
		{"another key", `{"variations":[{"key":"a","weight":1},{"key":"z","weight":1},{"key":"c","weight":0}]}`, true},
		{"names and values", `{"variations":[{"key":"a","name":"A","value":1,"weight":1},{"key":"b","weight":1},{"key":"c","weight":0}]}`, false},
		{"audience", `{"audience":{"a":2}}`, true},
		{"audience removed", `{"audience":null}`, true},
		{"audience in another form", `{"audience":{"b":{"$in":["\u0078",2e0]},"a":1.0}}`, false},
		{"salt", `{"salt":"s"}`, true},
		{"default salt", `{"salt":null}`, false},
		{"unit", `{"unit_type":"device"}`, true},
		{"traffic", `{"traffic_ppm":5}`, false},
		{"overrides", `{"overrides":{"u":"b"}}`, false},
		{"analysis", `{"analysis":{"method":"fixed"}}`, false},
		{"words", `{"name":"y","description":"d","hypothesis":"h","owner":"o","tags":["t"]}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger()
			e := l.ran(t, body)
			with := func(phase string) []byte {
				return []byte(strings.TrimSuffix(tt.patch, "}") + `,"phase":"` + phase + `"}`)
			}
			if !tt.needs {
				must(t, l)(l.EditExperiment(e, []byte(tt.patch)))
			} else {
				refused(t, "phase")(l.EditExperiment(e, []byte(tt.patch)))
				must(t, l)(l.EditExperiment(e, with("same")))
			}
			if p := l.get(t, "x").Phase; p != 1 {
				t.Errorf("phase is %d, want 1", p)
			}
			must(t, l)(l.EditExperiment(e, with("new")))
			if p := l.get(t, "x").Phase; p != 2 {
				t.Errorf("phase is %d, want 2", p)
			}
			// Before it ever ran nothing needs a phase.
			fresh := newLedger()
			must(t, fresh)(fresh.EditExperiment(fresh.create(t, body), []byte(tt.patch)))
		})
	}
}

func TestAudienceInAnotherFormChangesNothing(t *testing.T) {
	l := newLedger()
	e := l.ran(t, `{"name":"x","audience":{"a":1.0,"b":"é"}}`)
	for _, audience := range []string{`{"b":"\u00e9","a":1}`, `{"a":1e0}`, `{ "b" : "é" }`} {
		if changes := must(t, l)(l.EditExperiment(e, []byte(`{"audience":`+audience+`}`))); len(changes) != 0 {
			t.Errorf("%s appends %v", audience, changes)
		}
	}
}

func TestPhaseAlone(t *testing.T) {
	l := newLedger()
	e := l.ran(t, `{"name":"x"}`)
	if changes := must(t, l)(l.EditExperiment(e, []byte(`{"phase":"same"}`))); len(changes) != 0 {
		t.Errorf("the same phase appends %v", changes)
	}
	if changes := must(t, l)(l.EditExperiment(e, []byte(`{"phase":"new"}`))); len(changes) != 1 {
		t.Errorf("a new phase appends %v", changes)
	}
	if e := l.get(t, "x"); e.Phase != 2 || len(e.Split) != 2 {
		t.Errorf("phase %d, split %v", e.Phase, e.Split)
	}
	for _, phase := range []string{`"old"`, `""`, `null`, `2`, `true`} {
		refused(t, "phase")(l.EditExperiment(e, []byte(`{"phase":`+phase+`}`)))
	}
	// Before it ever ran a new phase may be begun too: it was asked for.
	l.create(t, `{"name":"y"}`)
	must(t, l)(l.EditExperiment(l.get(t, "y"), []byte(`{"phase":"new","salt":"s"}`)))
	if e := l.get(t, "y"); e.Phase != 2 {
		t.Errorf("phase is %d", e.Phase)
	}
}

func TestRevertMustSayThePhase(t *testing.T) {
	l := newLedger()
	first := l.create(t, `{"name":"x"}`)
	must(t, l)(l.EditExperiment(first, []byte(`{"audience":{"a":1},"owner":"o"}`)))
	second := l.get(t, "x")
	l.set(t, "x", Active)
	must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"owner":"p"}`)))
	must(t, l)(l.RevertExperiment(l.get(t, "x"), second, 2, ""))
	refused(t, "phase")(l.RevertExperiment(l.get(t, "x"), first, 1, ""))
	must(t, l)(l.RevertExperiment(l.get(t, "x"), first, 1, "same"))
	if e := l.get(t, "x"); e.Phase != 1 || string(e.Audience) != "{}" || e.Owner != "" || e.Status != Active || !e.EverActive {
		t.Errorf("reverted to %+v", e)
	}
	if changes := must(t, l)(l.RevertExperiment(l.get(t, "x"), first, 1, "")); len(changes) != 0 {
		t.Errorf("a second revert appends %v", changes)
	}
}

// Equal weights may stand on unequal splits; a revert restores the split too.
func TestRevertRestoresTheVerySplit(t *testing.T) {
	l := newLedger()
	first := l.create(t, `{"name":"x","variations":[{"key":"a","weight":1},{"key":"b","weight":1},{"key":"c","weight":1}]}`)
	for _, weights := range [][3]string{{"0", "1", "1"}, {"1", "1", "1"}} {
		must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"variations":[{"key":"a","weight":`+weights[0]+`},{"key":"b","weight":`+weights[1]+`},{"key":"c","weight":`+weights[2]+`}]}`)))
	}
	if e := l.get(t, "x"); len(Moves(first.Split, e.Split)) == 0 {
		t.Fatalf("the split is %v again", e.Split)
	}
	l.set(t, "x", Active)
	refused(t, "phase")(l.RevertExperiment(l.get(t, "x"), first, 1, ""))
	must(t, l)(l.RevertExperiment(l.get(t, "x"), first, 1, "new"))
	if moves := Moves(first.Split, l.get(t, "x").Split); len(moves) != 0 {
		t.Errorf("moved %v", moves)
	}
}

// What an earlier version named may be gone, or taken.
func TestRevertSaysWhatIsInTheWay(t *testing.T) {
	for _, tt := range []struct {
		name, settings, problem string
		then                    func(*testing.T, *ledger)
	}{
		{"a deleted metric", `"metrics":[{"metric":"m","role":"primary"}]`, "metrics[0].metric: names a metric definition that does not exist: m", func(t *testing.T, l *ledger) {
			m, _ := l.Metrics.ByKey("m")
			must(t, l)(l.DeleteMetric(m))
		}},
		{"a deleted segment", `"audience":{"id":{"$inGroup":"g"}}`, "audience: names a segment that does not exist: g", func(t *testing.T, l *ledger) {
			g, _ := l.Segments.ByKey("g")
			must(t, l)(l.DeleteSegment(g))
		}},
		{"a deleted layer", `"layer":{"key":"l","share_ppm":10}`, "layer.key: names a layer that does not exist: l", func(t *testing.T, l *ledger) {
			layer, _ := l.Layers.ByKey("l")
			must(t, l)(l.DeleteLayer(layer))
		}},
		{"taken slots", `"layer":{"key":"l","share_ppm":10}`, "slots 0 to 600000 of layer l belong to experiment y", func(t *testing.T, l *ledger) {
			l.create(t, `{"name":"y","layer":{"key":"l","share_ppm":600000}}`)
		}},
		{"a deleted experiment", `"prerequisites":[{"experiment":"p","variations":["control"]}]`, "prerequisites[0].experiment: names an experiment that does not exist: p", func(t *testing.T, l *ledger) {
			must(t, l)(l.DeleteExperiment(l.get(t, "p")))
		}},
		{"a circle", `"prerequisites":[{"experiment":"p","variations":["control"]}]`, "prerequisites[0].experiment: makes a circle: p depends on x", func(t *testing.T, l *ledger) {
			must(t, l)(l.EditExperiment(l.get(t, "p"), []byte(`{"prerequisites":[{"experiment":"x","variations":["control"]}]}`)))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger()
			must(t, l)(l.CreateMetric(newUUID(), []byte(`{"name":"m","event":"e"}`)))
			must(t, l)(l.CreateSegment(newUUID(), []byte(`{"name":"g"}`)))
			l.layer(t, `{"name":"l"}`)
			l.create(t, `{"name":"p"}`)
			first := l.create(t, `{"name":"x",`+tt.settings+`}`)
			must(t, l)(l.EditExperiment(first, []byte(`{"metrics":null,"audience":null,"layer":null,"prerequisites":null}`)))
			tt.then(t, l)
			_, err := l.RevertExperiment(l.get(t, "x"), first, 1, "")
			conflicts(t)(nil, err)
			if err == nil || !strings.Contains(err.Error(), tt.problem) || !strings.Contains(err.Error(), "version 1") {
				t.Errorf("got %v, want it to say %s", err, tt.problem)
			}
		})
	}
}

func TestRevertAcrossLayers(t *testing.T) {
	l := newLedger()
	l.layer(t, `{"name":"random"}`)
	ordered := l.layer(t, `{"name":"ordered","mode":"ordered"}`)
	first := l.create(t, `{"name":"x","layer":{"key":"random","slots":[{"from":5,"to":9}]}}`)
	l.create(t, `{"name":"y","layer":{"key":"ordered"}}`)
	must(t, l)(l.EditExperiment(first, []byte(`{"layer":{"key":"ordered"}}`)))
	second := l.get(t, "x")
	must(t, l)(l.RevertExperiment(second, first, 1, ""))
	if e := l.get(t, "x"); len(e.Layer.Slots) != 1 || e.Layer.Slots[0] != (Range{5, 9}) {
		t.Errorf("layer is %+v", e.Layer)
	}
	if now, _ := l.Layers.ByID(ordered.ID); len(now.Order) != 1 {
		t.Errorf("order is %v", now.Order)
	}
	must(t, l)(l.RevertExperiment(l.get(t, "x"), second, 2, ""))
	if now, _ := l.Layers.ByID(ordered.ID); strings.Join(now.Order, " ") != "y x" || l.get(t, "x").Layer.Slots != nil {
		t.Errorf("order is %v", now.Order)
	}
}
