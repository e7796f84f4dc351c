package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

func TestBadHeaders(t *testing.T) {
	m := newMatrix(t)
	m.each(t, func(t *testing.T, r route, s sample) {
		send := func(header, value string, statuses ...int) {
			t.Helper()
			m.refused(t, header+": "+value, request{
				method: r.method, path: s.path, body: s.body, header: map[string]string{header: value},
			}, header, statuses...)
		}
		for _, header := range []string{"Assay-Reason", "Idempotency-Key", "Request-Id", "Accept", "X-Other"} {
			send(header, "\xff\xfe", 400)
			send(header, "\xc3\x28", 400)
		}
		send("Accept", "image/png", 406)
		send("Accept", "application/json;q=0, text/csv;q=0", 406)
		for _, value := range []string{"3", `W/"3"`, `"x"`, `"0"`, `"-1"`, `"+1"`, `"01"`, `""`, `"1","2"`, `"99999999999999999999"`, `"1`, `"1.0"`} {
			send("If-Match", value, 400)
		}
		if r.conditional {
			send("If-Match", `"77"`, 412)
		} else {
			send("If-Match", `"1"`, 422)
		}
		if r.command {
			for _, value := range []string{"", " ", "a b", "é", strings.Repeat("x", 256), "a\tb", "a\x7f"} {
				if value != "a\x7f" { // net/http's own client refuses it
					send("Idempotency-Key", value, 400)
				}
			}
			send("Assay-Reason", strings.Repeat("é", 1001), 422)
		} else {
			send("Idempotency-Key", "k", 422)
		}
		if r.waits {
			for _, value := range []string{"x", "-1", "1.5", "+1", "9223372036854775808", "9007199254740993"} {
				send("Assay-Min-Position", value, 400)
			}
		}
	})
}

// badTokens are Authorization headers that identify nobody.
func badTokens(s *stack) map[string]string {
	viewer := s.tokens[domain.Viewer]
	var random [32]byte
	unknown, _ := domain.NewToken(domain.Admin, uuid.New(), random)
	return map[string]string{
		"no scheme": viewer, "another scheme": "Basic " + viewer, "nothing": "Bearer ", "empty": "",
		"another token": "Bearer x", "cut off": "Bearer " + viewer[:len(viewer)-1], "longer": "Bearer " + viewer + "0",
		"another role": "Bearer " + strings.Replace(viewer, "viewer", "admin", 1), "unknown key": "Bearer " + unknown,
		"root and more": "Bearer " + rootToken + "x", "root cut off": "Bearer " + rootToken[1:],
		"very long": "Bearer " + strings.Repeat("x", 10_000), "two tokens": "Bearer " + viewer + " " + viewer,
	}
}

func TestBadTokens(t *testing.T) {
	m := newMatrix(t)
	for name, header := range badTokens(m.stack) {
		m.refused(t, name, request{method: "GET", path: "/experiments", header: map[string]string{"Authorization": header}}, "Authorization", 401)
	}
	got := m.send(t, request{method: "GET", path: "/experiments", token: "none"})
	if got.status != 401 || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("%d, WWW-Authenticate %q", got.status, got.header.Get("WWW-Authenticate"))
	}
	for name, changed := range map[string]request{
		"expired": {method: "PATCH", path: "/keys/viewer", body: `{"expires_at":"2020-01-01T00:00:00Z"}`},
		"revoked": {method: "DELETE", path: "/keys/editor"},
	} {
		role := domain.Role(strings.TrimPrefix(changed.path, "/keys/"))
		m.send(t, request{method: "GET", path: "/experiments", token: m.tokens[role]}).want(t, 200)
		m.send(t, changed)
		m.caughtUp(t)
		m.before = m.position(t)
		m.refused(t, name, request{method: "GET", path: "/experiments", token: m.tokens[role]}, "Authorization", 401)
	}
	log := m.log.String()
	if !strings.Contains(log, "refused") {
		t.Error("refusals are not logged")
	}
	for role, token := range m.tokens {
		if strings.Contains(log, token) || strings.Contains(log, token[len(token)-30:]) {
			t.Errorf("the log holds the token of %s", role)
		}
	}
}

func TestWrongTokensAreSlowedDown(t *testing.T) {
	m := newMatrix(t)
	for i := range 2 * strangersBurst {
		got := m.send(t, request{method: "GET", path: "/experiments", token: "guess"})
		if got.status == http.StatusTooManyRequests {
			if got.header.Get("Retry-After") != "1" || i < strangersBurst {
				t.Errorf("after %d guesses, Retry-After %q", i, got.header.Get("Retry-After"))
			}
			m.send(t, request{method: "GET", path: "/experiments"}).want(t, 200)
			return
		}
	}
	t.Error("nobody stopped the guessing")
}

func TestKeysHaveTheirOwnRate(t *testing.T) {
	s := newStack(t, RateLimit{PerSecond: 0.2, Burst: 3}).withKeys(t)
	read := func(role domain.Role) response {
		return s.send(t, request{method: "GET", path: "/experiments", token: s.tokens[role]})
	}
	for range 3 {
		read(domain.Viewer).want(t, 200)
	}
	got := read(domain.Viewer).want(t, 429)
	if got.problem(t); got.header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	read(domain.Editor).want(t, 200)
	for range 20 {
		s.send(t, request{method: "GET", path: "/experiments"}).want(t, 200)
	}
}

// TestBareConnections sends what no client library would.
func TestBareConnections(t *testing.T) {
	m := newMatrix(t)
	const auth = "Host: x\r\nAuthorization: Bearer " + rootToken + "\r\n"
	for name, tt := range map[string]struct {
		text   string
		status int
		cut    bool
	}{
		"header injection":       {"POST /experiments HTTP/1.1\r\n" + auth + "Assay-Reason: a\rAssay-Actor: b\r\nContent-Length: 2\r\n\r\n{}", 400, false},
		"NUL in a header":        {"POST /experiments HTTP/1.1\r\n" + auth + "Assay-Reason: a\x00b\r\nContent-Length: 2\r\n\r\n{}", 400, false},
		"NUL in the path":        {"GET /experiments/a\x00b HTTP/1.1\r\n" + auth + "\r\n", 400, false},
		"folded header":          {"POST /experiments HTTP/1.1\r\n" + auth + "Assay-Reason: a\r\n b\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 422, false},
		"two lengths":            {"POST /experiments HTTP/1.1\r\n" + auth + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, false},
		"length and chunks":      {"POST /experiments HTTP/1.1\r\n" + auth + "Content-Length: 2\r\nTransfer-Encoding: gzip\r\n\r\n{}", 501, false},
		"two If-Match":           {"DELETE /experiments/subject HTTP/1.1\r\n" + auth + "If-Match: \"1\"\r\nIf-Match: \"2\"\r\n\r\n", 400, false},
		"two keys":               {"DELETE /experiments/subject HTTP/1.1\r\n" + auth + "Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n", 400, false},
		"two tokens":             {"GET /experiments HTTP/1.1\r\n" + auth + "Authorization: Bearer x\r\n\r\n", 400, false},
		"body of a deletion":     {"DELETE /experiments/subject HTTP/1.1\r\n" + auth + "Content-Length: 2\r\n\r\n{}", 400, false},
		"headers beyond 64 KB":   {"GET /experiments HTTP/1.1\r\n" + auth + "X: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", 431, false},
		"body shorter than said": {"POST /experiments HTTP/1.1\r\n" + auth + "Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{}", 400, true},
	} {
		t.Run(name, func(t *testing.T) {
			status, err := m.bare(tt.text, tt.cut)
			if err != nil || status != tt.status {
				t.Errorf("got %d, %v; want %d", status, err, tt.status)
			}
			m.unmoved(t)
		})
	}
}

// bare sends bytes and returns the status; cut says that nothing more will come,
// which net/http takes for a client that has gone, once it has read the request.
func (s *stack) bare(text string, cut bool) (int, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return 0, fmt.Errorf("write: %w", err)
	}
	if cut {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return 0, err
		}
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	return got.StatusCode, got.Body.Close()
}
