package evaluator

import (
	"encoding/json"
	"fmt"
	"testing"
)

// What became of a document evaluates as if it were compiled anew, and segments
// that did not change are not built again.
func TestRecompile(t *testing.T) {
	document := func(stays, changes []string) Document {
		return Document{
			Position: 1,
			Experiments: []json.RawMessage{json.RawMessage(`{"id":"0193a1b2-0000-7000-8000-000000000001","key":"e","version":1,"status":"active",
				"phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","variations":[{"key":"off","value":0,"weight":1},{"key":"on","value":1,"weight":1}],
				"split":[{"variation":"off","from":0,"to":500000},{"variation":"on","from":500000,"to":1000000}],"traffic_ppm":1000000,
				"audience":{"$or":[{"id":{"$inGroup":"stays"}},{"id":{"$inGroup":"changes"}}]}}`)},
			Segments: []Segment{{ID: "a", Key: "stays", IDs: stays}, {ID: "b", Key: "changes", IDs: changes}},
		}
	}
	before, faults := Compile(document([]string{"u1"}, []string{"u2"}))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	next := document([]string{"u1"}, []string{"u3"})
	got, _ := before.Recompile(next)
	want, _ := Compile(next)
	for i := range 5 {
		id := fmt.Sprint("u", i)
		attributes := map[string]any{"id": id}
		g, _ := got.EvaluateRaw("e", id, attributes)
		w, _ := want.EvaluateRaw("e", id, attributes)
		if in := id == "u1" || id == "u3"; g.Variation != w.Variation || g.Reason != w.Reason || in != (g.Reason == Split) {
			t.Errorf("%s: %d, %s; compiled anew %d, %s", id, g.Variation, g.Reason, w.Variation, w.Reason)
		}
	}
	if got.built["stays"].members != before.built["stays"].members {
		t.Error("a segment that stayed was built again")
	}
	if got.built["changes"].members == before.built["changes"].members {
		t.Error("a segment that changed was not")
	}
}

// Who is in a segment may be asked while a unit is evaluated.
func TestSegmentThatIsAsked(t *testing.T) {
	member := "u1"
	s, faults := Compile(Document{
		Experiments: []json.RawMessage{json.RawMessage(`{"id":"0193a1b2-0000-7000-8000-000000000001","key":"e","version":1,"status":"active",
			"phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","variations":[{"key":"on","value":1,"weight":1}],
			"split":[{"variation":"on","from":0,"to":1000000}],"traffic_ppm":1000000,"audience":{"id":{"$inGroup":"g"}}}`)},
		Segments: []Segment{{ID: "a", Key: "g", Has: func(id string) bool { return id == member }}},
	})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, member = range []string{"u1", "u2", ""} {
		for _, id := range []string{"u1", "u2"} {
			if got, _ := s.EvaluateRaw("e", id, map[string]any{"id": id}); (got.Reason == Split) != (id == member) {
				t.Errorf("%s, with %q in the segment: %s", id, member, got.Reason)
			}
		}
	}
}
