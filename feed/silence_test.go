package feed_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assaylabs/assay/feed"
)

// pipes are a network inside the test, in which time is the test's.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p <- server
	return client, nil
}

// Heartbeats keep a stream; without them it is given up after 40 s, whatever the
// network says.
func TestSilence(t *testing.T) {
	for _, beats := range []int{0, 10} {
		synctest.Test(t, func(t *testing.T) { silence(t, beats) })
	}
}

// silence listens to a server that says so much, and then nothing for ever.
func silence(t *testing.T, beats int) {
	listener := make(pipes)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		for range beats {
			time.Sleep(15 * time.Second)
			_, _ = io.WriteString(w, ":\n\n")
			_ = rc.Flush()
		}
		<-r.Context().Done()
	})}
	go func() { _ = server.Serve(listener) }()
	transport := &http.Transport{DialContext: listener.dial}
	control := feed.NewControl(feed.ControlConfig{URL: "http://edge", Token: token, Client: &http.Client{Transport: transport}})
	hints := 0
	start := time.Now()
	err := control.Watch(t.Context(), func(int64) { hints++ })
	if took := time.Since(start); err == nil || took != time.Duration(beats*15+40)*time.Second {
		t.Errorf("listening ended after %v with %v", took, err)
	}
	if hints != 1 {
		t.Errorf("%d hints, want the one at the beginning", hints)
	}
	transport.CloseIdleConnections()
	_ = server.Close()
}
