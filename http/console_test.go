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
