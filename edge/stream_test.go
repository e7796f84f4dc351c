package edge

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assaylabs/assay/domain"
)

// streaming is an open stream.
type streaming struct {
	res *http.Response
	r   *bufio.Reader
}

// sse is one event.
type sse struct{ id, event, data string }

// open listens; Accept-Encoding and the like are what a plain client sends.
func (s *stack) open(t testing.TB, r request) *streaming {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+r.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.token != "none" {
		token := r.token
		if token == "" {
			token = rootToken
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	res, err := (&http.Client{Transport: s.client.Transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %d %s", r.path, res.StatusCode, body)
	}
	return &streaming{res, bufio.NewReader(res.Body)}
}

// event reads the next event, leaving out comments and what has no data.
func (s *streaming) event(t testing.TB) sse {
	t.Helper()
	var e sse
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "data":
			e.data = value
		case "":
			if e.data != "" {
				return e
			}
		}
	}
}

// ended waits for the end of the stream.
func (s *streaming) ended(t testing.TB) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, s.r)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the stream does not end")
	}
}

func TestStreamTellsWhatIsAndWhatComes(t *testing.T) {
	s := newStack(t, Config{})
	for _, r := range []request{
		{path: "/stream"},
		{path: "/stream", token: s.tokens[domain.Client]},
		{path: "/stream?token=" + s.tokens[domain.Server], token: "none"},
	} {
		stream := s.open(t, r)
		if got := stream.res.Header; got.Get("Content-Type") != "text/event-stream" || got.Get("Cache-Control") != "no-store" || got.Get("Assay-Position") == "" {
			t.Errorf("headers %v", got)
		}
		for range 2 {
			got, state := stream.event(t), s.view().state
			var data struct {
				Type, ETag   string
				LastModified int64
				Position     int64
			}
			if err := json.Unmarshal([]byte(got.data), &data); err != nil {
				t.Fatal(err)
			}
			if got.id != fmt.Sprint(state.Document.Position) || got.event != "message" || data.Type != "refetchEvaluation" ||
				data.ETag != state.ETag || data.LastModified != state.Document.At.Unix() || data.Position != state.Document.Position {
				t.Errorf("got %+v", got)
			}
			// By the time of the event this replica answers from the new state.
			answer := s.send(t, request{method: "POST", path: "/evaluate", body: `{}`})
			if answer.header.Get("Assay-Position") != got.id {
				t.Errorf("event of %s, answer from %s", got.id, answer.header.Get("Assay-Position"))
			}
			s.show(t, demo(data.Position+1))
		}
	}
	if log := s.log.String(); strings.Contains(log, "assay_server") {
		t.Errorf("the log holds a token: %s", log)
	}
}

func TestLastEventIDSaysWhatTheListenerHas(t *testing.T) {
	s := newStack(t, Config{})
	s.show(t, demo(7))
	behind := s.open(t, request{path: "/stream", header: map[string]string{"Last-Event-ID": "5"}})
	if got := behind.event(t); got.id != "7" {
		t.Errorf("got %+v", got)
	}
	upToDate := s.open(t, request{path: "/stream", header: map[string]string{"Last-Event-ID": "7"}})
	s.show(t, demo(8))
	if got := upToDate.event(t); got.id != "8" {
		t.Errorf("got %+v", got)
	}
}

// A ticket opens the stream of its key and nothing else, and goes with the key.
func TestATicketOnlyListens(t *testing.T) {
	s := newStack(t, Config{})
	ticket := s.view().callers.get(s.keys[0].ID).ticket
	for route, r := range everyRoute() {
		r.token = ticket
		if route != routeStream {
			s.send(t, r).want(t, http.StatusUnauthorized)
		}
	}
	s.send(t, request{method: "POST", path: flagsPath + "?token=" + s.tokens[domain.Client], token: "none", body: `{}`}).want(t, http.StatusUnauthorized)
	forged := ticket[:len(ticket)-1] + string(ticket[len(ticket)-1]^1)
	s.send(t, request{method: "HEAD", path: "/stream?token=" + forged, token: "none"}).want(t, http.StatusUnauthorized)

	stream := s.open(t, request{path: "/stream?token=" + ticket, token: "none"})
	s.keys = s.keys[1:]
	s.show(t, demo(2))
	stream.ended(t)
	s.send(t, request{method: "HEAD", path: "/stream?token=" + ticket, token: "none"}).want(t, http.StatusUnauthorized)
}

func TestStreamsHaveABound(t *testing.T) {
	s := newStack(t, Config{MaxStreams: 2})
	first := s.open(t, request{path: "/stream"})
	s.open(t, request{path: "/stream"})
	got := s.send(t, request{method: "GET", path: "/stream"}).want(t, http.StatusServiceUnavailable)
	var after int
	if _, err := fmt.Sscan(got.header.Get("Retry-After"), &after); err != nil || after < 1 || after > maxRetry {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	s.send(t, request{method: "POST", path: "/evaluate", body: `{}`}).want(t, http.StatusOK)
	_ = first.res.Body.Close()
	for deadline := time.Now().Add(5 * time.Second); s.hub.listeners.Load() == 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the place is not given back")
		}
	}
	s.open(t, request{path: "/stream"})
}

func TestStreamsEndWithTheEdge(t *testing.T) {
	s := idle(t, Config{})
	ctx, stop := context.WithCancel(context.Background())
	other, err := New(s.feed, Config{Root: rootToken})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(other)
	defer server.Close()
	ran := make(chan error)
	go func() { ran <- other.Run(ctx) }()
	s.show(t, demo(1))
	s.url = server.URL
	stream := s.open(t, request{path: "/stream"})
	stream.event(t)
	stop()
	stream.ended(t)
	if err := <-ran; err != nil {
		t.Error(err)
	}
	s.send(t, request{method: "GET", path: "/stream"}).want(t, http.StatusServiceUnavailable)
}

// blocked is a ResponseWriter whose client reads nothing more after a while.
type blocked struct {
	httptest.ResponseRecorder
	deadline time.Time
	room     int // writes that still fit
}

func (b *blocked) SetReadDeadline(time.Time) error    { return nil }
func (b *blocked) SetWriteDeadline(t time.Time) error { b.deadline = t; return nil }
func (b *blocked) FlushError() error {
	if b.room--; b.room < 0 {
		time.Sleep(time.Until(b.deadline))
		return os.ErrDeadlineExceeded
	}
	return nil
}

// bare is an edge without a feed that runs, in a bubble.
func bare() *Edge {
	e := &Edge{hub: newHub(10), root: tokenCaller(rootToken, domain.Admin)}
	return e
}

func listen(e *Edge, w http.ResponseWriter, told string) bool {
	r := httptest.NewRequest(http.MethodGet, "/stream", nil)
	s := listener{w: w, rc: http.NewResponseController(w), told: told}
	return s.listen(e, &exchange{w: w, r: r, who: e.root})
}

func TestAQuietStreamShowsThatItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, w := bare(), &blocked{ResponseRecorder: *httptest.NewRecorder(), room: 100}
		e.hub.publish([]byte("id: 1\ndata: x\n\n"), "1")
		var wg sync.WaitGroup
		wg.Go(func() {
			if !listen(e, w, "") {
				t.Error("dropped")
			}
		})
		time.Sleep(3*heartbeat + time.Second)
		e.hub.publish([]byte("id: 2\ndata: y\n\n"), "2")
		time.Sleep(heartbeat + time.Second)
		e.hub.close()
		wg.Wait()
		if got, want := w.Body.String(), "id: 1\ndata: x\n\n:\n\n:\n\n:\n\nid: 2\ndata: y\n\n:\n\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestASlowReaderIsCutOffAndHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := bare()
		slow, quick := &blocked{ResponseRecorder: *httptest.NewRecorder(), room: 1}, &blocked{ResponseRecorder: *httptest.NewRecorder(), room: 1000}
		var wg sync.WaitGroup
		start := time.Now()
		wg.Go(func() {
			if listen(e, slow, "") {
				t.Error("the slow reader was not dropped")
			}
			if took := time.Since(start); took > writeWithin+2*time.Second {
				t.Errorf("dropped after %v", took)
			}
		})
		wg.Go(func() { listen(e, quick, "") })
		for i := range 20 {
			e.hub.publish(fmt.Appendf(nil, "id: %d\ndata: x\n\n", i), fmt.Sprint(i))
			time.Sleep(time.Second)
		}
		e.hub.close()
		wg.Wait()
		if got := strings.Count(quick.Body.String(), "id:"); got != 20 {
			t.Errorf("the quick reader got %d of 20", got)
		}
	})
}

// Who wakes up late is told the newest and not all that came before.
func TestMissedEventsAreToldInOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, w := bare(), &blocked{ResponseRecorder: *httptest.NewRecorder(), room: 100}
		var wg sync.WaitGroup
		wg.Go(func() { listen(e, w, "") })
		synctest.Wait()
		for i := 1; i <= 50; i++ {
			e.hub.publish(fmt.Appendf(nil, "id: %d\n\n", i), fmt.Sprint(i))
		}
		synctest.Wait()
		e.hub.publish([]byte("id: 50\n\n"), "50") // which they were told
		synctest.Wait()
		e.hub.close()
		wg.Wait()
		if got := w.Body.String(); !strings.HasSuffix(got, "id: 50\n\n") || strings.Count(got, "id: 50") != 1 || strings.Count(got, "id:") > 50 {
			t.Errorf("got %q", got)
		}
	})
}

// A client that goes away gives its place back, whatever it was sent.
func TestListenersThatGoLeaveNothing(t *testing.T) {
	s := newStack(t, Config{})
	for range 20 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /stream HTTP/1.1\r\nHost: assay\r\nAuthorization: Bearer %s\r\n\r\n", rootToken)
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); s.hub.listeners.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d places are still taken", s.hub.listeners.Load())
		}
	}
}
