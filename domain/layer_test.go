package domain

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func (l *ledger) layer(t testing.TB, body string) *Layer {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	must(t, l)(l.CreateLayer(id, []byte(body)))
	layer, _ := l.Layers.ByID(id)
	return layer
}

func TestLayerFindsFreeSlots(t *testing.T) {
	l := newLedger()
	layer := l.layer(t, `{"name":"checkout"}`)
	a := l.create(t, `{"name":"a","layer":{"key":"checkout","share_ppm":300000}}`)
	l.create(t, `{"name":"b","layer":{"key":"checkout","slots":[{"from":500000,"to":600000},{"from":400000,"to":500000}]}}`)
	c := l.create(t, `{"name":"c","layer":{"key":"checkout","share_ppm":200000}}`)
	if got := fmt.Sprint(c.Layer.Slots); got != "[{300000 400000} {600000 700000}]" {
		t.Errorf("c was given %s", got)
	}
	conflicts(t)(l.draft(t, `{"name":"d","layer":{"key":"checkout","slots":[{"from":299999,"to":300001}]}}`))
	conflicts(t)(l.draft(t, `{"name":"d","layer":{"key":"checkout","share_ppm":300001}}`))
	must(t, l)(l.EditExperiment(a, []byte(`{"layer":{"share_ppm":100000}}`)))
	if got := fmt.Sprint(l.get(t, "a").Layer.Slots); got != "[{0 100000}]" {
		t.Errorf("a kept %s", got)
	}
	if n := len(l.Occupancy(layer)); n != 4 {
		t.Errorf("%d ranges are occupied", n)
	}
	conflicts(t)(l.DeleteLayer(layer))
	refused(t, "layer.key")(l.draft(t, `{"name":"e","unit_type":"device","layer":{"key":"checkout","share_ppm":1}}`))
	refused(t, "layer")(l.draft(t, `{"name":"e","layer":{"key":"checkout"}}`))
	refused(t, "layer.slots")(l.draft(t, `{"name":"e","layer":{"key":"checkout","slots":[{"from":5,"to":5}]}}`))
}

func TestOrderedLayerKeepsItsOrder(t *testing.T) {
	l := newLedger()
	layer := l.layer(t, `{"name":"Order","mode":"ordered"}`)
	l.create(t, `{"name":"a","layer":{"key":"order"}}`)
	l.create(t, `{"name":"b","layer":{"key":"order"}}`)
	order := func() string { now, _ := l.Layers.ByID(layer.ID); return fmt.Sprint(now.Order) }
	if order() != "[a b]" {
		t.Errorf("order is %s", order())
	}
	now, _ := l.Layers.ByID(layer.ID)
	refused(t, "order")(l.EditLayer(now, []byte(`{"order":["a"]}`)))
	must(t, l)(l.EditLayer(now, []byte(`{"order":["b","a"]}`)))
	l.layer(t, `{"name":"other"}`)
	must(t, l)(l.EditExperiment(l.get(t, "b"), []byte(`{"layer":{"key":"other","share_ppm":10}}`)))
	if order() != "[a]" {
		t.Errorf("order is %s", order())
	}
	must(t, l)(l.EditExperiment(l.get(t, "b"), []byte(`{"layer":{"key":"order"}}`)))
	must(t, l)(l.DeleteExperiment(l.get(t, "a")))
	if order() != "[b]" {
		t.Errorf("order is %s", order())
	}
}

// Experiments of one layer never share a slot, whatever is asked.
func TestLayerSlotsAreDisjoint(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger()
		l.layer(t, `{"name":"l"}`)
		for i := range rapid.IntRange(1, 12).Draw(rt, "experiments") {
			l.create(t, fmt.Sprintf(`{"name":"e%d"}`, i))
			for range 3 {
				e := l.get(t, fmt.Sprintf("e%d", rapid.IntRange(0, i).Draw(rt, "which")))
				patch := fmt.Sprintf(`{"layer":{"key":"l","share_ppm":%d}}`, rapid.IntRange(1, 400_000).Draw(rt, "share"))
				if rapid.Bool().Draw(rt, "leave") {
					patch = `{"layer":null}`
				}
				if changes, err := l.EditExperiment(e, []byte(patch)); err == nil {
					l.append(changes...)
				}
			}
		}
		layer, _ := l.Layers.ByKey("l")
		next := 0
		for _, o := range l.Occupancy(layer) {
			if o.From < next || o.To <= o.From || o.To > Slots {
				rt.Fatalf("overlap: %v", l.Occupancy(layer))
			}
			next = o.To
		}
	})
}
