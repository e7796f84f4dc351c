package domain

import (
	"fmt"
	"testing"
)

func TestLayerRequests(t *testing.T) {
	for _, tt := range []struct{ name, layer, field string }{
		{"slots and a share", `{"key":"l","slots":[{"from":0,"to":10}],"share_ppm":10}`, "layer"},
		{"neither", `{"key":"l"}`, "layer"},
		{"no slots", `{"key":"l","slots":[]}`, "layer"},
		{"no share", `{"key":"l","share_ppm":0}`, "layer.share_ppm"},
		{"more than all", `{"key":"l","share_ppm":1000001}`, "layer.share_ppm"},
		{"below the first slot", `{"key":"l","slots":[{"from":-1,"to":5}]}`, "layer.slots"},
		{"beyond the last slot", `{"key":"l","slots":[{"from":999999,"to":1000001}]}`, "layer.slots"},
		{"overlapping itself", `{"key":"l","slots":[{"from":0,"to":10},{"from":9,"to":20}]}`, "layer.slots"},
		{"no key", `{"share_ppm":10}`, "layer.key"},
		{"not an object", `"l"`, "layer"},
		{"unknown member", `{"key":"l","share":10}`, "layer.share"},
		{"slots of an ordered layer", `{"key":"o","slots":[{"from":0,"to":10}]}`, "layer"},
		{"share of an ordered layer", `{"key":"o","share_ppm":10}`, "layer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger()
			l.layer(t, `{"name":"l"}`)
			l.layer(t, `{"name":"o","mode":"ordered"}`)
			refused(t, tt.field)(l.draft(t, `{"name":"x","layer":`+tt.layer+`}`))
			e := l.create(t, `{"name":"x"}`)
			refused(t, tt.field)(l.EditExperiment(e, []byte(`{"layer":`+tt.layer+`}`)))
		})
	}
}

// Slots that are asked for by number are never another's, whatever else is said.
func TestLayerSlotsAreNeverTakenTwice(t *testing.T) {
	l := newLedger()
	l.layer(t, `{"name":"l"}`)
	l.create(t, `{"name":"a","layer":{"key":"l","slots":[{"from":0,"to":500000}]}}`)
	conflicts(t)(l.draft(t, `{"name":"b","layer":{"key":"l","slots":[{"from":499999,"to":500001}]}}`))
	b := l.create(t, `{"name":"b","layer":{"key":"l","slots":[{"from":500000,"to":500001}]}}`)
	conflicts(t)(l.EditExperiment(b, []byte(`{"layer":{"slots":[{"from":0,"to":1}]}}`)))
	must(t, l)(l.DeleteExperiment(l.get(t, "a")))
	must(t, l)(l.EditExperiment(b, []byte(`{"layer":{"slots":[{"from":0,"to":1}]}}`)))
	// The share of a deleted experiment is free again.
	must(t, l)(l.EditExperiment(l.get(t, "b"), []byte(`{"layer":{"share_ppm":1000000}}`)))
	if got := fmt.Sprint(l.get(t, "b").Layer.Slots); got != "[{0 1000000}]" {
		t.Errorf("slots %s", got)
	}
	conflicts(t)(l.draft(t, `{"name":"c","layer":{"key":"l","share_ppm":1}}`))
}

func TestExperimentsMoveBetweenLayers(t *testing.T) {
	l := newLedger()
	l.layer(t, `{"name":"one"}`)
	l.layer(t, `{"name":"two"}`)
	l.layer(t, `{"name":"queue","mode":"ordered"}`)
	l.create(t, `{"name":"first","layer":{"key":"two","share_ppm":100}}`)
	l.create(t, `{"name":"x","layer":{"key":"one","share_ppm":100}}`)
	for _, tt := range []struct{ patch, want string }{
		{`{"layer":{"share_ppm":50}}`, "one [{0 50}]"},
		{`{"layer":{"share_ppm":70}}`, "one [{0 70}]"},
		{`{"owner":"o"}`, "one [{0 70}]"},
		{`{"layer":{"key":"two","share_ppm":70}}`, "two [{100 170}]"},
		{`{"layer":{"key":"queue"}}`, "queue []"},
		{`{"owner":"p"}`, "queue []"},
		{`{"layer":{"key":"one","slots":[{"from":20,"to":30},{"from":30,"to":40},{"from":5,"to":6}]}}`, "one [{5 6} {20 40}]"},
		{`{"layer":{"share_ppm":22}}`, "one [{0 1} {5 6} {20 40}]"},
		{`{"layer":{"share_ppm":10}}`, "one [{0 1} {5 6} {20 28}]"},
		{`{"layer":{"slots":null,"share_ppm":10}}`, "one [{0 10}]"},
		{`{"layer":null}`, "none"},
		{`{"layer":{"key":"two","share_ppm":5}}`, "two [{100 105}]"},
	} {
		must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(tt.patch)))
		got := "none"
		if s := l.get(t, "x").Layer; s != nil {
			got = fmt.Sprintf("%s %v", s.Key, s.Slots)
			if s.SharePPM != nil {
				t.Errorf("%s: the share was stored", tt.patch)
			}
		}
		if got != tt.want {
			t.Errorf("%s gave %s, want %s", tt.patch, got, tt.want)
		}
	}
	refused(t, "layer")(l.EditExperiment(l.get(t, "x"), []byte(`{"layer":{"key":"one"}}`)))
	queue, _ := l.Layers.ByKey("queue")
	if len(queue.Order) != 0 {
		t.Errorf("order %v", queue.Order)
	}
	must(t, l)(l.DeleteLayer(queue))
}

func TestLayersAreOfOneUnitType(t *testing.T) {
	l := newLedger()
	layer := l.layer(t, `{"name":"l","unit_type":"device"}`)
	refused(t, "layer.key")(l.draft(t, `{"name":"x","layer":{"key":"l","share_ppm":1}}`))
	x := l.create(t, `{"name":"x","unit_type":"device","layer":{"key":"l","share_ppm":1}}`)
	refused(t, "unit_type")(l.EditExperiment(x, []byte(`{"unit_type":"user_id"}`)))
	refused(t, "unit_type")(l.EditExperiment(x, []byte(`{"unit_type":null}`)))
	must(t, l)(l.EditExperiment(x, []byte(`{"unit_type":"user_id","layer":null}`)))
	for _, patch := range []string{`{"unit_type":"user_id"}`, `{"salt":"s"}`, `{"mode":"ordered"}`, `{"key":"m"}`} {
		refused(t, patch[2:5])(l.EditLayer(layer, []byte(patch)))
	}
	must(t, l)(l.DeleteLayer(layer))
	if again := l.layer(t, `{"name":"l"}`); again.ID == layer.ID {
		t.Error("the key of a deleted layer should serve a new one")
	}
	conflicts(t)(l.CreateLayer(layer.ID, []byte(`{"name":"again"}`)))
}

func TestOrderOfALayer(t *testing.T) {
	l := newLedger()
	refused(t, "order")(l.CreateLayer(newUUID(), []byte(`{"name":"o","mode":"ordered","order":["x"]}`)))
	l.layer(t, `{"name":"o","mode":"ordered"}`)
	now := func() *Layer { o, _ := l.Layers.ByKey("o"); return o }
	for _, name := range []string{"a", "b", "c"} {
		l.create(t, `{"name":"`+name+`","layer":{"key":"o"}}`)
	}
	for _, order := range []string{`["a","b"]`, `["a","b","b"]`, `["a","b","c","c"]`, `["a","b","z"]`, `[]`, `null`} {
		refused(t, "order")(l.EditLayer(now(), []byte(`{"order":`+order+`}`)))
	}
	must(t, l)(l.EditLayer(now(), []byte(`{"order":["c","a","b"]}`)))
	if changes := must(t, l)(l.EditExperiment(l.get(t, "a"), []byte(`{"layer":{"key":"o"}}`))); len(changes) != 0 {
		t.Errorf("staying appends %v", changes)
	}
	if got := fmt.Sprint(now().Order); got != "[c a b]" {
		t.Errorf("order %s", got)
	}
}

func TestSharesOfAFragmentedLayer(t *testing.T) {
	l := newLedger()
	l.layer(t, `{"name":"l"}`)
	// Every second slot of the first 2,000 is taken, by experiments of 250 pieces.
	for i := range 4 {
		slots := "["
		for j := range 250 {
			from := 2 * (250*i + j)
			slots += fmt.Sprintf(`{"from":%d,"to":%d},`, from, from+1)
		}
		l.create(t, fmt.Sprintf(`{"name":"e%d","layer":{"key":"l","slots":%s]}}`, i, slots[:len(slots)-1]))
	}
	x := l.create(t, `{"name":"x","layer":{"key":"l","share_ppm":200}}`)
	if n := len(x.Layer.Slots); n != 200 {
		t.Errorf("%d pieces", n)
	}
	// 1,000 single slots are too many pieces: then the free end serves.
	y := l.create(t, `{"name":"y","layer":{"key":"l","share_ppm":5000}}`)
	total := 0
	for _, r := range y.Layer.Slots {
		total += r.To - r.From
	}
	if total != 5000 || len(y.Layer.Slots) > maxRanges {
		t.Errorf("%d slots in %d pieces", total, len(y.Layer.Slots))
	}
}
