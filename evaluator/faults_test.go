package evaluator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/assaylabs/assay/evaluator"
)

// TestFaults poisons one experiment after another beside a good one.
func TestFaults(t *testing.T) {
	for _, tt := range []struct{ name, old, new, experiment, problem string }{
		{"not JSON", `{"id"`, `{id`, "1", "invalid"},
		{"a number", button, `7`, "1", ""},
		{"null", button, `null`, "1", "no id"},
		{"empty", button, ``, "1", ""},
		{"no key", `"key":"button"`, `"key":""`, "0193f000-0000-7000-8000-000000000001", "no key"},
		{"duplicate name", `"version":2`, `"version":2,"version":3`, "", "duplicate"},
		{"key of another", `"key":"button"`, `"key":"good"`, "good", "key is also"},
		{"status", `"active"`, `"paused"`, "button", `status is "paused"`},
		{"hash", `"xxh3"`, `"md5"`, "button", `hash is "md5"`},
		{"salt", `"salt":"button"`, `"salt":""`, "button", "salt"},
		{"unit type", `"unit_type":"user_id",`, ``, "button", "unit_type"},
		{"traffic", `1000000,
`, `1000001,
`, "button", "traffic_ppm"},
		{"no variations", `{"key":"control","value":false,"weight":1},{"key":"treatment","value":true,"weight":1}`, ``, "button", "0 variations"},
		{"one key twice", `{"key":"control"`, `{"key":"treatment"`, "button", "variation 1"},
		{"no value", `"value":true,`, ``, "button", "variation 1"},
		{"gap in the split", `"from":500000`, `"from":500001`, "button", "slot 500000"},
		{"short split", `"to":1000000`, `"to":999999`, "button", "slot 999999"},
		{"split of nobody", `{"variation":"treatment"`, `{"variation":"other"`, "button", "slot 500000"},
		{"override", `"qa":"treatment"`, `"qa":"other"`, "button", "override"},
		{"audience", `{"country":"US"}`, `{"country":{"$near":1}}`, "button", "audience"},
		{"regular expression", `{"country":"US"}`, `{"country":{"$regex":"("}}`, "button", "audience"},
		{"no such layer", `"traffic_ppm"`, `"layer":{"key":"gone"},"traffic_ppm"`, "button", "layer"},
		{"circle of one", `"prerequisites":[]`, `"prerequisites":[{"experiment":"button","variations":["control"]}]`, "button", "circle"},
		{"too long", `"tags":[]`, `"tags":["` + strings.Repeat("x", 300<<10) + `"]`, "1", "bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			good := strings.ReplaceAll(button, "button", "good")
			bad := strings.Replace(button, tt.old, tt.new, 1)
			if bad == button {
				t.Fatal("nothing is wrong")
			}
			s, faults := evaluator.Compile(evaluator.Document{Experiments: []json.RawMessage{[]byte(good), []byte(bad)}})
			if len(faults) != 1 || !strings.HasPrefix(faults[0].Experiment, tt.experiment) || !strings.Contains(faults[0].Problem, tt.problem) {
				t.Fatalf("faults %v", faults)
			}
			if _, ok := s.Experiment("button"); ok || s.Len() != 1 {
				t.Errorf("%d experiments are left", s.Len())
			}
			if v, reason := answer(t, s, "good", "qa", nil); v != "treatment" || reason != "OVERRIDE" {
				t.Errorf("the other answers %s %s", v, reason)
			}
		})
	}
}

func TestCircles(t *testing.T) {
	requires := map[string][]string{
		"a": {"b"}, "b": {"c"}, "c": {"a"}, "before": {"free"}, "free": nil, "after": {"a"}, "other": {"other"},
	}
	var raws []json.RawMessage
	for key, needs := range requires {
		var list []string
		for _, need := range needs {
			list = append(list, fmt.Sprintf(`{"experiment":%q,"variations":["control","treatment"]}`, need))
		}
		e := strings.Replace(button, `"prerequisites":[]`, `"prerequisites":[`+strings.Join(list, ",")+`]`, 1)
		e = strings.Replace(e, `{"country":"US"}`, `{}`, 1)
		raws = append(raws, []byte(strings.Replace(strings.Replace(e, `"key":"button"`, `"key":"`+key+`"`, 1), "000000000001", fmt.Sprintf("%012d", len(raws)), 1)))
	}
	s, faults := evaluator.Compile(evaluator.Document{Experiments: raws})
	if len(faults) != 4 {
		t.Errorf("faults %v, want those of a, b, c and other", faults)
	}
	for key, want := range map[string]string{"before": "SPLIT", "free": "SPLIT", "after": "PREREQUISITE"} {
		if _, reason := answer(t, s, key, "u1", nil); reason != want {
			t.Errorf("%s: %s, want %s", key, reason, want)
		}
	}
}

// TestDeletedIsNotFound: an experiment's last document may still be there.
func TestDeletedIsNotFound(t *testing.T) {
	gone := strings.Replace(button, `"status"`, `"deleted":true,"status"`, 1)
	s := compile(t, evaluator.Document{Experiments: []json.RawMessage{[]byte(gone)}})
	if _, ok := s.Experiment("button"); ok || s.Len() != 0 {
		t.Error("a deleted experiment is evaluated")
	}
}
