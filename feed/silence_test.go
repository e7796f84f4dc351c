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
	synctest.Test(t, func(t *testing.T) {
		listener := make(pipes)
		const beats = 10
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			_, _ = io.WriteString(w, "id: 7\nevent: message\ndata: {}\n\n")
			for range beats {
				_ = rc.Flush()
				time.Sleep(15 * time.Second)
				_, _ = io.WriteString(w, ":\n\n")
			}
			_ = rc.Flush()
			<-r.Context().Done()
		})}
		go func() { _ = server.Serve(listener) }()
		transport := &http.Transport{DialContext: listener.dial}
		control := feed.NewControl(feed.ControlConfig{URL: "http://edge", Token: token, Client: &http.Client{Transport: transport}})
		var hints []int64
		start := time.Now()
		err := control.Watch(t.Context(), func(p int64) { hints = append(hints, p) })
		if took := time.Since(start); err == nil || took != (beats*15+40)*time.Second {
			t.Errorf("listening ended after %v with %v", took, err)
		}
		if len(hints) != 2 || hints[0] != 0 || hints[1] != 7 {
			t.Errorf("hints %v, want 0 and 7", hints)
		}
		transport.CloseIdleConnections()
		_ = server.Close()
	})
}
