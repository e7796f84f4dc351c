package edge

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
)

// visitors come with the header Test-Visitor instead of a cookie.
func visitors(s **stack) func(*http.Request) (Visitor, error) {
	return func(r *http.Request) (Visitor, error) {
		switch name := r.Header.Get("Test-Visitor"); name {
		case "ann":
			return Visitor{Name: "oidc:ann@example.com", Role: domain.Viewer, Expires: time.Now().Add(time.Minute)}, nil
		case "late":
			return Visitor{Name: "oidc:late@example.com", Role: domain.Viewer, Expires: time.Now().Add(-time.Second)}, nil
		case "key", "client":
			role := map[string]domain.Role{"key": domain.Viewer, "client": domain.Client}[name]
			return Visitor{Token: (*s).tokens[role]}, nil
		case "revoked":
			return Visitor{Token: "assay_viewer_x"}, nil
		case "foreign":
			return Visitor{}, errors.New("a page of another origin asks")
		}
		return Visitor{}, nil
	}
}

func TestVisitors(t *testing.T) {
	var s *stack
	s = newStack(t, Config{Session: visitors(&s)})
	for _, tt := range []struct {
		visitor, token, method, path string
		status                       int
	}{
		{"ann", "none", "POST", "/evaluate", 200},
		{"ann", "none", "GET", "/snapshot", 200},
		{"key", "none", "POST", "/evaluate", 200},
		{"key", "none", "GET", "/snapshot", 200},
		{"client", "none", "GET", "/snapshot", 403},
		{"revoked", "none", "POST", "/evaluate", 401},
		{"nobody", "none", "POST", "/evaluate", 401},
		{"foreign", "none", "POST", "/evaluate", 403},
		{"foreign", "", "POST", "/evaluate", 200}, // with a token of its own
		{"ann", "x", "POST", "/evaluate", 401},
	} {
		body := ""
		if tt.method == http.MethodPost {
			body = `{}`
		}
		got := s.send(t, request{method: tt.method, path: tt.path, body: body, token: tt.token, header: map[string]string{"Test-Visitor": tt.visitor}})
		if got.status != tt.status {
			t.Errorf("%s, token %q: %s %s: %d %s", tt.visitor, tt.token, tt.method, tt.path, got.status, got.body)
		}
		if cache := got.header.Get("Cache-Control"); got.status == 200 && tt.token == "none" && cache != "no-store" {
			t.Errorf("%s: %s may be kept: %q", tt.visitor, tt.path, cache)
		}
	}
	if !strings.Contains(s.log.String(), "another origin") {
		t.Error("the refusal is not logged")
	}
}

// A stream that a session opened ends with it.
func TestStreamsEndWithTheirSession(t *testing.T) {
	var s *stack
	s = newStack(t, Config{Session: visitors(&s)})
	for visitor, want := range map[string]bool{"ann": true, "late": false} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Test-Visitor", visitor)
		got, err := s.client.Do(req)
		if err != nil || got.StatusCode != http.StatusOK {
			t.Fatal(got, err)
		}
		told := false
		for lines := bufio.NewScanner(got.Body); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "id: ") {
				told = true
				break
			}
		}
		got.Body.Close()
		if told != want {
			t.Errorf("%s was told of the state: %v", visitor, told)
		}
	}
}
