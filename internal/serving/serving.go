// Package serving runs an HTTP server with every limit set and stops it without
// cutting anybody off. It links nothing else of Assay. Begin with Serve.
package serving

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// DefaultDrain is how long a stopping server tells its clients so before it
	// closes its port.
	DefaultDrain = time.Second
	// hearing is how long whoever is connected then has to begin a request.
	hearing = 500 * time.Millisecond
	// stopWithin bounds the wait for requests that are still running then: with
	// all that comes before and after, a stop takes less than 10 s.
	stopWithin = 7 * time.Second
)

// New returns a server with every limit set. A handler whose answer takes
// longer than WriteTimeout sets a deadline of its own with
// http.ResponseController.
func New(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 3 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
	}
}

// Serve answers on the listener until ctx ends. It then drains: for that long
// GET /readyz answers 503 and every answer closes its connection, so that load
// balancers and clients go elsewhere; then no new connection is taken, those
// that were are heard, and requests that run have 7 s to end. It returns nil
// after a graceful stop.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, drain time.Duration) error {
	d := &drainer{next: handler}
	server := New(d)
	unheard := newUnheard()
	server.ConnState = unheard.note
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	d.draining.Store(true)
	select {
	case err := <-failed:
		return err
	case <-time.After(drain):
	}
	// Shutdown would drop the requests of connections that are still new.
	closePort(listener)
	<-failed
	unheard.wait(hearing)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	err := server.Shutdown(stop)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	return err
}

// unheard are the connections on which no request has begun yet.
type unheard struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{} // guarded by mu
}

func newUnheard() *unheard { return &unheard{conns: map[net.Conn]struct{}{}} }

func (u *unheard) note(conn net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state == http.StateNew {
		u.conns[conn] = struct{}{}
	} else {
		delete(u.conns, conn)
	}
}

// wait waits until there are none, and closes those that say nothing for so
// long: clients connect in advance and then need no connection.
func (u *unheard) wait(patience time.Duration) {
	for until := time.Now().Add(patience); time.Now().Before(until) && u.count() > 0; {
		time.Sleep(5 * time.Millisecond)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for conn := range u.conns {
		_ = conn.Close()
	}
}

func (u *unheard) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.conns)
}

// drainer turns clients away while the server stops.
type drainer struct {
	next     http.Handler
	draining atomic.Bool
}

func (d *drainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !d.draining.Load() {
		d.next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Connection", "close")
	if r.URL.Path != "/readyz" {
		d.next.ServeHTTP(w, r)
		return
	}
	h := w.Header()
	h.Set("Retry-After", "1")
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"stopping"}`+"\n")
}
