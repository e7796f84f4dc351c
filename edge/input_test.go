package edge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// badBodies are bodies that no route of evaluation takes.
func badBodies() map[string]string {
	return map[string]string{
		"nothing but space": "  ", "text": "hello", "cut off": `{"unit":"u1"`, "two": `{} {}`, "more after it": `{}x`,
		"array": `[]`, "null": `null`, "number": `1`, "duplicate": `{"unit":"a","unit":"b","context":{},"context":{}}`,
		"duplicate below":    `{"attributes":{"a":1,"a":2},"context":{"a":1,"a":2}}`,
		"not UTF-8":          "{\"unit\":\"\xff\",\"context\":{\"a\":\"\xff\"}}",
		"NUL":                `{"unit":"\u0000","context":{"a":"\u0000"}}`,
		"half a surrogate":   `{"unit":"\ud800","context":{"a":"\ud800"}}`,
		"control character":  "{\"unit\":\"\x01\",\"context\":{\"a\":\"\x01\"}}",
		"deep":               `{"attributes":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat("}", 40) + `,"context":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		"very deep":          strings.Repeat("[", 30_000),
		"huge number":        `{"attributes":{"a":9007199254740993},"context":{"a":9007199254740993}}`,
		"beyond numbers":     `{"attributes":{"a":1e999},"context":{"a":1e999}}`,
		"NaN":                `{"attributes":{"a":NaN},"context":{"a":NaN}}`,
		"byte order mark":    "\xef\xbb\xbf{}",
		"wrong types":        `{"unit":1,"attributes":[],"experiments":{},"context":"x"}`,
		"wrong target":       `{"unit":[],"context":{"targetingKey":{}}}`,
		"wrong list":         `{"experiments":[1],"context":[]}`,
		"wrong attributes":   `{"attributes":"x","context":true}`,
		"single quotes":      `{'unit':'u1'}`,
		"comment":            `{/* x */}`,
		"too large":          `{"unit":"` + strings.Repeat("x", maxBody) + `"}`,
		"null where not":     `{"unit":null,"context":{"targetingKey":[null]}}`,
		"experiments of nil": `{"experiments":[null],"context":{"targetingKey":true}}`,
	}
}

// No request, however bad, is answered with a fault of the server's, and every
// refusal says what is wrong in the form of the route.
func TestBadInputIsTheClientsFault(t *testing.T) {
	s := newStack(t, Config{RateLimit: RateLimit{PerSecond: -1}})
	check := func(name string, route route, got response, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if got.status < 400 || got.status >= 500 {
			t.Errorf("%s: %d %.200s", name, got.status, got.body)
			return
		}
		checkRefusal(t, name, route, got)
	}
	for route, good := range everyRoute() {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "POST", "TRACE", "QUERY", "X"} {
			if method != route.method() {
				r := good
				r.method = method
				got, err := s.try(r)
				check(method+" "+r.path, route, got, err)
				if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") == "" {
					t.Errorf("%s %s: %d, Allow %q", method, r.path, got.status, got.header.Get("Allow"))
				}
			}
		}
		for _, position := range []string{"-1", "x", "1.5", "99999999999999999999", " "} {
			r := good
			r.method, r.header = route.method(), map[string]string{"Assay-Min-Position": position}
			got, err := s.try(r)
			check("position "+position+" "+r.path, route, got, err)
		}
		if route == routeSnapshot || route == routeFeed {
			for _, since := range []string{"-1", "x", "1&since=2", "%00", "99999999999999999999", ""} {
				got, err := s.try(request{method: "GET", path: good.path + "?since=" + since})
				check("since "+since, route, got, err)
			}
		}
		if route.method() != http.MethodPost {
			continue
		}
		for name, body := range badBodies() {
			r := good
			r.body = body
			got, err := s.try(r)
			check(name+" "+r.path, route, got, err)
		}
		for name, value := range map[string]string{
			"Content-Type": "text/plain", "Content-Encoding": "gzip",
		} {
			r := good
			r.body, r.header = `{"unit":"u1"}`, map[string]string{name: value}
			got, err := s.try(r)
			check(name+" "+r.path, route, got, err)
			if got.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s %s: %d", name, r.path, got.status)
			}
		}
	}
	// Not in a body, so never malformed: what no client means to send.
	for _, path := range []string{"/snapshot?%zz", flagsPath + "?flagConfigEtag=%zz;", "/stream?token=%00", flagsPath + "/" + strings.Repeat("x", 8000)} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			got, err := s.try(request{method: method, path: path, token: "none"})
			if err != nil || got.status >= 500 {
				t.Errorf("%s %s: %d %v", method, path, got.status, err)
			}
		}
	}
}

// checkRefusal holds a refusal to the form of its route.
func checkRefusal(t *testing.T, name string, route route, got response) {
	t.Helper()
	if bytes.Contains(got.body, []byte("go-json")) || bytes.Contains(got.body, []byte("goroutine")) {
		t.Errorf("%s: shows internals: %s", name, got.body)
	}
	var doc struct {
		Status    int
		Detail    string
		Key       *string
		ErrorCode string
	}
	if err := json.Unmarshal(got.body, &doc); err != nil {
		if route != routeStream { // asked by HEAD, which has no body
			t.Errorf("%s: %v: %s", name, err, got.body)
		}
		return
	}
	switch route {
	case routeFlag:
		if doc.Key == nil || doc.ErrorCode == "" {
			t.Errorf("%s: %s", name, got.body)
		}
	case routeFlags:
		if doc.ErrorCode == "" {
			t.Errorf("%s: %s", name, got.body)
		}
	default:
		if doc.Status != got.status || doc.Detail == "" || got.header.Get("Content-Type") != problemType {
			t.Errorf("%s: %v %s", name, got.header, got.body)
		}
	}
}

// raw sends bytes and reads the status of the answer.
func (s *stack) raw(t *testing.T, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	var proto string
	var status int
	if _, err := fmt.Fscan(conn, &proto, &status); err != nil {
		t.Fatal(err)
	}
	return status
}

func TestBodiesAreBoundHoweverTheyCome(t *testing.T) {
	s := newStack(t, Config{})
	head := "POST /evaluate HTTP/1.1\r\nHost: assay\r\nAuthorization: Bearer " + rootToken + "\r\nContent-Type: application/json\r\n"
	chunk := fmt.Sprintf("%x\r\n%s\r\n", maxBody+1, strings.Repeat(" ", maxBody+1))
	for name, tt := range map[string]struct {
		request string
		status  int
	}{
		"said to be large":    {head + "Content-Length: 99999999\r\n\r\n", 413},
		"large in chunks":     {head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n", 413},
		"in chunks":           {head + "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"un\r\nc\r\nit\":\"u1\"   }\r\n0\r\n\r\n", 200},
		"chunks that are not": {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"two tokens":          {strings.Replace(head, "Content-Type", "Authorization: Bearer x\r\nContent-Type", 1) + "Content-Length: 2\r\n\r\n{}", 401},
		"another scheme":      {strings.Replace(head, "Bearer", "Basic", 1) + "Content-Length: 2\r\n\r\n{}", 401},
		"scheme in any case":  {strings.Replace(head, "Bearer", "bEARER", 1) + "Content-Length: 2\r\n\r\n{}", 200},
		"with a charset":      {strings.Replace(head, "/json", "/json; charset=UTF-8", 1) + "Content-Length: 2\r\n\r\n{}", 200},
		"much to track":       {strings.Replace(head, "/evaluate", "/track", 1) + "Content-Length: 5242881\r\n\r\n", 413},
		"much in chunks":      {strings.Replace(head, "/evaluate", "/track", 1) + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat(chunk, 81) + "0\r\n\r\n", 413},
		"tracked in chunks":   {strings.Replace(head, "/evaluate", "/track", 1) + "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"ev\r\n9\r\nents\":[]}\r\n0\r\n\r\n", 202},
		"cut off":             {strings.Replace(head, "/evaluate", "/track", 1) + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"in another charset":  {strings.Replace(head, "/json", "/json; charset=utf-16", 1) + "Content-Length: 2\r\n\r\n{}", 415},
	} {
		if got := s.raw(t, tt.request); got != tt.status {
			t.Errorf("%s: %d, want %d", name, got, tt.status)
		}
	}
}
