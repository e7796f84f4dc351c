package serving

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestServeDrainsBeforeItStops(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	entered, release := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-release
		}
		_, _ = io.WriteString(w, "done")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, handler, 300*time.Millisecond) }()
	url := "http://" + listener.Addr().String()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()

	slow := make(chan string, 1)
	go func() { slow <- fetch(client, url+"/slow") }()
	<-entered
	if got := fetch(client, url+"/readyz"); got != "200 false done" {
		t.Errorf("before: %s", got)
	}
	stop()
	deadline := time.Now().Add(200 * time.Millisecond)
	for fetch(client, url+"/readyz") == "200 false done" && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if got := fetch(client, url+"/readyz"); !strings.HasPrefix(got, "503 true") || !strings.Contains(got, "Service Unavailable") {
		t.Errorf("readyz while draining: %s", got)
	}
	if got := fetch(client, url+"/other"); got != "200 true done" {
		t.Errorf("another request while draining: %s", got)
	}
	open := true
	for until := time.Now().Add(10 * time.Second); open && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if open = err == nil; open {
			conn.Close()
		}
	}
	if open {
		t.Error("the port is still open after the drain")
	}
	select {
	case err := <-served:
		t.Fatalf("stopped with a request under way: %v", err)
	default:
	}
	close(release)
	if got := <-slow; got != "200 true done" && got != "200 false done" {
		t.Errorf("the request under way: %s", got)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// Whoever got a connection before the port closed is heard; one who says nothing
// does not keep the server.
func TestServeHearsWhoConnectedLast(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "done") })
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, handler, 100*time.Millisecond) }()
	var conns [2]net.Conn
	for i := range conns {
		if conns[i], err = net.Dial("tcp", listener.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
	}
	stop()
	for { // until the port is closed
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
		time.Sleep(time.Millisecond)
	}
	late := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return conns[0], nil
	}}}
	defer late.CloseIdleConnections()
	if got := fetch(late, "http://"+listener.Addr().String()+"/"); got != "200 true done" {
		t.Errorf("who connected last: %s", got)
	}
	select {
	case err := <-served:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(4 * time.Second):
		t.Errorf("a silent connection keeps the server")
		<-served
	}
}

// fetch says status, whether the connection is to be closed, and the body.
func fetch(client *http.Client, url string) string {
	got, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %v %s", got.StatusCode, got.Close, body)
}

func TestServerHasEveryLimit(t *testing.T) {
	s := New(http.NotFoundHandler())
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("%+v", s)
	}
}

func TestServeTellsWhyItCannot(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := Serve(t.Context(), listener, http.NotFoundHandler(), time.Hour); err == nil {
		t.Error("served on a closed listener")
	}
}
