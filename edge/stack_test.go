package edge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/presence"
)

const (
	rootToken = "a root token for tests"
	edgeToken = "a token for edges in tests"
)

// source is a feed's source that a test fills.
type source struct {
	mu      sync.Mutex
	update  feed.Update   // guarded by mu
	changed chan struct{} // one hint waits at most
}

func (s *source) Name() string { return "test" }

func (s *source) Fetch(_ context.Context, have *feed.State) (*feed.Update, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.update.Document.Position == 0 || have != nil && have.Document.Position == s.update.Document.Position {
		return nil, nil
	}
	update := s.update
	return &update, nil
}

func (s *source) Watch(ctx context.Context, hint func(int64)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.changed:
			s.mu.Lock()
			position := s.update.Document.Position
			s.mu.Unlock()
			hint(position)
		}
	}
}

// stack is an edge on a port of its own, fed by the test.
type stack struct {
	*Edge
	source *source
	feed   *feed.Feed
	url    string
	client *http.Client
	log    *lockedBuffer
	tokens map[domain.Role]string
	keys   []domain.Key

	registry *prometheus.Registry
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// idle is a stack whose feed has nothing yet.
func idle(t testing.TB, cfg Config) *stack {
	t.Helper()
	if cfg.Announced == nil {
		cfg.Announced = func(string, presence.Announcement) error { return nil }
	}
	s := &stack{
		source: &source{changed: make(chan struct{}, 1)}, log: &lockedBuffer{}, tokens: map[domain.Role]string{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 10}, Timeout: 20 * time.Second},
	}
	s.registry = prometheus.NewRegistry()
	cfg.Root, cfg.EdgeToken, cfg.Registry = rootToken, edgeToken, s.registry
	if cfg.Tracker == nil && cfg.ControlURL == "" {
		cfg.Tracker = &memory{}
	}
	cfg.Log = slog.New(slog.NewTextHandler(s.log, nil))
	s.feed = feed.New(feed.Config{}, s.source)
	var err error
	if s.Edge, err = New(s.feed, cfg); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	server := &http.Server{Handler: s.Edge, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	go func() { _ = server.Serve(listener) }()
	run(t, s.feed.Run)
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		_ = server.Close()
	})
	run(t, s.Run)
	return s
}

// run runs f until the test ends.
func run(t testing.TB, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// newStack has a key of each role, and a document with one experiment of each
// kind that tests speak of.
func newStack(t testing.TB, cfg Config) *stack {
	t.Helper()
	s := idle(t, cfg)
	for i, role := range []domain.Role{domain.Client, domain.Server, domain.Viewer, domain.Editor, domain.Admin} {
		s.addKey(domain.Key{Name: string(role), Role: role}, byte(i))
	}
	s.show(t, demo(1))
	return s
}

// addKey makes a token for a key; show tells the feed.
func (s *stack) addKey(key domain.Key, seed byte) string {
	key.ID = uuid.UUID{15: seed + 1}
	token, hash := domain.NewToken(key.Role, key.ID, [32]byte{seed})
	key.SecretHash = hash
	s.keys = append(s.keys, key)
	if _, ok := s.tokens[key.Role]; !ok {
		s.tokens[key.Role] = token
	}
	return token
}

// show gives the feed a document and waits until the edge answers from it and has
// told its streams.
func (s *stack) show(t testing.TB, d evaluator.Document) {
	t.Helper()
	s.offer(d)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if v := s.view(); v != nil && v.state.Document.Position == d.Position && s.hub.newest.Load().id == v.id {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the edge does not come to position %d", d.Position)
		}
	}
}

// offer is show without the wait.
func (s *stack) offer(d evaluator.Document) {
	s.source.mu.Lock()
	s.source.update = feed.Update{Document: d, Keys: slices.Clone(s.keys)}
	s.source.mu.Unlock()
	select {
	case s.source.changed <- struct{}{}:
	default:
	}
}

// demo is a document of experiments that give each answer there is.
func demo(position int64, more ...string) evaluator.Document {
	d := evaluator.Document{
		Position: position, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(position) * time.Second),
		Layers: []domain.Layer{}, Holdouts: []domain.Holdout{}, Segments: []evaluator.Segment{},
	}
	for _, doc := range append([]string{
		experiment("banner", `"audience":{"country":"US"}`),
		experiment("button", `"overrides":{"vip":"treatment"}`),
		experiment("company", `"unit_type":"company_id"`),
		experiment("paused", `"status":"inactive"`),
		experiment("price", `"variations":[{"key":"control","name":"","value":{"p":1.5},"weight":1},{"key":"é\"<","name":"","value":[null,"x"],"weight":1}],`+
			`"split":[{"variation":"é\"<","from":0,"to":1000000}]`),
		experiment("small", `"traffic_ppm":0`),
		experiment("text", `"variations":[{"key":"control","name":"","value":"a","weight":1},{"key":"treatment","name":"","value":"b","weight":1}]`),
	}, more...) {
		d.Experiments = append(d.Experiments, json.RawMessage(doc))
	}
	slices.SortFunc(d.Experiments, func(a, b json.RawMessage) int { return cmp.Compare(idOf(a), idOf(b)) })
	return d
}

func idOf(doc json.RawMessage) string {
	var header struct{ ID string }
	_ = json.Unmarshal(doc, &header)
	return header.ID
}

// experiment is a document: active, all units in the treatment, but for what is
// said otherwise.
func experiment(key string, members ...string) string {
	id := uuid.NewSHA1(uuid.Nil, []byte(key)).String()
	doc := map[string]json.RawMessage{}
	for _, object := range append([]string{fmt.Sprintf(`"id":%q,"key":%q,"version":3,"position":1,
		"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","status":"active","phase":1,"hash":"xxh3",
		"name":"","description":"","hypothesis":"","owner":"","tags":[],"unit_type":"user_id","salt":%q,
		"variations":[{"key":"control","name":"","value":false,"weight":1},{"key":"treatment","name":"","value":true,"weight":1}],
		"traffic_ppm":1000000,"audience":{},"overrides":{},"prerequisites":[],"metrics":[],
		"analysis":{"method":"sequential","alpha":0.05,"correction":"holm"},
		"split":[{"variation":"treatment","from":0,"to":1000000}]`, id, key, id)}, members...) {
		if err := json.Unmarshal([]byte("{"+object+"}"), &doc); err != nil {
			panic(err)
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// request is one to send; its zero values are what a good client sends.
type request struct {
	method, path, body string
	// token is the root token when empty; "none" sends none.
	token  string
	header map[string]string
}

// response is an answer, read to its end.
type response struct {
	status int
	header http.Header
	body   []byte
}

func (s *stack) send(t testing.TB, r request) response {
	t.Helper()
	got, err := s.try(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return got
}

func (s *stack) try(r request) (response, error) {
	req, err := http.NewRequest(r.method, s.url+r.path, strings.NewReader(r.body))
	if err != nil {
		return response{}, err
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	switch r.token {
	case "none":
	case "":
		req.Header.Set("Authorization", "Bearer "+rootToken)
	default:
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for name, value := range r.header {
		if value == "" {
			req.Header.Del(name)
			continue
		}
		req.Header.Set(name, value)
	}
	got, err := s.client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	return response{got.StatusCode, got.Header, body}, err
}

func (r response) want(t testing.TB, status int) response {
	t.Helper()
	if r.status != status {
		t.Fatalf("got %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// json decodes the body.
func (r response) json(t testing.TB) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(r.body, &doc); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return doc
}

// same compares JSON texts by what they say.
func same(t testing.TB, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%v: %s", err, want)
	}
	gText, _ := json.Marshal(g)
	wText, _ := json.Marshal(w)
	if !bytes.Equal(gText, wText) {
		t.Errorf("got  %s\nwant %s", gText, wText)
	}
}
