package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// request is what to send to some server.
type request struct {
	method, path, body string
	header             map[string]string
}

// response is what came of it: an answer, or an error that leaves unknown
// whether the server has done it.
type response struct {
	status int
	header http.Header
	body   []byte
	err    error
	took   time.Duration
}

func (r response) String() string {
	if r.err != nil {
		return r.err.Error()
	}
	return fmt.Sprintf("%d %s", r.status, r.body)
}

// unknown says that the command may or may not have been carried out.
func (r response) unknown() bool { return r.err != nil || r.status == http.StatusServiceUnavailable }

// fault says what is wrong with the answer, whatever was asked: a server's own
// error is 503 with whole seconds to wait, and comes within 5 s.
func (r response) fault() error {
	if r.err != nil || r.status < 500 {
		return nil
	}
	if r.status != http.StatusServiceUnavailable {
		return fmt.Errorf("answer %s", r)
	}
	if seconds, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || seconds < 1 {
		return fmt.Errorf("503 with Retry-After %q", r.header.Get("Retry-After"))
	}
	if r.took > 5*time.Second {
		return fmt.Errorf("503 after %v", r.took)
	}
	return nil
}

func (r response) position() int64 {
	n, _ := strconv.ParseInt(r.header.Get("Assay-Position"), 10, 64)
	return n
}

func (r response) version() int {
	n, _ := strconv.Atoi(strings.Trim(r.header.Get("ETag"), `"`))
	return n
}

// requestTimeout is beyond every promise of the servers.
const requestTimeout = 15 * time.Second

// send sends one request on a client's connections.
func (r *replica) send(client *http.Client, q request) response {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, "http://"+r.addr+q.path, body)
	if err != nil {
		return response{err: err}
	}
	req.Header.Set("Authorization", "Bearer "+rootToken)
	if q.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		req.Header.Set(name, value)
	}
	start := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return response{err: err, took: time.Since(start)}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return response{status: res.StatusCode, header: res.Header, body: data, err: err, took: time.Since(start)}
}

func (r *replica) get(path string) response {
	return r.send(http.DefaultClient, request{method: http.MethodGet, path: path})
}

// read asks until it is answered, as staff would, and fails the test at any
// answer but 200.
func (r *replica) read(t *testing.T, path string) []byte {
	t.Helper()
	var body []byte
	eventually(t, func() error {
		res := r.get(path)
		if res.unknown() {
			return fmt.Errorf("GET %s: %s", path, res)
		}
		if res.status != http.StatusOK {
			t.Fatalf("GET %s: %s", path, res)
		}
		body = res.body
		return nil
	})
	return body
}

// pages reads a whole list.
func pages[T any](t *testing.T, r *replica, path string) []T {
	t.Helper()
	var all []T
	next := ""
	for {
		var page struct {
			Items []T     `json:"items"`
			Next  *string `json:"next_cursor"`
		}
		decode(t, r.read(t, path+next), &page)
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		next = "&cursor=" + *page.Next
	}
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}
