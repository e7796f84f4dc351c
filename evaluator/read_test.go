package evaluator

import (
	"encoding/json"
	"os"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
)

// decoded is a config as a decoder for any type reads it.
type decoded struct {
	ID            string                `json:"id"`
	Key           string                `json:"key"`
	Version       int                   `json:"version"`
	Position      int64                 `json:"position"`
	Deleted       bool                  `json:"deleted"`
	Status        domain.Status         `json:"status"`
	Phase         int                   `json:"phase"`
	Hash          domain.HashKind       `json:"hash"`
	Tags          []string              `json:"tags"`
	UnitType      string                `json:"unit_type"`
	Salt          string                `json:"salt"`
	Variations    []decodedVariation    `json:"variations"`
	Split         []domain.SplitRange   `json:"split"`
	TrafficPPM    int                   `json:"traffic_ppm"`
	Layer         *decodedLayer         `json:"layer"`
	Audience      jsontext.Value        `json:"audience"`
	Overrides     map[string]string     `json:"overrides"`
	Prerequisites []domain.Prerequisite `json:"prerequisites"`
}

type decodedVariation struct {
	Key   string         `json:"key"`
	Value jsontext.Value `json:"value"`
}

type decodedLayer struct {
	Key   string         `json:"key"`
	Slots []domain.Range `json:"slots"`
}

// checkReader holds what the reader makes of a document to what the decoder
// does: where that reads a whole one, so does the reader, and the same.
func checkReader(t *testing.T, raw []byte) {
	t.Helper()
	var want decoded
	if err := jsonv2.Unmarshal(raw, &want); err != nil || beyond(want) {
		return
	}
	var c config
	r := reader{data: raw}
	r.config(&c)
	if err := r.end(); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	got := decoded{
		ID: c.ID, Key: c.Key, Version: c.Version, Position: c.Position, Deleted: c.Deleted, Status: c.Status, Phase: c.Phase,
		Hash: c.Hash, Tags: c.Tags, UnitType: c.UnitType, Salt: c.Salt, Split: c.Split, TrafficPPM: c.TrafficPPM,
		Audience: jsontext.Value(c.Audience), Overrides: c.Overrides, Prerequisites: c.Prerequisites,
	}
	for _, v := range c.Variations {
		got.Variations = append(got.Variations, decodedVariation{v.Key, jsontext.Value(v.Value)})
	}
	if c.Layer != nil {
		got.Layer = &decodedLayer{c.Layer.Key, c.Layer.Slots}
	}
	if a, b := marshal(t, got), marshal(t, want); a != b {
		t.Fatalf("%s\nis read as    %s\nis decoded as %s", raw, a, b)
	}
}

// marshal writes empty lists and objects alike, whether they are there or not.
func marshal(t *testing.T, d decoded) string {
	t.Helper()
	data, err := jsonv2.Marshal(d, jsonv2.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReaderReadsTheVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Configurations []struct {
			Document struct{ Experiments []json.RawMessage }
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, c := range file.Configurations {
		for _, raw := range c.Document.Experiments {
			checkReader(t, raw)
			read++
		}
	}
	if read < 100 {
		t.Errorf("read %d experiments", read)
	}
}

func TestReader(t *testing.T) {
	for _, good := range []string{
		`{}`, ` { } `, `null`, `{"id":null,"tags":null,"layer":null,"variations":[null],"overrides":null,"version":null,"deleted":null}`,
		`{"id":"a\n\u00e9\ud83d\ude00é","unknown":{"a":[1,{"b":"}]\"\\"}],"c":-1.5e3},"key" : "k" }`,
		`{"variations":[{"value": {"a": [1 , 2]},"key":"x"},{"key":"y","value":-0.1}],"split":[{"from":0,"to":5,"more":[]}]}`,
		`{"layer":{"key":"l","slots":[{"from":1,"to":2}]},"prerequisites":[{"experiment":"e","variations":["a","b"]}]}`,
		`{"overrides":{"a\u0041":"x","":"y"},"audience":{"a":{"$in":[1,"2"]}},"version":-9007199254740991,"\u006bey":"k"}`,
	} {
		var d decoded
		if err := jsonv2.Unmarshal([]byte(good), &d); err != nil {
			t.Fatalf("%s: %v", good, err)
		}
		checkReader(t, []byte(good))
	}
	for _, bad := range []string{
		``, ` `, `{`, `{}}`, `{} 1`, `[]`, `7`, `"x"`, `{"id"}`, `{"id":}`, `{"id":1}`, `{"id":"a}`, `{"id":"\x"}`, "{\"id\":\"\xff\"}", "{\"id\":\"a\nb\"}",
		`{"id":"\ud800"}`, `{"id":"a",}`, `{,}`, `{"id":"a" "key":"b"}`, `{"tags":["a",]}`, `{"tags":[,"a"]}`, `{"tags":["a"`, `{"tags":{"a":1}}`,
		`{"version":1.5}`, `{"version":"1"}`, `{"version":1e3}`, `{"version":9007199254740992}`, `{"version":+1}`, `{"version":}`, `{"deleted":1}`,
		`{"deleted":truee}`, `{"key":"a","key":"a"}`, `{"x":[1,{"y":2]`, `{"x":"\`, `{"layer":[]}`, `{"overrides":{"u":1}}`, `{"variations":{}}`, `{"x":]}`, `nul`, "\x00",
	} {
		r := reader{data: []byte(bad)}
		r.config(new(config))
		if r.end() == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"id":"a\u00e9","variations":[{"key":"x","value":[1, {}]}],"layer":{"slots":[{"from":1}]},"overrides":{"u":"x"},"deleted":true}`))
	f.Add([]byte(`{"split":[{"from":0,"to":5,"variation":"é"}],"prerequisites":[{"experiment":"e","variations":["a"]}],"audience":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) { checkReader(t, raw) })
}

// beyond is true of whole numbers beyond 2^53-1, which the reader alone refuses.
func beyond(d decoded) bool {
	numbers := []int64{int64(d.Version), d.Position, int64(d.Phase), int64(d.TrafficPPM)}
	for _, r := range d.Split {
		numbers = append(numbers, int64(r.From), int64(r.To))
	}
	if d.Layer != nil {
		for _, r := range d.Layer.Slots {
			numbers = append(numbers, int64(r.From), int64(r.To))
		}
	}
	for _, n := range numbers {
		if n > maxWhole || n < -maxWhole {
			return true
		}
	}
	return false
}
