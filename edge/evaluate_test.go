package edge

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

func TestEvaluateAnswersWhatIsNamed(t *testing.T) {
	s := newStack(t, Config{})
	for _, tt := range []struct{ name, body, want string }{
		{
			"split", `{"unit":"u1","experiments":["button"]}`,
			`{"button":{"variation":"treatment","value":true,"reason":"SPLIT"}}`,
		},
		{
			"override", `{"unit":"vip","attributes":{},"experiments":["button"]}`,
			`{"button":{"variation":"treatment","value":true,"reason":"OVERRIDE"}}`,
		},
		{
			"audience", `{"unit":"u1","attributes":{"country":"DE"},"experiments":["banner"]}`,
			`{"banner":{"variation":"control","value":false,"reason":"AUDIENCE"}}`,
		},
		{
			"several, one twice", `{"unit":"u1","attributes":{"country":"US"},"experiments":["paused","banner","paused","small"]}`,
			`{"paused":{"variation":"control","value":false,"reason":"INACTIVE"},` +
				`"banner":{"variation":"treatment","value":true,"reason":"SPLIT"},` +
				`"small":{"variation":"control","value":false,"reason":"TRAFFIC"}}`,
		},
		{"no unit", `{"experiments":["button"]}`, `{"button":{"variation":"control","value":false,"reason":"NO_UNIT"}}`},
		{
			"another unit type", `{"attributes":{"company_id":42},"experiments":["company"]}`,
			`{"company":{"variation":"treatment","value":true,"reason":"SPLIT"}}`,
		},
		{
			"any value", `{"unit":"u\u0031","experiments":["price"]}`,
			`{"price":{"variation":"é\"<","value":[null,"x"],"reason":"SPLIT"}}`,
		},
		{"none", `{"unit":"u1","experiments":[]}`, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := s.send(t, request{method: "POST", path: "/evaluate", body: tt.body}).want(t, http.StatusOK)
			same(t, got.body, `{"position":1,"assignments":`+tt.want+`}`)
		})
	}
}

func TestEvaluateNamesWhatIsNotThere(t *testing.T) {
	s := newStack(t, Config{})
	got := s.send(t, request{method: "POST", path: "/evaluate", body: `{"unit":"u1","experiments":["nope","button","<x>"]}`})
	same(t, got.want(t, http.StatusOK).body, `{"position":1,"assignments":{"button":{"variation":"treatment","value":true,"reason":"SPLIT"}},
		"not_found":["nope","<x>"]}`)
}

func TestEvaluateAnswersAllUnlessNamed(t *testing.T) {
	s := newStack(t, Config{})
	got := s.send(t, request{method: "POST", path: "/evaluate", body: `{"unit":"u1"}`}).want(t, http.StatusOK)
	var doc struct {
		Position    int64
		Assignments map[string]struct{ Reason string }
	}
	if err := json.Unmarshal(got.body, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Position != 1 || len(doc.Assignments) != len(demo(1).Experiments) || doc.Assignments["paused"].Reason != "INACTIVE" {
		t.Errorf("got %s", got.body)
	}
	if got.header.Get("Assay-Position") != "1" || got.header.Get("Content-Type") != jsonType || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.header)
	}
}

func TestEvaluateOfNoExperiments(t *testing.T) {
	s := newStack(t, Config{})
	empty := demo(2)
	for _, x := range s.view().state.Snapshot.Experiments() {
		empty.Deleted = append(empty.Deleted, evaluator.Tombstone{Kind: domain.KindExperiment, ID: x.ID(), Position: 2})
	}
	empty.Experiments = nil
	s.show(t, empty)
	same(t, s.send(t, request{method: "POST", path: "/evaluate", body: `{"unit":"u1"}`}).body, `{"position":2,"assignments":{}}`)
	same(t, s.send(t, request{method: "POST", path: flagsPath, body: `{}`, token: s.tokens[domain.Client]}).body, fmt.Sprintf(
		`{"flags":[],"eventStreams":[{"type":"sse","endpoint":{"requestUri":"/stream?token=%s"},"inactivityDelaySec":120}]}`,
		s.view().callers.get(s.keys[0].ID).ticket))
}

// Whatever is asked, the answer is what the evaluator says of it, in valid JSON;
// and one call leaves nothing for the next.
func TestEvaluateSaysWhatTheEvaluatorSays(t *testing.T) {
	s := newStack(t, Config{})
	snapshot := s.view().state.Snapshot
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]string{"", "u1", "vip", "é😀", strings.Repeat("x", 300)}).Draw(t, "unit")
		attributes := map[string]any{}
		if rapid.Bool().Draw(t, "country") {
			attributes["country"] = rapid.SampledFrom([]any{"US", "DE", nil, 1.5, []any{"US"}}).Draw(t, "value")
		}
		if rapid.Bool().Draw(t, "company") {
			attributes["company_id"] = rapid.SampledFrom([]any{"c1", 42.0, 1.5, true}).Draw(t, "id")
		}
		body, err := domain.Encode(map[string]any{"unit": unit, "attributes": attributes})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.try(request{method: "POST", path: "/evaluate", body: string(body)})
		if err != nil || got.status != http.StatusOK {
			t.Fatalf("%v %d %s", err, got.status, got.body)
		}
		var doc struct {
			Assignments map[string]struct {
				Variation, Reason string
				Value             json.RawMessage
			}
		}
		if err := json.Unmarshal(got.body, &doc); err != nil {
			t.Fatalf("%v: %s", err, got.body)
		}
		var u evaluator.Unit
		snapshot.Prepare(&u, unit, attributes)
		for _, x := range snapshot.Experiments() {
			want, a := snapshot.Evaluate(x, &u), doc.Assignments[x.Key()]
			v := x.Variations()[want.Variation]
			if a.Variation != v.Key || a.Reason != want.Reason.String() || string(a.Value) != string(v.Value) {
				t.Fatalf("%s: got %+v, want %s %s %s", x.Key(), a, v.Key, want.Reason, v.Value)
			}
		}
	})
}

// However many flags there are, answering them allocates a handful of objects.
func TestAnswersAllocateLittle(t *testing.T) {
	s := idle(t, Config{RateLimit: RateLimit{PerSecond: -1}})
	token := s.addKey(domain.Key{Name: "server", Role: domain.Server}, 1)
	s.show(t, workload(300))
	for path, most := range map[string]float64{"/evaluate": 60, flagsPath: 60, flagsPath + "/experiment-1": 60, "/snapshot": 40} {
		body := strings.NewReader("")
		req, err := http.NewRequest(http.MethodPost, path, body)
		if err != nil {
			t.Fatal(err)
		}
		text := `{"context":{"targetingKey":"u1",` + attributes + `}}`
		switch path {
		case "/evaluate":
			text = `{"unit":"u1","attributes":{` + attributes + `}}`
		case "/snapshot":
			req.Method, text = http.MethodGet, ""
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", jsonType)
		req.ContentLength, req.Body = int64(len(text)), io.NopCloser(body)
		w := &discard{header: http.Header{}}
		got := testing.AllocsPerRun(50, func() {
			body.Reset(text)
			clear(w.header)
			s.ServeHTTP(w, req)
		})
		if got > most || w.size == 0 {
			t.Errorf("%s: %v allocations for %d bytes, want at most %v", path, got, w.size, most)
		}
	}
}
