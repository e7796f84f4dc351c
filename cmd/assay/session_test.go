package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/control"
)

// browser is somebody at the console of a running assay serve: it sends the
// cookie and what browsers say of a page's own requests, and no token.
type browser struct {
	started
	client *http.Client
}

func (s started) browse(t *testing.T) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{s, &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

func (b browser) open(t *testing.T, method, path, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func (b browser) ask(t *testing.T, method, path, body string, header ...string) (status int, answer string, headers http.Header) {
	t.Helper()
	res := b.open(t, method, path, body, header...)
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data), res.Header
}

// One sign-in opens the API and, on the same port, the data plane.
func TestSessionOpensTheDataPlaneToo(t *testing.T) {
	s := start(t, true, t.TempDir())
	b := s.browse(t)
	for _, path := range []string{"/snapshot", "/stream", "/feed", "/experiments"} {
		if status, body, _ := b.ask(t, "GET", path, ""); status != http.StatusUnauthorized {
			t.Errorf("%s before: %d %s", path, status, body)
		}
	}
	for _, path := range []string{"/", "/console/experiments"} {
		if status, body, _ := b.ask(t, "GET", path, ""); status != http.StatusOK || !strings.Contains(body, "<title>Assay") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body, _ := b.ask(t, "POST", "/session", `{"token":"edge"}`); status != http.StatusUnauthorized {
		t.Errorf("the token of edges: %d %s", status, body)
	}
	if status, body, _ := b.ask(t, "POST", "/session", `{"token":"root"}`); status != http.StatusOK {
		t.Fatal(status, body)
	}
	status, body, header := b.ask(t, "POST", "/experiments", `{"name":"Banner"}`)
	if status != http.StatusCreated {
		t.Fatal(status, body)
	}
	at := header.Get("Assay-Position")
	stream := b.open(t, "GET", "/stream", "", "Assay-Min-Position", at)
	if stream.StatusCode != http.StatusOK {
		t.Fatal(stream.Status)
	}
	if lines := bufio.NewScanner(stream.Body); !lines.Scan() || !strings.HasPrefix(lines.Text(), "retry:") {
		t.Errorf("the stream begins with %q", lines.Text())
	}
	for _, path := range []string{"/evaluate", "/ofrep/v1/evaluate/flags/banner", "/ofrep/v1/evaluate/flags"} {
		if status, body, _ := b.ask(t, "POST", path, `{}`, "Assay-Min-Position", at); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
		status, body, _ := b.ask(t, "POST", path, `{}`, "Sec-Fetch-Site", "cross-site")
		if status != http.StatusForbidden || !strings.Contains(body, "another origin") {
			t.Errorf("%s from another site: %d %s", path, status, body)
		}
		if status, _, _ := b.ask(t, "POST", path, `{}`, "Authorization", "Bearer x"); status != http.StatusUnauthorized {
			t.Errorf("%s with a wrong token besides: %d", path, status)
		}
		if status, _, _ := b.ask(t, "POST", path, `{}`, "X-API-Key", "x"); status != http.StatusUnauthorized {
			t.Errorf("%s with a wrong key besides: %d", path, status)
		}
		if status, _, _ := b.ask(t, "POST", path, `{}`, "Content-Type", "text/plain"); status != http.StatusForbidden {
			t.Errorf("%s as a form: %d", path, status)
		}
	}
	// What a cookie opened must not be kept for others.
	if status, _, header := b.ask(t, "GET", "/snapshot", ""); status != http.StatusOK || header.Get("Cache-Control") != "no-store" {
		t.Errorf("/snapshot: %d, Cache-Control %q", status, header.Get("Cache-Control"))
	}
	if status, _, _ := b.ask(t, "GET", "/stream?token=x", ""); status != http.StatusUnauthorized {
		t.Errorf("a wrong ticket besides: %d", status)
	}
	if status, _, _ := b.ask(t, "DELETE", "/session", ""); status != http.StatusNoContent {
		t.Errorf("signing out: %d", status)
	}
	if status, _, _ := b.ask(t, "POST", "/evaluate", `{}`); status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", status)
	}
}

// The page comes, and a session begins, while Postgres has never been reached;
// another replica opens it.
func TestConsoleWithoutPostgres(t *testing.T) {
	cfg := control.Config{
		DatabaseURL: "postgres://127.0.0.1:1/nowhere", OwnerURL: "postgres://127.0.0.1:1/nowhere",
		ListenAddr: "127.0.0.1:0", RootToken: "root", SessionSecret: strings.Repeat("s", 32), LogFormat: "text",
	}
	s, other := startWith(t, cfg, true), startWith(t, cfg, true)
	b := s.browse(t)
	if status, body, _ := b.ask(t, "GET", "/console", ""); status != http.StatusOK {
		t.Error(status, body)
	}
	if status, body, _ := b.ask(t, "POST", "/session", `{"token":"root"}`); status != http.StatusOK {
		t.Fatal(status, body)
	}
	b.started = other
	if status, body, _ := b.ask(t, "GET", "/session", ""); status != http.StatusOK || !strings.Contains(body, `"actor":"root"`) {
		t.Error(status, body)
	}
}

// serve refuses sessions that others could open, and half a provider.
func TestSessionSettings(t *testing.T) {
	for variable, values := range map[string][]string{
		"ASSAY_SESSION_SECRET": {"short", strings.Repeat("s", 31)},
		"ASSAY_PUBLIC_URL":     {"assay.example.com", "https://assay.example.com/path", "ftp://assay.example.com", "https://u:p@assay.example.com", "https://assay.example.com?x"},
		"ASSAY_OIDC_ISSUER":    {"", "login.example.com", "https://login.example.com?x"},
		"ASSAY_OIDC_CLIENT_ID": {""},
		"ASSAY_OIDC_ROLES":     {"", "groups", "groups:admins=root"},
	} {
		for _, value := range values {
			provider := map[string]string{}
			if strings.HasPrefix(variable, "ASSAY_OIDC") {
				provider = map[string]string{
					"ASSAY_OIDC_ISSUER": "https://login.example.com", "ASSAY_OIDC_CLIENT_ID": "assay",
					"ASSAY_OIDC_ROLES": "groups:*=viewer", "ASSAY_PUBLIC_URL": "https://assay.example.com",
				}
			}
			provider["DATABASE_URL"], provider[variable] = "postgres://127.0.0.1:1/x", value
			var out strings.Builder
			code := run(context.Background(), []string{"serve"}, func(name string) string {
				return provider[name]
			}, nil, io.Discard, &out)
			if code != misuse || !strings.Contains(out.String(), variable) {
				t.Errorf("%s=%s: %d %s", variable, value, code, out.String())
			}
		}
	}
}
