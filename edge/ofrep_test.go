package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/feed"
)

// flags asks for all flags with a context.
func (s *stack) flags(t testing.TB, context string, headers ...string) response {
	t.Helper()
	r := request{method: "POST", path: flagsPath, body: `{"context":` + context + `}`, header: map[string]string{}}
	for i := 0; i < len(headers); i += 2 {
		r.header[headers[i]] = headers[i+1]
	}
	return s.send(t, r)
}

func TestFlagSpeaksOFREP(t *testing.T) {
	s := newStack(t, Config{})
	for _, tt := range []struct{ key, context, want string }{
		{"button", `{"targetingKey":"u1"}`, `"value":true,"reason":"SPLIT","variant":"treatment","metadata":{"assayReason":"SPLIT","version":3}`},
		{"button", `{"targetingKey":"vip"}`, `"value":true,"reason":"TARGETING_MATCH","variant":"treatment","metadata":{"assayReason":"OVERRIDE","version":3}`},
		{"banner", `{"targetingKey":"u1","country":"US"}`, `"value":true,"reason":"SPLIT","variant":"treatment","metadata":{"assayReason":"SPLIT","version":3}`},
		{"banner", `{"targetingKey":"u1","country":"DE"}`, `"value":false,"reason":"DISABLED","metadata":{"assayReason":"AUDIENCE","version":3}`},
		{"paused", `{"targetingKey":"u1"}`, `"value":false,"reason":"DISABLED","metadata":{"assayReason":"INACTIVE","version":3}`},
		{"small", `{"targetingKey":"u1"}`, `"value":false,"reason":"DISABLED","metadata":{"assayReason":"TRAFFIC","version":3}`},
		{"button", `{}`, `"value":false,"reason":"DISABLED","metadata":{"assayReason":"NO_UNIT","version":3}`},
		{"button", `null`, `"value":false,"reason":"DISABLED","metadata":{"assayReason":"NO_UNIT","version":3}`},
		{"price", `{"targetingKey":"u\u0031"}`, `"value":[null,"x"],"reason":"SPLIT","variant":"é\"<","metadata":{"assayReason":"SPLIT","version":3}`},
		{"company", `{"company_id":"c1"}`, `"value":true,"reason":"SPLIT","variant":"treatment","metadata":{"assayReason":"SPLIT","version":3}`},
	} {
		t.Run(tt.key+tt.context, func(t *testing.T) {
			got := s.send(t, request{method: "POST", path: flagsPath + "/" + tt.key, body: `{"context":` + tt.context + `,"client":"new"}`})
			same(t, got.want(t, http.StatusOK).body, fmt.Sprintf(`{"key":%q,%s}`, tt.key, tt.want))
		})
	}
	same(t, s.send(t, request{method: "POST", path: flagsPath + "/button"}).want(t, http.StatusOK).body,
		`{"key":"button","value":false,"reason":"DISABLED","metadata":{"assayReason":"NO_UNIT","version":3}}`)
}

func TestFlagsListsAllAndSaysWhereToListen(t *testing.T) {
	s := newStack(t, Config{})
	got := s.flags(t, `{"targetingKey":"u1"}`).want(t, http.StatusOK)
	var doc struct {
		Flags        []json.RawMessage
		EventStreams []struct {
			Type               string
			Endpoint           struct{ RequestURI string }
			InactivityDelaySec int
		}
	}
	if err := json.Unmarshal(got.body, &doc); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, flag := range doc.Flags {
		var f struct{ Key string }
		_ = json.Unmarshal(flag, &f)
		keys = append(keys, f.Key)
		single := s.send(t, request{method: "POST", path: flagsPath + "/" + f.Key, body: `{"context":{"targetingKey":"u1"}}`})
		same(t, single.body, string(flag))
	}
	if want := []string{"banner", "button", "company", "paused", "price", "small", "text"}; !slices.Equal(keys, want) {
		t.Errorf("flags %q, want %q", keys, want)
	}
	if len(doc.EventStreams) != 1 || doc.EventStreams[0].Type != "sse" || doc.EventStreams[0].InactivityDelaySec != 120 {
		t.Fatalf("got %s", got.body)
	}
	if strings.Contains(string(got.body), rootToken) || strings.Contains(string(got.body), url.QueryEscape(rootToken)) {
		t.Error("the token stands in the answer")
	}
	stream := s.open(t, request{path: doc.EventStreams[0].Endpoint.RequestURI, token: "none"})
	if got := stream.event(t); got.id != "1" {
		t.Errorf("event %+v", got)
	}
}

func TestFlagsETagCoversContextAndRevision(t *testing.T) {
	s := newStack(t, Config{})
	etag := s.flags(t, `{"targetingKey":"u1","country":"DE"}`).want(t, http.StatusOK).header.Get("ETag")
	again := s.flags(t, `{"targetingKey":"u1","country":"DE"}`, "If-None-Match", etag).want(t, http.StatusNotModified)
	if again.header.Get("ETag") != etag || len(again.body) > 0 || again.header.Get("Assay-Position") != "1" {
		t.Errorf("304 with %v %q", again.header, again.body)
	}
	s.flags(t, `{"targetingKey":"u1","country":"DE"}`, "If-None-Match", `"other", W/`+etag).want(t, http.StatusNotModified)
	for _, context := range []string{`{"targetingKey":"u1","country":"US"}`, `{"targetingKey":"u2","country":"DE"}`} {
		if got := s.flags(t, context, "If-None-Match", etag).want(t, http.StatusOK); got.header.Get("ETag") == etag {
			t.Errorf("%s: the same ETag", context)
		}
	}
	s.show(t, demo(2))
	if got := s.flags(t, `{"targetingKey":"u1","country":"DE"}`, "If-None-Match", etag).want(t, http.StatusOK); got.header.Get("ETag") == etag {
		t.Error("a new revision has the same ETag")
	}
}

// A client that was told of a change may come to a replica that has yet to hear
// of it.
func TestFlagsWaitsForWhatTheClientWasToldOf(t *testing.T) {
	s := newStack(t, Config{})
	etag := s.flags(t, `{}`).header.Get("ETag")
	ask := func(told string) response {
		return s.send(t, request{
			method: "POST", path: flagsPath + "?flagConfigEtag=" + url.QueryEscape(told) + "&flagConfigLastModified=1",
			body: `{"context":{}}`, header: map[string]string{"If-None-Match": etag},
		})
	}
	ask(`"1-x"`).want(t, http.StatusNotModified)
	ask("nonsense").want(t, http.StatusNotModified)
	answer := make(chan response, 1)
	go func() {
		got, _ := s.try(request{method: "POST", path: flagsPath + "/late?flagConfigEtag=%222-x%22", body: `{"context":{"targetingKey":"u1"}}`})
		answer <- got
	}()
	time.Sleep(20 * time.Millisecond)
	s.offer(demo(2, experiment("late")))
	if got := <-answer; got.status != http.StatusOK || got.header.Get("Assay-Position") != "2" {
		t.Errorf("got %d at %s", got.status, got.header.Get("Assay-Position"))
	}
	// What does not come is not "not modified": the client would think it had it.
	ask(`"9-x"`).want(t, http.StatusOK)
}

func TestEvaluationWaitsForTheAskedPosition(t *testing.T) {
	s := newStack(t, Config{})
	answer := make(chan response, 1)
	go func() {
		got, _ := s.try(request{method: "POST", path: "/evaluate", body: `{}`, header: map[string]string{"Assay-Min-Position": "2"}})
		answer <- got
	}()
	time.Sleep(20 * time.Millisecond)
	s.offer(demo(2))
	if got := <-answer; got.status != http.StatusOK || got.header.Get("Assay-Position") != "2" {
		t.Errorf("got %d at %s", got.status, got.header.Get("Assay-Position"))
	}
	got := s.send(t, request{method: "POST", path: "/evaluate", body: `{}`, header: map[string]string{"Assay-Min-Position": "3"}})
	if got.want(t, http.StatusServiceUnavailable).header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestOFREPErrorsSayWhichFlagAndWhat(t *testing.T) {
	s := newStack(t, Config{})
	for _, tt := range []struct {
		name, path, body, token string
		status                  int
		key, code               any
	}{
		{"unknown", "/nope", `{}`, "", 404, "nope", codeNotFound},
		{"unknown with a slash", "/a%2Fb", `{}`, "", 404, "a/b", codeNotFound},
		{"empty key", "/", `{}`, "", 404, "", codeNotFound},
		{"not UTF-8", "/%ff", `{}`, "", 404, "\uFFFD", codeNotFound},
		{"no JSON", "/button", `{`, "", 400, "button", codeParse},
		{"no JSON for all", "", `nonsense`, "", 400, nil, codeParse},
		{"duplicates", "/button", `{"context":{"a":1,"a":2}}`, "", 400, "button", codeParse},
		{"an array", "/button", `[]`, "", 400, "button", codeParse},
		{"null", "/button", `null`, "", 400, "button", codeParse},
		{"context of text", "/button", `{"context":"u1"}`, "", 400, "button", codeContext},
		{"context of text for all", "", `{"context":[1]}`, "", 400, nil, codeContext},
		{"key of a number", "/button", `{"context":{"targetingKey":7}}`, "", 400, "button", codeContext},
		{"no token", "/button", `{}`, "none", 401, "button", codeGeneral},
		{"wrong token", "", `{}`, "wrong", 401, nil, codeGeneral},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := s.send(t, request{method: "POST", path: flagsPath + tt.path, body: tt.body, token: tt.token}).want(t, tt.status)
			doc := got.json(t)
			if doc["key"] != tt.key || doc["errorCode"] != tt.code || doc["errorDetails"] == "" || got.header.Get("Content-Type") != jsonType {
				t.Errorf("got %s", got.body)
			}
		})
	}
}

func TestOFREPTakesAnAPIKey(t *testing.T) {
	s := newStack(t, Config{})
	s.send(t, request{
		method: "POST", path: flagsPath + "/button", body: `{}`, token: "none",
		header: map[string]string{"X-API-Key": s.tokens[domain.Client]},
	}).want(t, http.StatusOK)
}

func TestAssayStaleSaysThatNothingConfirmsTheSnapshot(t *testing.T) {
	s := newStack(t, Config{})
	if got := s.flags(t, `{}`); got.header.Get("Assay-Stale") != "" {
		t.Errorf("fresh, but %q", got.header.Get("Assay-Stale"))
	}
	path := filepath.Join(t.TempDir(), "snapshot.json")
	if err := os.WriteFile(path, s.send(t, request{method: "GET", path: "/snapshot"}).body, 0o600); err != nil {
		t.Fatal(err)
	}
	shipped := feed.New(feed.Config{}, feed.NewFile(path))
	run(t, shipped.Run)
	other, err := New(shipped, Config{Root: rootToken})
	if err != nil {
		t.Fatal(err)
	}
	run(t, other.Run)
	server := httptest.NewServer(other)
	defer server.Close()
	for other.view() == nil {
		time.Sleep(time.Millisecond)
	}
	s.url = server.URL
	for _, r := range []request{{method: "POST", path: flagsPath, body: `{}`}, {method: "POST", path: "/evaluate", body: `{}`}, {method: "GET", path: "/snapshot"}} {
		if got := s.send(t, r).want(t, http.StatusOK); got.header.Get("Assay-Stale") != "true" {
			t.Errorf("%s: Assay-Stale %q", r.path, got.header.Get("Assay-Stale"))
		}
	}
}
