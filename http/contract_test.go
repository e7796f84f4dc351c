package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/assaylabs/assay/domain"
)

// contract checks that requests and answers are what the document says.
type contract struct {
	next   http.RoundTripper
	router routers.Router
	t      testing.TB
	seen   map[string]bool
}

// under makes every request of the stack be checked.
func (s *stack) under(t testing.TB) *contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(s.spec)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{next: s.client.Transport, router: router, t: t, seen: map[string]bool{}}
	s.client.Transport = c
	return c
}

func (c *contract) CloseIdleConnections() {
	if closer, ok := c.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func (c *contract) RoundTrip(req *http.Request) (*http.Response, error) {
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		c.t.Errorf("%s %s: %v", req.Method, req.URL.Path, err)
		return c.next.RoundTrip(req)
	}
	var body []byte
	if req.Body != nil {
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	options := &openapi3filter.Options{
		AuthenticationFunc: func(context.Context, *openapi3filter.AuthenticationInput) error { return nil },
		MultiError:         true, IncludeResponseStatus: true,
	}
	asked := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}
	invalid := openapi3filter.ValidateRequest(req.Context(), asked)
	req.Body = io.NopCloser(bytes.NewReader(body))
	got, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if invalid != nil && got.StatusCode < 400 {
		c.t.Errorf("%s %s %s: the document forbids what the server does: %v", req.Method, req.URL, body, invalid)
	}
	answer, err := io.ReadAll(got.Body)
	got.Body.Close()
	got.Body = io.NopCloser(bytes.NewReader(answer))
	if err != nil {
		return nil, err
	}
	c.seen[route.Method+" "+route.Path] = true
	if strings.HasPrefix(got.Header.Get("Content-Type"), csvType) || route.Path == "/metrics" || route.Path == "/docs" {
		return got, nil
	}
	checked := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: got.StatusCode, Header: got.Header, Options: options,
		Body: io.NopCloser(bytes.NewReader(answer)),
	}
	if err := openapi3filter.ValidateResponse(req.Context(), checked); err != nil {
		c.t.Errorf("%s %s: answer %d %.2000s is not as documented: %v", req.Method, req.URL, got.StatusCode, answer, err)
	}
	return got, nil
}

// TestAnswersAreAsDocumented walks through the whole API as a client would.
func TestAnswersAreAsDocumented(t *testing.T) {
	s := newStack(t, RateLimit{}).withKeys(t)
	c := s.under(t)
	do := func(status int, method, path, body string) response {
		t.Helper()
		got := s.send(t, request{method: method, path: path, body: body}).want(t, status)
		if method != "GET" {
			s.caughtUp(t)
		}
		return got
	}
	do(201, "POST", "/layers", `{"name":"Checkout","reason":"mutually exclusive"}`)
	do(201, "POST", "/layers", `{"name":"In order","mode":"ordered"}`)
	do(201, "POST", "/segments", `{"name":"Beta","ids":["u1","u2"]}`)
	do(201, "POST", "/metric-definitions", `{"name":"Purchase rate","event":"purchase","window_hours":72}`)
	do(201, "POST", "/metric-definitions", `{"name":"P95","event":"latency","kind":"quantile","quantile":0.95,"cap":9.5,"goal":"decrease","cuped":true,"lookback_days":14}`)
	do(201, "POST", "/keys", `{"name":"Shop","role":"client","origins":["https://shop.example"],"expires_at":"2030-01-01T00:00:00Z"}`)
	do(201, "POST", "/experiments", `{"name":"New checkout"}`)
	full := `{"name":"Checkout button","description":"d","hypothesis":"h","owner":"growth","tags":["checkout"],"hash":"gb2",
"variations":[{"key":"control","weight":1,"value":{"a":[1,null]}},{"key":"green","weight":2}],"traffic_ppm":900000,
"layer":{"key":"checkout","share_ppm":250000},"audience":{"id":{"$inGroup":"beta"}},"overrides":{"u1":"green"},
"prerequisites":[{"experiment":"new-checkout","variations":["treatment"]}],"metrics":[{"metric":"purchase-rate","role":"primary"}],
"analysis":{"method":"bayesian","alpha":0.1},"reason":"Q1"}`
	do(201, "POST", "/experiments", full)
	do(201, "POST", "/holdouts", `{"name":"Nobody","share_ppm":10000,"experiments":["checkout-button"]}`)
	do(200, "PATCH", "/segments/beta/members", `{"add":["u3"],"remove":["u1"],"reason":"second wave"}`)
	do(200, "PATCH", "/experiments/checkout-button/status", `{"status":"active","reason":"launch"}`)
	do(200, "POST", "/experiments/checkout-button/preview", `{"variations":[{"key":"control","weight":1},{"key":"green","weight":9}],"phase":"same"}`)
	do(200, "POST", "/explain", `{"unit":"u2","attributes":{"id":"u2","n":[1,null,{"a":1.5}]}}`)
	do(200, "POST", "/explain", `{"attributes":{},"experiment":"checkout-button","position":16}`)
	do(200, "POST", "/conditions/check", `{"audience":{"id":{"$inGroup":"beta"}},"attributes":{"id":"u2"}}`)
	do(200, "POST", "/conditions/check", `{"audience":[{"$in":7}]}`)
	do(200, "PATCH", "/experiments/checkout-button", `{"schedule":{"start_at":null,"stop_at":"2100-01-01T00:00:00Z"}}`)
	do(200, "PATCH", "/experiments/checkout-button", `{"variations":[{"key":"control","weight":1},{"key":"green","weight":9}],"phase":"new","owner":null}`)
	do(200, "POST", "/experiments/checkout-button/revert", `{"version":1,"phase":"same","reason":"oops"}`)
	do(200, "POST", "/experiments/batch", `{"commands":[{"op":"create","body":{"name":"Banner"}},{"op":"status","id":"banner","body":{"status":"active"}},{"op":"patch","id":"banner","body":{"name":"The banner"}},{"op":"delete","id":"banner","if_match":3}],"reason":"all at once"}`)
	for _, path := range []string{"/layers/checkout", "/segments/beta", "/metric-definitions/p95", "/holdouts/nobody", "/keys/shop"} {
		do(200, "PATCH", path, `{"name":"Another name"}`)
		do(200, "GET", path, "")
		do(200, "GET", path[:strings.LastIndexByte(path, '/')]+"?limit=1", "")
	}
	for _, path := range []string{
		"/experiments", "/experiments?position=12&q=check&limit=1", "/experiments?at=2026-01-01T00:00:00Z", "/experiments?status=active&q=check&tag=checkout&sort=-updated_at&limit=1", "/experiments?limit=1",
		"/experiments/checkout-button", "/experiments/checkout-button?version=1", "/experiments/checkout-button?position=17",
		"/experiments/checkout-button/history", "/overview", "/experiments/checkout-button/history?type=experiment.status_changed&limit=1",
		"/experiments/checkout-button/results", "/experiments/checkout-button/results?as_of=17.0&metric=purchase-rate",
		"/events", "/events?after=3&limit=2", "/events?order=desc&before=9&type=experiment.&actor=root&stream=checkout-button&from=2026-01-01T00:00:00Z&to=2100-01-01T00:00:00Z",
		"/reports/daily", "/reports/daily?from=2026-01-01&to=2026-01-03&limit=2",
		"/system", "/keys/usage", "/keys/usage?limit=1", "/ledger/verification", "/ledger/verification?limit=1", "/reports/calendar", "/reports/calendar?from=2026-01-01&to=2026-12-31",
		"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs",
	} {
		do(200, "GET", path, "")
	}
	do(200, "GET", "/reports/daily/"+s.today(t), "")
	do(200, "GET", "/session", "")
	do(200, "POST", "/session", `{"token":"`+s.tokens[domain.Editor]+`"}`)
	do(401, "POST", "/session", `{"token":"x"}`)
	do(403, "POST", "/session", `{"token":"`+s.tokens[domain.Client]+`"}`)
	do(204, "DELETE", "/session", "")
	do(404, "GET", "/session/oidc?to=/console", "")
	do(404, "GET", "/session/oidc/callback", "")
	for _, path := range []string{"/holdouts/nobody", "/experiments/checkout-button", "/segments/beta", "/layers/checkout", "/metric-definitions/p95", "/keys/shop"} {
		do(204, "DELETE", path, "")
		do(404, "GET", path, "")
	}
	for _, op := range operations(t, s.api) {
		if !c.seen[op] {
			t.Errorf("%s was not tried", op)
		}
	}
}

// today is the ledger's day.
func (s *stack) today(t testing.TB) string {
	t.Helper()
	head, err := s.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head.Now.UTC().Format("2006-01-02")
}
