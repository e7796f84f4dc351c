package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/eventstore"
	httpapi "github.com/assaylabs/assay/http"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/internal/serving"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/queries"
	"github.com/assaylabs/assay/tracking/derive"
)

const token = "a root token for benchmarks"

// plane is a control plane behind a real port.
type plane struct {
	addr     string
	store    *eventstore.Store
	follower *projections.Follower
	redis    *projections.Redis // nil for none
	commands *commands.Service
	queries  *queries.Service
}

// serve starts a control plane; redisURL may be empty.
func serve(b *testing.B, l ledgertest.Ledger, redisURL string) *plane {
	b.Helper()
	p := &plane{}
	pool := open(b, l.App, 20)
	p.store = eventstore.New(pool, eventstore.Config{
		Inline:   projections.Inline{},
		OnCommit: func(records []eventstore.Record) { p.follower.Offer(records) },
	})
	p.follower = projections.NewFollower(p.store, pool, nil)
	ledgertest.Run(b, p.store.Run)
	ledgertest.Run(b, p.follower.Run)
	if redisURL != "" {
		client, err := projections.OpenRedis(redisURL)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = client.Close() })
		p.redis = projections.NewRedis(client, "", p.follower, pool, nil)
		ledgertest.Run(b, p.redis.Run)
	}
	p.commands, p.queries = commands.New(p.store), queries.New(p.store, p.follower, p.redis, pool, derive.New(pool))
	handler, err := httpapi.New(httpapi.Config{
		Commands: p.commands, Queries: p.queries, RootToken: token,
		Log: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	p.addr = listener.Addr().String()
	ledgertest.Run(b, func(ctx context.Context) error { return serving.Serve(ctx, listener, handler, 0) })
	return p
}

// client is one that keeps its connection and costs little itself.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

func (p *plane) dial(b *testing.B) *client {
	b.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &client{conn, bufio.NewReaderSize(conn, 64<<10)}
}

// send returns the answer's body, which has to have come with that status.
func (c *client) send(b *testing.B, method, path string, body []byte, status int) []byte {
	var request bytes.Buffer
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nHost: assay\r\nAuthorization: Bearer %s\r\n", method, path, token)
	if body != nil {
		fmt.Fprintf(&request, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	request.WriteString("\r\n")
	request.Write(body)
	if _, err := c.conn.Write(request.Bytes()); err != nil {
		b.Error(err)
		return nil
	}
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		b.Error(err)
		return nil
	}
	got, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		b.Errorf("%s %s: %s %.300s %v", method, path, response.Status, got, err)
	}
	return got
}

// togglers makes n experiments and returns what switches the i-th over, each on
// a connection of its own.
func (p *plane) togglers(b *testing.B, n int) func(i int) {
	b.Helper()
	clients := make([]*client, n)
	on := make([]atomic.Bool, n)
	for i := range n {
		clients[i] = p.dial(b)
		clients[i].send(b, "POST", "/experiments", fmt.Appendf(nil, `{"name":"e%d"}`, i), http.StatusCreated)
	}
	return func(i int) {
		body := `{"status":"` + next(&on[i]) + `","reason":"bench"}`
		clients[i].send(b, "PATCH", fmt.Sprintf("/experiments/e%d/status", i), []byte(body), http.StatusOK)
	}
}

// A toggle through HTTP, by one client, takes 2.5 times as long as a bare INSERT
// and its commit, or less.
func BenchmarkToggle(b *testing.B) {
	l := durable(b)
	latency(b, insertFloor(b, l, 1), serve(b, l, "").togglers(b, 1))
}

// 32 HTTP clients toggle at 0.4 times the rate of 32 connections that commit
// plain INSERTs, or more.
func BenchmarkToggles(b *testing.B) {
	l := durable(b)
	throughput(b, callers, insertFloor(b, l, callers), serve(b, l, "").togglers(b, callers))
}

// 1,000 experiments of 2 KB are imported in one request, in less than 3 s; the
// same 1,000 are then toggled in one request and one transaction.
func BenchmarkBatch(b *testing.B) {
	l := durable(b)
	p := serve(b, l, "")
	c := p.dial(b)
	n := sized(1_000, 100)
	var imports, toggles []float64
	round, size := 0, 0
	for b.Loop() {
		creations, switches := batch{}, batch{}
		for i := range n {
			doc := document(round*n + i)
			size = len(doc)
			creations.Commands = append(creations.Commands, command{Op: "create", Body: doc})
			switches.Commands = append(switches.Commands, command{
				Op: "status", ID: fmt.Sprintf("checkout-%d", round*n+i), Body: json.RawMessage(`{"status":"active"}`),
			})
		}
		imports = append(imports, c.batch(b, creations))
		toggles = append(toggles, c.batch(b, switches))
		round++
	}
	b.ReportMetric(float64(size), "bytes/experiment")
	b.ReportMetric(median(imports)*1e3, "import-ms")
	b.ReportMetric(median(toggles)*1e3, "toggle-ms")
}

type batch struct {
	Commands []command `json:"commands"`
}

type command struct {
	Op   string          `json:"op"`
	ID   string          `json:"id,omitempty"`
	Body json.RawMessage `json:"body"`
}

// batch sends the commands and returns the seconds that it took.
func (c *client) batch(b *testing.B, commands batch) float64 {
	b.Helper()
	body, err := json.Marshal(commands)
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	c.send(b, "POST", "/experiments/batch", body, http.StatusOK)
	return time.Since(start).Seconds()
}

// document is the n-th experiment, of 2 KB.
func document(n int) []byte {
	doc := ledgertest.Document(n)
	filler := strings.Repeat("What we know of it so far. ", 1+(2_048-len(doc))/27)
	return bytes.Replace(doc, []byte("sells more."), []byte("sells more. "+filler), 1)
}

// GET /experiments of 1,000 takes less than 15 ms, from Redis and, when Redis
// and Postgres are both down, from memory.
func BenchmarkList(b *testing.B) {
	server, redis := pgtest.Dedicated(b, nil), redistest.Real(b)
	l := ledgertest.Migrate(b, server.URL("postgres", "postgres"))
	seed(b, l, sized(1_000, 100))
	p := serve(b, l, redis.URL())
	p.settle(b)
	c := p.dial(b)
	b.Run("redis", func(b *testing.B) { c.list(b, queries.FromRedis) })
	redis.Stop()
	server.Kill()
	for p.redis.State().Up {
		time.Sleep(10 * time.Millisecond)
	}
	b.Run("memory", func(b *testing.B) { c.list(b, queries.FromMemory) })
}

func (c *client) list(b *testing.B, source string) {
	const path = "/experiments?limit=1000"
	c.send(b, "GET", path, nil, http.StatusOK)
	var times []float64
	var got []byte
	for b.Loop() {
		start := time.Now()
		got = c.send(b, "GET", path, nil, http.StatusOK)
		times = append(times, time.Since(start).Seconds())
	}
	if want := `"source":"` + source + `"`; !bytes.Contains(got, []byte(want)) {
		b.Errorf("want %s, got …%s", want, got[max(0, len(got)-100):])
	}
	b.ReportMetric(float64(len(got)), "bytes")
	b.ReportMetric(median(times)*1e3, "list-ms")
	b.ReportMetric(quantile(times, 0.99)*1e3, "list-p99-ms")
}

// seed makes n experiments of 2 KB.
func seed(b *testing.B, l ledgertest.Ledger, n int) {
	b.Helper()
	var all []commands.BatchCommand
	for i := range n {
		all = append(all, commands.BatchCommand{Op: "create", Body: document(i)})
	}
	if _, err := l.Commands(b).Batch(context.Background(), commands.Call{}, all); err != nil {
		b.Fatal(err)
	}
}

// settle waits until Redis holds what the ledger does.
func (p *plane) settle(b *testing.B) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		head, err := p.store.Head(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if state := p.redis.State(); state.Up && state.Position == head.Position {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
