package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/redistest"
)

// The data plane has to start anywhere: it links neither the database's driver
// nor the control plane's router.
func TestLinksNoDatabase(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 100 {
		t.Errorf("%d packages are linked", len(packages))
	}
	for _, p := range packages {
		for _, banned := range []string{
			"github.com/jackc/", "github.com/gorilla/mux", "github.com/danielgtaylor/huma", "github.com/pressly/goose",
			"assay/eventstore", "assay/commands", "assay/queries", "assay/http",
		} {
			if strings.Contains(p, banned) {
				t.Errorf("links %s", p)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args, env string
		code      int
		want      string
	}{
		{"--help", "", 0, "SNAPSHOT_DIR"},
		{"--version", "", 0, "assay-edge version "},
		{"--port 1", "", 2, "unknown flag: --port"},
		{"now", "", 2, `unknown command "now"`},
		{"", "", 2, "REDIS_URL: must be set, or ASSAY_CONTROL_URL"},
		{"", "REDIS_URL=http://secret@h", 2, "REDIS_URL: must start with redis://"},
		{"", "ASSAY_CONTROL_URL=control ASSAY_EDGE_TOKEN=x", 2, "ASSAY_CONTROL_URL: must be like https://assay.example.com"},
		{"", "ASSAY_CONTROL_URL=http://control", 2, "ASSAY_EDGE_TOKEN: must be set with ASSAY_CONTROL_URL"},
		{"", "REDIS_URL=redis://h ASSAY_NAMESPACE=UP", 2, "ASSAY_NAMESPACE: must be"},
		{"", "REDIS_URL=redis://h ASSAY_LOG=xml", 2, "ASSAY_LOG: must be text or json"},
		{"--listen 1", "REDIS_URL=redis://h", 2, "LISTEN_ADDR: must be host:port"},
		{"--listen 127.0.0.1:x", "REDIS_URL=redis://h", 1, "free the port"},
	} {
		var out bytes.Buffer
		code := run(t.Context(), strings.Fields(tt.args), environment(strings.Fields(tt.env)...), &out, &out)
		if code != tt.code || !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), "secret") {
			t.Errorf("%s %s: exit %d, want %d and %q: %s", tt.env, tt.args, code, tt.code, tt.want, &out)
		}
	}
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// program is one that runs until stop.
type program struct {
	url  string
	log  *lockedBuffer
	stop func() int
}

func begin(t *testing.T, env ...string) *program {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	p := &program{url: "http://" + addr, log: &lockedBuffer{}}
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"--listen", addr}, environment(env...), io.Discard, p.log) }()
	p.stop = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	t.Cleanup(func() { p.stop() })
	return p
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

// asks waits until the program answers with the status, and returns the answer.
func (p *program) asks(t *testing.T, method, path, body string, want int) (http.Header, string) {
	t.Helper()
	var last string
	for range 1_000 {
		req, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer root")
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err.Error()
		} else {
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode == want {
				return res.Header, string(text)
			}
			last = fmt.Sprintf("%s %s", res.Status, text)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s %s: %s, want %d; it logged %s", method, path, last, want, p.log)
	return nil, ""
}

const document = `{"document":{"position":7,"at":"2026-01-31T12:00:00Z","experiments":[{"id":"0193f000-0000-7000-8000-000000000001","key":"e",` +
	`"version":1,"position":7,"status":"active","phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","tags":[],"audience":{},"traffic_ppm":1000000,` +
	`"variations":[{"key":"off","value":false,"weight":0},{"key":"on","value":true,"weight":1}],"split":[{"variation":"on","from":0,"to":1000000}],` +
	`"overrides":{},"prerequisites":[]}]},"keys":[]}`

// From a start with nothing, through a control plane that comes, to a start with
// nothing but the disk.
func TestServe(t *testing.T) {
	redis := redistest.Memory(t)
	up := make(chan struct{})
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-up:
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.URL.Path != "/feed" || r.Header.Get("Authorization") != "Bearer token-of-edges" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, document)
	}))
	defer control.Close()
	env := []string{
		"REDIS_URL=" + redis.URL(), "ASSAY_CONTROL_URL=" + control.URL, "ASSAY_EDGE_TOKEN=token-of-edges",
		"SNAPSHOT_DIR=" + t.TempDir(), "ASSAY_ROOT_TOKEN=root", "ASSAY_NAMESPACE=staging", "ASSAY_LOG=json",
	}
	p := begin(t, env...)
	p.asks(t, "GET", "/healthz", "", 200)
	// Empty is no answer.
	if h, body := p.asks(t, "GET", "/readyz", "", 503); h.Get("Retry-After") == "" || !strings.Contains(body, `"starting"`) {
		t.Errorf("ready: %v %s", h, body)
	}
	p.asks(t, "POST", "/evaluate", `{"unit":"u1"}`, 503)
	close(up)
	want := `"e":{"variation":"on","value":true,"reason":"SPLIT"}`
	if h, body := p.asks(t, "POST", "/evaluate", `{"unit":"u1"}`, 200); !strings.Contains(body, want) || h.Get("Assay-Position") != "7" || h.Get("Assay-Stale") != "" {
		t.Errorf("evaluated %v %s", h, body)
	}
	_, body := p.asks(t, "GET", "/readyz", "", 200)
	var got health
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Status != "degraded" || got.Dependencies["redis"].State != "down" ||
		got.Dependencies["control"].State != "up" || got.Dependencies["snapshot"].State != "current" || *got.Dependencies["snapshot"].Position != 7 {
		t.Errorf("ready: %s", body)
	}
	for _, line := range []string{`assay_feed_position{source="control"} 7`, "assay_build_info", `assay_feed_source_up{source="redis"} 0`} {
		if _, body := p.asks(t, "GET", "/metrics", "", 200); !strings.Contains(body, line) {
			t.Errorf("no %q in the metrics", line)
		}
	}
	p.asks(t, "POST", "/healthz", "", 405)
	p.asks(t, "GET", "/other", "", 404)
	if code := p.stop(); code != 0 {
		t.Errorf("exit %d: %s", code, p.log)
	}

	redis.Kill()
	control.Close()
	p = begin(t, env...)
	if h, body := p.asks(t, "POST", "/evaluate", `{"unit":"u1"}`, 200); !strings.Contains(body, want) || h.Get("Assay-Stale") != "true" {
		t.Errorf("evaluated %v %s", h, body)
	}
	if _, body := p.asks(t, "GET", "/readyz", "", 200); !strings.Contains(body, `"stale"`) || !strings.Contains(body, `"source":"disk"`) || strings.Contains(body, "127.0.0.1") {
		t.Errorf("ready: %s", body)
	}
	if code := p.stop(); code != 0 {
		t.Errorf("exit %d: %s", code, p.log)
	}
	for line := range strings.Lines(p.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("logged %s", line)
		}
	}
}
