package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The console comes without a token, and while there is neither a ledger nor a
// database: bareAPI has none.
func TestConsoleNeedsNothing(t *testing.T) {
	a := bareAPI(t, Config{})
	for _, path := range []string{"/", "/console", "/console/experiments/checkout-button", "/console/a%2Fb"} {
		got := get(t, a, path)
		h := got.Header()
		if got.Code != http.StatusOK || !strings.HasPrefix(h.Get("Content-Type"), "text/html") || h.Get("Cache-Control") != "no-cache" ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Request-Id") == "" || h.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %v", path, got.Code, h)
		}
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("If-None-Match", h.Get("ETag"))
		again := httptest.NewRecorder()
		a.ServeHTTP(again, r)
		if again.Code != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.Code)
		}
		head := httptest.NewRecorder()
		a.ServeHTTP(head, httptest.NewRequest(http.MethodHead, path, nil))
		if head.Code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, head.Code)
		}
	}
	if metrics := get(t, a, "/metrics").Body.String(); !strings.Contains(metrics, `assay_http_requests_total{method="GET",route="/console",status="200"} 3`) {
		t.Error("pages of the console are not counted as one route")
	}
}

// Who may be signed in is told with the page what the page will ask for; others
// would only be refused.
func TestConsoleNamesItsFirstQuestions(t *testing.T) {
	a := bareAPI(t, Config{})
	for _, tt := range []struct {
		path, cookie string
		told         bool
	}{
		{"/", "assay_session", true},
		{"/console", "assay_session", true},
		{"/console/experiments", "assay_session", true},
		{"/console/experiments?status=active", "assay_session", true},
		{"/console/experiments?at=2026-11-01T00%3A00%3A00Z", "assay_session", false},
		{"/console/experiments/checkout-button", "assay_session", false},
		{"/console/metrics", "assay_session", false},
		{"/favicon.svg", "assay_session", false},
		{"/", "another", false},
		{"/", "", false},
	} {
		r := httptest.NewRequest(http.MethodGet, tt.path, nil)
		if tt.cookie != "" {
			r.AddCookie(&http.Cookie{Name: tt.cookie, Value: "sealed"})
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		links := w.Header().Values("Link")
		if w.Code != http.StatusOK || (len(links) > 0) != tt.told {
			t.Errorf("%s with cookie %q: %d, %q", tt.path, tt.cookie, w.Code, links)
		}
		for _, link := range links {
			if !strings.HasSuffix(link, ">; rel=preload; as=fetch; crossorigin") {
				t.Errorf("%s: %s", tt.path, link)
			}
		}
	}
}
