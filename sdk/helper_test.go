package sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/sdk"
)

// experiment is the document of an active experiment that gives everybody the
// second of two variations, with members replaced by those of edits.
func experiment(t testing.TB, key string, value any, edits ...string) json.RawMessage {
	t.Helper()
	id := fmt.Sprintf("0193e1a0-0000-7000-8000-%012x", len(key)*256+int(key[0]))
	e := map[string]any{
		"id": id, "key": key, "version": 3, "position": 7, "status": "active", "phase": 1, "hash": "xxh3",
		"unit_type": "user_id", "salt": id, "traffic_ppm": 1_000_000,
		"variations": []any{map[string]any{"key": "control", "value": nil}, map[string]any{"key": "treatment", "value": value}},
		"split":      []any{map[string]any{"variation": "treatment", "from": 0, "to": 1_000_000}},
	}
	for _, edit := range edits {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(edit), &members); err != nil {
			t.Fatal(err)
		}
		for name, member := range members {
			e[name] = member
		}
	}
	encoded, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func document(position int64, experiments ...json.RawMessage) evaluator.Document {
	return evaluator.Document{Position: position, At: time.Date(2026, 1, 6, 12, 0, 0, 0, time.UTC), Experiments: experiments}
}

// source is a feed.Source in memory. The zero value is one that is down.
type source struct {
	mu       sync.Mutex
	document *evaluator.Document
	down     bool
	hint     func(int64)
}

func (s *source) Name() string { return "memory" }

func (s *source) Fetch(_ context.Context, have *feed.State) (*feed.Update, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.document == nil || s.down:
		return nil, errors.New("down")
	case have != nil && have.Document.Position == s.document.Position:
		return nil, nil
	}
	return &feed.Update{Document: *s.document, Rewritten: true}, nil
}

func (s *source) Watch(ctx context.Context, hint func(int64)) error {
	s.mu.Lock()
	s.hint = hint
	s.mu.Unlock()
	hint(0) // what was set before is not told
	<-ctx.Done()
	return nil
}

func (s *source) set(d evaluator.Document) {
	s.mu.Lock()
	s.document = &d
	hint := s.hint
	s.mu.Unlock()
	if hint != nil {
		hint(d.Position)
	}
}

func (s *source) goDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// serving is a source that has a document of these experiments at position 10.
func serving(experiments ...json.RawMessage) *source {
	d := document(10, experiments...)
	return &source{document: &d}
}

// quiet is a client without a server, closed with the test.
func quiet(t testing.TB, s feed.Source, edits ...func(*sdk.Config)) *sdk.Client {
	t.Helper()
	cfg := sdk.Config{Source: s, Log: slog.New(slog.DiscardHandler)}
	for _, edit := range edits {
		edit(&cfg)
	}
	client, err := sdk.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// wire is a network of one HTTP server without sockets, so that it works in a
// synctest bubble.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-w.conns:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	w.close.Do(func() { close(w.closed) })
	return nil
}

func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case w.conns <- far:
		return near, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// serve runs a real server of handler, and returns a client of it and what stops
// both.
func serve(handler http.Handler) (*http.Client, func()) {
	w := &wire{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(w) })
	transport := &http.Transport{DialContext: w.dial}
	return &http.Client{Transport: transport}, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		served.Wait()
	}
}

func units(n int) []sdk.Unit {
	all := make([]sdk.Unit, n)
	for i := range all {
		all[i].ID = "u" + strings.Repeat("x", i%3) + fmt.Sprint(i)
	}
	return all
}
