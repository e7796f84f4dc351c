package httpapi

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/serving"
	"github.com/assaylabs/assay/presence"
	"github.com/assaylabs/assay/presence/roll"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/queries"
	"github.com/assaylabs/assay/tracking/derive"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const rootToken = "a root token for tests"

// stack is the whole control plane on a port of its own, without Redis.
type stack struct {
	*api
	url    string
	store  *eventstore.Store
	ledger ledgertest.Ledger
	client *http.Client
	// log is what was logged; read it when no request runs.
	log *bytes.Buffer
	// tokens of one key per role.
	tokens map[domain.Role]string
}

func newStack(t testing.TB, limit RateLimit) *stack {
	t.Helper()
	ledger := ledgertest.New(t)
	pool := ledger.Pool(t)
	var follower *projections.Follower
	store := eventstore.New(pool, eventstore.Config{
		Inline:   projections.Inline{},
		OnCommit: func(records []eventstore.Record) { follower.Offer(records) },
	})
	follower = projections.NewFollower(store, pool, slog.New(slog.DiscardHandler))
	ledgertest.Run(t, store.Run)
	ledgertest.Run(t, follower.Run)
	reads := queries.New(store, follower, nil, pool, derive.New(pool))
	ledgertest.Run(t, reads.Run)
	ledgertest.Run(t, reads.Watch)
	uses := presence.NewUses()
	present := roll.New(pool, roll.Config{
		Self: func() presence.Replica { return reads.Replica("replica-1", "test", time.Now()) }, Uses: uses,
	})
	ledgertest.Run(t, present.Run)

	s := &stack{
		store: store, ledger: ledger, log: &bytes.Buffer{}, tokens: map[domain.Role]string{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 10}, Timeout: 30 * time.Second},
	}
	s.api = bareAPI(t, Config{
		Commands: commands.New(store), Queries: reads,
		System: queries.NewSystem(reads, present, pool, "replica-1"), Uses: uses,
		RootToken: rootToken, RateLimit: limit, Version: "test",
		Log: slog.New(slog.NewTextHandler(&lockedWriter{w: s.log}, nil)),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	ledgertest.Run(t, func(ctx context.Context) error { return serving.Serve(ctx, listener, s.api, 0) })
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// withKeys makes a key of each role.
func (s *stack) withKeys(t testing.TB) *stack {
	t.Helper()
	for _, role := range []domain.Role{domain.Client, domain.Server, domain.Viewer, domain.Editor, domain.Admin} {
		got := s.send(t, request{method: "POST", path: "/keys", body: `{"name":"` + string(role) + `","role":"` + string(role) + `"}`})
		got.want(t, http.StatusCreated)
		s.tokens[role] = got.text(t, "token")
	}
	s.caughtUp(t)
	return s
}

// caughtUp waits until queries show all that commands did.
func (s *stack) caughtUp(t testing.TB) {
	t.Helper()
	if err := s.queries.Wait(t.Context(), s.position(t)); err != nil {
		t.Fatal(err)
	}
}

// position is the ledger's.
func (s *stack) position(t testing.TB) int64 {
	t.Helper()
	head, err := s.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head.Position
}

// request is one to send; its zero values are what a good client sends.
type request struct {
	method, path, body string
	// token is the root token when empty; "none" sends none.
	token  string
	header map[string]string
	// chunked sends the body without its length.
	chunked bool
}

// response is an answer, read to its end.
type response struct {
	status int
	header http.Header
	body   []byte
	sent   request
}

func (s *stack) send(t testing.TB, r request) response {
	t.Helper()
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(r.body)
	}
	if r.chunked {
		body = io.MultiReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, s.url+r.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", jsonType)
	}
	switch r.token {
	case "":
		req.Header.Set("Authorization", "Bearer "+rootToken)
	case "none":
	default:
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for name, value := range r.header {
		req.Header[http.CanonicalHeaderKey(name)] = []string{value}
		if value == "(none)" {
			req.Header.Del(name)
		}
	}
	got, err := s.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	defer got.Body.Close()
	data, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return response{status: got.StatusCode, header: got.Header, body: data, sent: r}
}

func (r response) want(t testing.TB, status int) response {
	t.Helper()
	if r.status != status {
		t.Fatalf("%s %s %.200s: got %d, want %d: %s", r.sent.method, r.sent.path, r.sent.body, r.status, status, r.body)
	}
	return r
}

func (r response) members(t testing.TB) map[string]jsontext.Value {
	t.Helper()
	var m map[string]jsontext.Value
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return m
}

// text returns a member that is a string.
func (r response) text(t testing.TB, member string) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(r.members(t)[member], &s); err != nil {
		t.Fatalf("%s of %s: %v", member, r.body, err)
	}
	return s
}

func (r response) position(t testing.TB) int64 {
	t.Helper()
	n, err := strconv.ParseInt(r.header.Get("Assay-Position"), 10, 64)
	if err != nil {
		t.Fatalf("Assay-Position: %v", err)
	}
	return n
}

// problem checks that the answer is a problem document, and returns it.
func (r response) problem(t testing.TB) problem {
	t.Helper()
	var p problem
	if got := r.header.Get("Content-Type"); got != problemType {
		t.Errorf("%s %.200s: %d is %s, not a problem: %.300s", r.sent.method, r.sent.path, r.status, got, r.body)
		return p
	}
	if err := json.Unmarshal(r.body, &p, json.RejectUnknownMembers(true)); err != nil {
		t.Errorf("%s: %v", r.body, err)
	}
	if p.Status != r.status || p.Title != http.StatusText(r.status) || p.Type == "" || p.Detail == "" {
		t.Errorf("%d: problem %s", r.status, r.body)
	}
	return p
}
