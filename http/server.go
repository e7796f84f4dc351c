package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// DefaultDrain is how long a stopping server tells its clients so before it
	// closes its port.
	DefaultDrain = time.Second
	// stopWithin bounds the wait for requests that are still running then.
	stopWithin = 10 * time.Second
)

// NewServer returns a server with every limit set. A handler whose answer takes
// longer than WriteTimeout sets a deadline of its own with
// http.ResponseController.
func NewServer(handler http.Handler) *http.Server {
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
// balancers and clients go elsewhere; then no new connection is taken, and
// requests that run have 10 s to end. It returns nil after a graceful stop.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, drain time.Duration) error {
	d := &drainer{next: handler}
	server := NewServer(d)
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
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	err := server.Shutdown(stop)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-failed
	return err
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
	p := explain(&fault{status: http.StatusServiceUnavailable, detail: "stopping"})
	w.Header().Set("Retry-After", "1")
	writeProblem(w, p)
}
