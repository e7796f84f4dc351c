package evaluator_test

import (
	"encoding/json"
	"testing"

	"github.com/assaylabs/assay/evaluator"
)

const button = `{"id":"0193f000-0000-7000-8000-000000000001","key":"button","version":2,"position":7,"status":"active","phase":1,
	"hash":"xxh3","unit_type":"user_id","salt":"button","tags":[],"audience":{"country":"US"},"traffic_ppm":1000000,
	"variations":[{"key":"control","value":false,"weight":1},{"key":"treatment","value":true,"weight":1}],
	"split":[{"variation":"control","from":0,"to":500000},{"variation":"treatment","from":500000,"to":1000000}],
	"overrides":{"qa":"treatment"},"prerequisites":[]}`

func TestOneExperiment(t *testing.T) {
	s, faults := evaluator.Compile(evaluator.Document{Position: 7, Experiments: []json.RawMessage{[]byte(button), []byte(`{"id":"x"}`)}})
	if len(faults) != 1 || faults[0].Experiment != "x" || s.Len() != 1 {
		t.Fatalf("faults %v, %d experiments", faults, s.Len())
	}
	us := map[string]any{"country": "US"}
	for _, tt := range []struct {
		id         string
		attributes map[string]any
		variation  int32
		reason     string
	}{
		{"", us, 0, "NO_UNIT"},
		{"\xff", us, 0, "NO_UNIT"},
		{"qa", nil, 1, "OVERRIDE"},
		{"u1", nil, 0, "AUDIENCE"},
		{"u1", us, 1, "SPLIT"},
		{"u2", us, 0, "SPLIT"},
	} {
		got, ok := s.EvaluateRaw("button", tt.id, tt.attributes)
		if !ok || got.Variation != tt.variation || got.Reason.String() != tt.reason {
			t.Errorf("%q %v: %d %s, want %d %s", tt.id, tt.attributes, got.Variation, got.Reason, tt.variation, tt.reason)
		}
	}
	if _, ok := s.EvaluateRaw("other", "u1", nil); ok {
		t.Error("an unknown key is found")
	}
}
