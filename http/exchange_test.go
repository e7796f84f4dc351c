package httpapi

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

func get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// lockedWriter lets requests log at once.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer // guarded by mu
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func TestExchangeIDs(t *testing.T) {
	a := bareAPI(t, Config{})
	for name, tt := range map[string]struct {
		request, correlation         string
		wantRequest, wantCorrelation string // "" is a new one, "=" the request's
	}{
		"none":                   {"", "", "", "="},
		"own":                    {"req-1", "cause/1", "req-1", "cause/1"},
		"own request id only":    {"req-1", "", "req-1", "="},
		"not sane":               {"a b", "<script>", "", "="},
		"too long":               {strings.Repeat("x", 129), strings.Repeat("y", 128), "", strings.Repeat("y", 128)},
		"quotes and line breaks": {`"x"`, "a\tb", "", "="},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
			r.Header.Set("Request-Id", tt.request)
			r.Header.Set("Correlation-Id", tt.correlation)
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			request, correlation := w.Header().Get("Request-Id"), w.Header().Get("Correlation-Id")
			if tt.wantRequest == "" {
				if id, err := uuid.Parse(request); err != nil || id.Version() != 7 {
					t.Errorf("Request-Id %q is not a new UUIDv7", request)
				}
			} else if request != tt.wantRequest {
				t.Errorf("Request-Id %q", request)
			}
			if tt.wantCorrelation == "=" {
				tt.wantCorrelation = request
			}
			if correlation != tt.wantCorrelation {
				t.Errorf("Correlation-Id %q, want %q", correlation, tt.wantCorrelation)
			}
		})
	}
}

func TestPanicsBecomeProblems(t *testing.T) {
	var log strings.Builder
	a := bareAPI(t, Config{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	a.router.Path("/panic").HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a fault of ours") })
	a.router.Path("/late").HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("too late")
	})
	w := get(t, a, "/panic")
	if w.Code != http.StatusInternalServerError || w.Header().Get("Content-Type") != problemType || strings.Contains(w.Body.String(), "ours") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "a fault of ours") || !strings.Contains(log.String(), "exchange_test.go") {
		t.Errorf("the log lacks the fault or its stack: %s", log.String())
	}
	if w := get(t, a, "/late"); w.Body.String() != "half" {
		t.Errorf("after half an answer: %s", w.Body)
	}
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	a := bareAPI(t, Config{})
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/nothing", 404, ""},
		{"GET", "/index.html", 404, ""},
		{"GET", "/consoles", 404, ""},
		{"GET", "/assets", 404, ""},
		{"GET", "/assets/", 404, ""},
		{"GET", "/assets/app-0123.js", 404, ""},
		{"GET", "/assets/../index.html", 404, ""},
		{"POST", "/", 405, "GET, HEAD"},
		{"OPTIONS", "/console/experiments", 405, "GET, HEAD"},
		{"DELETE", "/assets/app-0123.js", 405, "GET, HEAD"},
		{"GET", "//experiments", 404, ""},
		{"GET", "/experiments/", 404, ""},
		{"GET", "/experiments/../keys", 404, ""},
		{"GET", "/experiments/a/b/c", 404, ""},
		{"GET", "/experiments%2Fa", 404, ""},
		{"PUT", "/experiments", 405, "GET, HEAD, POST"},
		{"OPTIONS", "/experiments/a", 405, "GET, HEAD, PATCH, DELETE"},
		{"POST", "/experiments/a/status", 405, "PATCH"},
		{"BREW", "/healthz", 405, "GET, HEAD"},
		{"TRACE", "/healthz", 405, "GET, HEAD"},
	} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status || w.Header().Get("Allow") != tt.allow || w.Header().Get("Content-Type") != problemType {
			t.Errorf("%s %s: got %d %q %s", tt.method, tt.path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	a := bareAPI(t, Config{})
	for _, path := range []string{"/healthz", "/docs", "/openapi.json", "/nothing", "/experiments"} {
		h := get(t, a, path).Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
	head := httptest.NewRecorder()
	a.ServeHTTP(head, httptest.NewRequest(http.MethodHead, "/healthz", nil))
	if head.Code != http.StatusOK {
		t.Errorf("HEAD /healthz: %d", head.Code)
	}
}

func TestLogNamesRouteAndIDsButNoToken(t *testing.T) {
	var log strings.Builder
	a := bareAPI(t, Config{RootToken: "the root token", Log: slog.New(slog.NewTextHandler(&log, nil))})
	r := httptest.NewRequest(http.MethodPatch, "/experiments/x/status", nil)
	r.Header.Set("Authorization", "Bearer the root token")
	r.Header.Set("Request-Id", "req-7")
	a.ServeHTTP(httptest.NewRecorder(), r)
	line := log.String()
	for _, want := range []string{"route=/experiments/{id}/status", "request_id=req-7", "correlation_id=req-7", "actor=root", "status=415", "method=PATCH", "bytes=", "duration="} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	if strings.Contains(line, "the root token") {
		t.Error("the log holds the token")
	}
}

func TestRateLimitPerKey(t *testing.T) {
	l, err := newLimits(RateLimit{PerSecond: 0.5, Burst: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, true, false} {
		if got := l.key("a"); got != want {
			t.Errorf("request %d of a: %v", i, got)
		}
	}
	if !l.key("b") {
		t.Error("b pays for a")
	}
	p := explain(l.exceeded())
	var own *fault
	if p.Status != http.StatusTooManyRequests || !errors.As(l.exceeded(), &own) || own.retryAfter != 2 {
		t.Errorf("%+v", p)
	}
	none, err := newLimits(RateLimit{PerSecond: -1})
	if err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		if !none.key("a") {
			t.Fatal("limited without a limit")
		}
	}
}
