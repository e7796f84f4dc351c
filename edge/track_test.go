package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking"
)

// memory is a tracker that keeps each id once, as far as the test lets it.
type memory struct {
	mu      sync.Mutex
	events  map[uuid.UUID]tracking.Event // guarded by mu
	fail    error                        // guarded by mu
	refused string                       // guarded by mu: events of that name are
	waits   chan struct{}                // if any: until it is closed
}

func (m *memory) Store(ctx context.Context, events []tracking.Event) (stored tracking.Stored, err error) {
	if m.waits != nil {
		select {
		case <-m.waits:
		case <-ctx.Done():
			return stored, tracking.ErrDown
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.events == nil {
		m.events = map[uuid.UUID]tracking.Event{}
	}
	for i := range events {
		e := &events[i]
		switch _, again := m.events[e.ID]; {
		case m.refused != "" && e.Name == m.refused:
			stored.Refused = append(stored.Refused, tracking.Rejection{Index: i, Problem: "event: cannot be stored", Reason: tracking.Refused})
		case m.fail != nil:
		case again:
			stored.Duplicates++
		default:
			stored.New++
			m.events[e.ID] = *e
		}
	}
	return stored, m.fail
}

func (m *memory) set(fail error, refused string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail, m.refused = fail, refused
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

// tracked is an event of that number; more are members of it.
func tracked(n int, more ...string) string {
	members := append([]string{fmt.Sprintf(`"id":"00000000-0000-0000-0000-%012d"`, n), `"type":"event"`, `"unit":"u1"`}, more...)
	if !strings.Contains(strings.Join(more, ""), `"at"`) {
		members = append(members, `"at":"`+time.Now().UTC().Format(time.RFC3339Nano)+`"`)
	}
	if !strings.Contains(strings.Join(more, ""), `"name"`) {
		members = append(members, `"name":"purchase"`)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func trackRequest(events ...string) request {
	return request{method: "POST", path: "/track", body: `{"events":[` + strings.Join(events, ",") + `]}`}
}

// outcomes are the counts of events, checked to add up.
func (s *stack) outcomes(t testing.TB) map[string]float64 {
	t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all, sum := map[string]float64{}, 0.0
	for _, family := range families {
		if family.GetName() != "assay_track_events_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			name := m.GetLabel()[0].GetValue()
			if reason := m.GetLabel()[1].GetValue(); reason != "" {
				name += " " + reason
			}
			if n := m.GetCounter().GetValue(); n > 0 {
				all[name] = n
				sum += n
			}
		}
	}
	if received := testutil.ToFloat64(s.tracks.meter.received); received != sum {
		t.Errorf("received %v, but %v are %v", received, sum, all)
	}
	return all
}

func (s *stack) wantOutcomes(t testing.TB, want map[string]float64) {
	t.Helper()
	if got := s.outcomes(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

func TestTrack(t *testing.T) {
	m := &memory{refused: "poison"}
	s := newStack(t, Config{Tracker: m})
	same(t, s.send(t, trackRequest(tracked(1), tracked(2, `"value":1.5`))).want(t, 202).body, `{"accepted":2,"rejected":[]}`)
	got := s.send(t, trackRequest(tracked(3, `"value":"x"`), tracked(2), tracked(4, `"name":"poison"`), tracked(5, `"at":"2001-01-01T00:00:00Z"`),
		tracked(6, `"name":"poison"`), tracked(7), `{"id":NaN}`)).want(t, 202)
	same(t, got.body, `{"accepted":2,"rejected":[{"index":0,"problem":"value: must be a number between -1e12 and 1e12"},
		{"index":2,"problem":"event: cannot be stored"},{"index":3,"problem":"at: must be at most 400 days ago"},
		{"index":4,"problem":"event: cannot be stored"},{"index":6,"problem":"id: must be a string"}]}`)
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", got.header)
	}
	if n := m.count(); n != 3 {
		t.Errorf("%d are stored", n)
	}
	s.wantOutcomes(t, map[string]float64{
		"stored": 3, "duplicate": 1, "rejected value": 1, "rejected refused": 2, "rejected clock": 1, "rejected id": 1,
	})
	bad := s.send(t, request{method: "POST", path: "/track", body: `{"events":[],"sent_at":1}`}).want(t, 400)
	if errs := fmt.Sprint(bad.json(t)["errors"]); errs != "[map[field:sent_at problem:unknown field]]" {
		t.Errorf("a bad body: %s", errs)
	}
	s.outcomes(t)
}

func TestTrackSaysWhenItCannot(t *testing.T) {
	m := &memory{}
	s := newStack(t, Config{Tracker: m})
	for err, want := range map[error]int{tracking.ErrFull: 429, fmt.Errorf("no route: %w", tracking.ErrDown): 503} {
		m.set(err, "")
		got := s.send(t, trackRequest(tracked(1), tracked(2), "null")).want(t, want)
		if after, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || after < 1 || after > maxRetryAfter {
			t.Errorf("%d: Retry-After %q", want, got.header.Get("Retry-After"))
		}
		if got.header.Get("Content-Type") != problemType || strings.Contains(string(got.body), "no route") {
			t.Errorf("%d: %s", want, got.body)
		}
	}
	s.wantOutcomes(t, map[string]float64{"full": 3, "down": 3})
}

// Who goes away is not heard any more, but what it sent is stored.
func TestTrackOutlivesItsClient(t *testing.T) {
	m := &memory{waits: make(chan struct{})}
	s := newStack(t, Config{Tracker: m})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	body := trackRequest(tracked(1)).body
	fmt.Fprintf(conn, "POST /track HTTP/1.1\r\nHost: assay\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", rootToken, len(body), body)
	for testutil.ToFloat64(s.tracks.meter.received) == 0 {
		time.Sleep(time.Millisecond)
	}
	conn.Close()
	s.send(t, request{method: "GET", path: "/snapshot"}) // the server has seen to other things meanwhile
	close(m.waits)
	for deadline := time.Now().Add(10 * time.Second); m.count() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not stored")
		}
	}
}

// Only what has come takes memory, and no more than there is for it.
func TestTrackBoundsBodies(t *testing.T) {
	m := &memory{waits: make(chan struct{})}
	s := newStack(t, Config{Tracker: m})
	large := request{method: "POST", path: "/track", body: `{"events":[` + strings.Repeat(" ", 4<<20) + tracked(1) + `]}`}
	// Who is refused while it still sends may see no more than that its connection
	// ends.
	const cut = 0
	answers := make(chan int)
	for range 40 {
		go func() {
			got, err := s.try(large)
			if err != nil {
				got.status = cut
			}
			answers <- got.status
		}()
	}
	// Who says much and sends little is in nobody's way.
	for range 40 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /track HTTP/1.1\r\nHost: assay\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", rootToken, tracking.MaxBody)
	}
	statuses := map[int]int{}
	for n := range 40 {
		if n == 20 { // those that wait hold no more than 64 MiB, so others are refused
			close(m.waits)
		}
		statuses[<-answers]++
	}
	if statuses[202] == 0 || statuses[429] == 0 || statuses[202]+statuses[429]+statuses[cut] != 40 {
		t.Errorf("answers %v", statuses)
	}
	for deadline := time.Now().Add(10 * time.Second); s.tracks.held.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are still held", s.tracks.held.Load())
		}
	}
	s.send(t, large).want(t, 202)
}

func TestTrackPassesOn(t *testing.T) {
	m := &memory{}
	control := newStack(t, Config{Tracker: m})
	s := newStack(t, Config{ControlURL: control.url + "/"})
	body := trackRequest(tracked(1), tracked(1), "null", tracked(2, `"at":"2001-01-01T00:00:00Z"`))
	body.token = s.tokens[domain.Client]
	got := s.send(t, body).want(t, 202)
	same(t, got.body, string(control.send(t, body).want(t, 202).body))
	if m.count() != 1 {
		t.Errorf("%d are stored", m.count())
	}
	s.wantOutcomes(t, map[string]float64{"forwarded": 2, "rejected upstream": 2})
	control.wantOutcomes(t, map[string]float64{"stored": 1, "duplicate": 3, "rejected form": 2, "rejected clock": 2})

	// A body that is none goes nowhere.
	s.send(t, request{method: "POST", path: "/track", body: `{"events":[`}).want(t, 400)
	if n := testutil.ToFloat64(control.tracks.meter.received); n != 8 {
		t.Errorf("the control plane received %v", n)
	}
	m.set(tracking.ErrFull, "")
	if got := s.send(t, body).want(t, 429); got.header.Get("Retry-After") == "" {
		t.Errorf("headers %v", got.header)
	}
	m.set(tracking.ErrDown, "")
	if got := s.send(t, body).want(t, 503); got.header.Get("Retry-After") == "" {
		t.Errorf("headers %v", got.header)
	}
	// A key that the edge still knows, and the control plane does not.
	fresh := s.addKey(domain.Key{Name: "gone", Role: domain.Client}, 40)
	s.show(t, demo(2))
	body.token = fresh
	if got := s.send(t, body).want(t, 401); !strings.Contains(string(got.body), "the control plane refuses it") {
		t.Errorf("got %s", got.body)
	}
	s.wantOutcomes(t, map[string]float64{"forwarded": 2, "rejected upstream": 2, "full": 4, "down": 4, "denied": 4})
}

// Whatever stands where the control plane should be, the client is told to come
// again, and nothing counts as taken.
func TestTrackPassesNothingOnToStrangers(t *testing.T) {
	type answer struct {
		status int
		body   string
	}
	answers := make(chan answer, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "/elsewhere")
		next := <-answers
		w.WriteHeader(next.status)
		_, _ = io.WriteString(w, next.body)
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	s := newStack(t, Config{ControlURL: "http://" + listener.Addr().String()})
	tries := 0.0
	for _, next := range []answer{
		{200, `{"accepted":1,"rejected":[]}`},
		{202, "hello"},
		{202, `{"accepted":2,"rejected":[]}`},
		{202, `{}`},
		{204, ""},
		{302, ""},
		{500, "hello"},
		{502, "<html>"},
	} {
		answers <- next
		got := s.send(t, trackRequest(tracked(1))).want(t, 503)
		if got.header.Get("Retry-After") == "" || got.header.Get("Content-Type") != problemType {
			t.Errorf("%v: %v", next, got.header)
		}
		tries++
	}
	server.Close()
	s.send(t, trackRequest(tracked(1))).want(t, 503)
	s.wantOutcomes(t, map[string]float64{"down": tries + 1})
}

func TestTrackWithNowhereToGo(t *testing.T) {
	s := newStack(t, Config{})
	s.cfg.Tracker = nil
	got := s.send(t, trackRequest(tracked(1))).want(t, 503)
	if got.header.Get("Retry-After") != strconv.Itoa(nowhere) {
		t.Errorf("headers %v", got.header)
	}
	s.wantOutcomes(t, map[string]float64{"down": 1})
}

func TestTrackReceiptIsJSON(t *testing.T) {
	s := newStack(t, Config{})
	var receipt tracking.Receipt
	got := s.send(t, trackRequest("\"\xff\"", "{\"\xff\":1}", `{"<é>":1}`)).want(t, 202)
	if err := json.Unmarshal(got.body, &receipt); err != nil || len(receipt.Rejected) != 3 || receipt.Rejected[2].Problem != "<é>: unknown field" {
		t.Errorf("%v: %s", err, got.body)
	}
}
