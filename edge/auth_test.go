package edge

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
)

// open routes of each kind, as a good caller asks.
func everyRoute() map[route]request {
	return map[route]request{
		routeFlag:     {method: "POST", path: flagsPath + "/button", body: `{}`},
		routeFlags:    {method: "POST", path: flagsPath, body: `{}`},
		routeEvaluate: {method: "POST", path: "/evaluate", body: `{}`},
		routeSnapshot: {method: "GET", path: "/snapshot"},
		routeFeed:     {method: "GET", path: "/feed"},
		routeStream:   {method: "HEAD", path: "/stream"},
		routeTrack:    {method: "POST", path: "/track", body: `{"events":[]}`},
		routeAnnounce: {method: "POST", path: "/edges/edge-1", body: announcement},
	}
}

func TestEveryRouteTakesTheRolesThatItNames(t *testing.T) {
	s := newStack(t, Config{})
	tokens := map[string]string{"none": "none", "root": rootToken, "edge": edgeToken, "wrong": "wrong"}
	for role, token := range s.tokens {
		tokens[string(role)] = token
	}
	tokens["forged"] = s.tokens[domain.Admin][:60] + strings.Repeat("0", len(s.tokens[domain.Admin])-60)
	if len(everyRoute()) != int(routes)-1 {
		t.Fatal("a route is missing from the matrix")
	}
	for route, r := range everyRoute() {
		for name, token := range tokens {
			want := http.StatusOK
			switch {
			case name == "none" || name == "wrong" || name == "forged":
				want = http.StatusUnauthorized
			case name == "client" && (route == routeSnapshot || route == routeFeed || route == routeAnnounce):
				want = http.StatusForbidden
			case route == routeTrack:
				want = http.StatusAccepted
			}
			r.token = token
			got := s.send(t, r)
			if got.status != want {
				t.Errorf("%s with %s: %d, want %d: %s", r.path, name, got.status, want, got.body)
			}
			if want == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %s: 401 without WWW-Authenticate", r.path, name)
			}
		}
	}
	for name, token := range tokens {
		if name != "none" && name != "wrong" && strings.Contains(s.log.String(), token) {
			t.Errorf("the log holds the token %s", name)
		}
	}
}

func TestKeysThatExpireOrGoAreRefused(t *testing.T) {
	s := newStack(t, Config{})
	brief := s.addKey(domain.Key{Name: "brief", Role: domain.Client, ExpiresAt: time.Now().Add(-time.Second)}, 20)
	gone := s.addKey(domain.Key{Name: "gone", Role: domain.Client}, 21)
	s.show(t, demo(2))
	ask := func(token string) int {
		return s.send(t, request{method: "POST", path: "/evaluate", body: `{}`, token: token}).status
	}
	if got := ask(brief); got != http.StatusUnauthorized {
		t.Errorf("expired: %d", got)
	}
	if got := ask(gone); got != http.StatusOK {
		t.Errorf("before it goes: %d", got)
	}
	s.keys = s.keys[:len(s.keys)-1]
	s.show(t, demo(3))
	if got := ask(gone); got != http.StatusUnauthorized {
		t.Errorf("gone: %d", got)
	}
}

func TestBeforeTheFirstSnapshotOnlyTheRootTokenIsKnown(t *testing.T) {
	s := idle(t, Config{})
	for _, r := range everyRoute() {
		for token, want := range map[string]int{rootToken: 503, "perhaps a key": 503, "none": 401} {
			r.token = token
			got := s.send(t, r).want(t, want)
			if want == 503 && got.header.Get("Retry-After") == "" {
				t.Errorf("%s: 503 without Retry-After", r.path)
			}
		}
	}
}

func TestWrongTokensAreLimited(t *testing.T) {
	s := newStack(t, Config{})
	for range strangersBurst {
		s.send(t, request{method: "POST", path: "/evaluate", body: `{}`, token: "wrong"}).want(t, http.StatusUnauthorized)
	}
	// The limit lets one more through now and then: a slow machine meets it later.
	got := s.send(t, request{method: "POST", path: "/evaluate", body: `{}`, token: "wrong"})
	for n := 0; got.status != http.StatusTooManyRequests && n < 10*strangersBurst; n++ {
		got = s.send(t, request{method: "POST", path: "/evaluate", body: `{}`, token: "wrong"})
	}
	got.want(t, http.StatusTooManyRequests)
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	s.send(t, request{method: "POST", path: "/evaluate", body: `{}`}).want(t, http.StatusOK)
}

// A key's limit outlives the swap of snapshots.
func TestKeysAreLimited(t *testing.T) {
	s := newStack(t, Config{RateLimit: RateLimit{PerSecond: 0.01, Burst: 2}})
	r := request{method: "POST", path: flagsPath + "/button", body: `{}`, token: s.tokens[domain.Client]}
	s.send(t, r).want(t, http.StatusOK)
	s.show(t, demo(2))
	s.send(t, r).want(t, http.StatusOK)
	got := s.send(t, r).want(t, http.StatusTooManyRequests)
	if got.header.Get("Retry-After") != "100" || got.json(t)["key"] != "button" {
		t.Errorf("Retry-After %q, %s", got.header.Get("Retry-After"), got.body)
	}
	r.token = s.tokens[domain.Server]
	s.send(t, r).want(t, http.StatusOK)
}

func TestOriginsOfClientKeys(t *testing.T) {
	s := newStack(t, Config{})
	s.keys[0].Origins = []string{"https://shop.example"}
	open := s.tokens[domain.Server]
	s.show(t, demo(2))
	for _, tt := range []struct {
		name, token, origin string
		status              int
		allow               string
	}{
		{"its origin", s.tokens[domain.Client], "https://shop.example", 200, "https://shop.example"},
		{"another", s.tokens[domain.Client], "https://evil.example", 403, ""},
		{"none", s.tokens[domain.Client], "", 200, ""},
		{"null", s.tokens[domain.Client], "null", 403, ""},
		{"a server key", open, "https://evil.example", 200, "https://evil.example"},
		{"no token from an origin that is known", "none", "https://shop.example", 401, "https://shop.example"},
		{"no token from elsewhere", "none", "https://evil.example", 401, ""},
	} {
		got := s.send(t, request{
			method: "POST", path: flagsPath, body: `{}`, token: tt.token, header: map[string]string{"Origin": tt.origin},
		})
		if got.status != tt.status || got.header.Get("Access-Control-Allow-Origin") != tt.allow {
			t.Errorf("%s: %d, allows %q", tt.name, got.status, got.header.Get("Access-Control-Allow-Origin"))
		}
		if tt.allow != "" && (got.header.Get("Access-Control-Expose-Headers") != exposed || !strings.Contains(strings.Join(got.header["Vary"], ","), "Origin")) {
			t.Errorf("%s: headers %v", tt.name, got.header)
		}
	}
}

func TestPreflight(t *testing.T) {
	s := newStack(t, Config{})
	s.keys[0].Origins = []string{"https://shop.example"}
	s.show(t, demo(2))
	for origin, want := range map[string]string{"https://shop.example": "https://shop.example", "https://evil.example": "", "": ""} {
		for route, r := range everyRoute() {
			got := s.send(t, request{method: "OPTIONS", path: r.path, token: "none", header: map[string]string{
				"Origin": origin, "Access-Control-Request-Method": route.method(), "Access-Control-Request-Headers": "authorization,content-type",
			}}).want(t, http.StatusNoContent)
			if allow := got.header.Get("Access-Control-Allow-Origin"); allow != want {
				t.Errorf("%s from %q: allows %q", r.path, origin, allow)
			}
			if want != "" && (got.header.Get("Access-Control-Max-Age") != keep || got.header.Get("Access-Control-Allow-Methods") != route.method() ||
				!strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization")) {
				t.Errorf("%s: %v", r.path, got.header)
			}
		}
	}
	// A key that may be used from everywhere opens the preflight to all.
	s.addKey(domain.Key{Name: "everywhere", Role: domain.Client}, 30)
	s.show(t, demo(3))
	got := s.send(t, request{method: "OPTIONS", path: flagsPath, token: "none", header: map[string]string{"Origin": "https://evil.example"}})
	if got.header.Get("Access-Control-Allow-Origin") != "https://evil.example" {
		t.Errorf("headers %v", got.header)
	}
}

func TestWhatIsNotTheEdgesGoesOn(t *testing.T) {
	s := newStack(t, Config{Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })})
	for _, path := range []string{"/", "/experiments", "/evaluate/", "/ofrep/v1/evaluate", "/ofrep/v1/configuration", "/snapshots", "/stream/x"} {
		s.send(t, request{method: "GET", path: path, token: "none"}).want(t, http.StatusTeapot)
	}
	alone := newStack(t, Config{})
	got := alone.send(t, request{method: "GET", path: "/experiments"}).want(t, http.StatusNotFound)
	if got.header.Get("Content-Type") != problemType {
		t.Errorf("headers %v", got.header)
	}
}
