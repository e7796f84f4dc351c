package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/edge"
	"github.com/assaylabs/assay/feed"
)

const token = "token-of-an-edge"

// server is an edge of its own, and what it was asked.
type server struct {
	*httptest.Server
	source *source
	feed   *feed.Feed

	wholes, deltas, unchanged, streams atomic.Int64
}

// serve starts a server that has a document.
func serve(t testing.TB, w *world) *server {
	t.Helper()
	s := &server{source: newSource("ledger", w.document())}
	s.source.held.Keys = []domain.Key{keyNamed("k")}
	s.feed = feed.New(feed.Config{}, s.source)
	e, err := edge.New(s.feed, edge.Config{EdgeToken: token})
	if err != nil {
		t.Fatal(err)
	}
	start(t, s.feed)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			s.streams.Add(1)
			e.ServeHTTP(w, r)
			return
		}
		seen := &status{ResponseWriter: w}
		e.ServeHTTP(seen, r)
		switch {
		case seen.code >= 400:
		case seen.code == http.StatusNotModified:
			s.unchanged.Add(1)
		case r.URL.Query().Has("since"):
			s.deltas.Add(1)
		default:
			s.wholes.Add(1)
		}
	}))
	// The edge ends its streams first.
	t.Cleanup(s.Server.Close)
	run(t, e.Run)
	return s
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// publish gives the server what the world holds now.
func (s *server) publish(w *world) {
	s.source.give(&feed.Update{Document: w.document(), Keys: []domain.Key{keyNamed("k")}})
	s.source.tell(w.position)
}

func eventually(t testing.TB, patience time.Duration, check func() error) {
	t.Helper()
	var err error
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// reaches waits until the feed serves a position.
func reaches(t testing.TB, f *feed.Feed, position int64) {
	t.Helper()
	eventually(t, 20*time.Second, func() error {
		s := f.State()
		if s == nil || s.Document.Position != position {
			return fmt.Errorf("state %+v, want position %d", s, position)
		}
		return nil
	})
}

// SDKs and edges follow a server: first with all of it, then by what changed,
// told by its stream.
func TestControl(t *testing.T) {
	for _, path := range []string{"/snapshot", "/feed"} {
		t.Run(path, func(t *testing.T) {
			w := &world{}
			for n := range 20 {
				w.set(n, "off")
			}
			s := serve(t, w)
			// Polling so rarely, only hints can bring anything.
			f := feed.New(feed.Config{Poll: time.Hour}, feed.NewControl(feed.ControlConfig{URL: s.URL + "/", Token: token, Path: path}))
			start(t, f)
			reaches(t, f, 20)
			serves(t, f, 20, "off", "control")
			if keys := f.State().Keys; path == "/feed" && (len(keys) != 1 || keys[0].SecretHash != "hash") || path != "/feed" && len(keys) != 0 {
				t.Errorf("keys %+v", keys)
			}
			if whole, err := feed.ETag(s.feed.State().Document); err != nil || f.State().ETag != whole {
				t.Errorf("ETag %s, the server's is %s", f.State().ETag, whole)
			}
			eventually(t, 10*time.Second, func() error {
				if s.streams.Load() == 0 {
					return errors.New("nobody listens")
				}
				return nil
			})
			for range 5 {
				w.set(1, "on")
				w.remove(int(w.position) % 7 * 2)
				s.publish(w)
				reaches(t, f, w.position)
			}
			serves(t, f, 30, "on", "control")
			if f.State().ETag != s.feed.State().ETag {
				t.Errorf("ETag %s, the server's is %s", f.State().ETag, s.feed.State().ETag)
			}
			if s.deltas.Load() < 5 || s.wholes.Load() > 1 {
				t.Errorf("%d whole answers and %d of changes", s.wholes.Load(), s.deltas.Load())
			}
		})
	}
}

// Asked again, the server sends nothing.
func TestControlUnchanged(t *testing.T) {
	for _, path := range []string{"/snapshot", "/feed"} {
		t.Run(path, func(t *testing.T) {
			w := &world{}
			w.set(1, "on")
			s := serve(t, w)
			f := feed.New(feed.Config{Poll: 20 * time.Millisecond}, feed.NewControl(feed.ControlConfig{URL: s.URL, Token: token, Path: path}))
			start(t, f)
			eventually(t, 10*time.Second, func() error {
				if n := s.unchanged.Load(); n < 5 {
					return fmt.Errorf("%d answers were 304", n)
				}
				return nil
			})
			if n := s.wholes.Load() + s.deltas.Load(); n > 1 {
				t.Errorf("%d answers had a body", n)
			}
			if f.Stale() {
				t.Error("stale")
			}
		})
	}
}

// What changed since a position of another history makes no sense here: all of
// it is fetched.
func TestControlOfAnotherHistory(t *testing.T) {
	ours, theirs := &world{}, &world{}
	ours.set(1, "off")
	ours.set(2, "on") // it never was, there
	theirs.set(1, "on")
	theirs.set(3, "on")
	s := serve(t, ours)
	f := feed.New(feed.Config{Poll: 50 * time.Millisecond}, feed.NewControl(feed.ControlConfig{URL: s.URL, Token: token}))
	start(t, f)
	reaches(t, f, 2)
	theirs.set(4, "on")
	s.publish(theirs)
	reaches(t, f, 3)
	serves(t, f, 3, "on", "control")
	if got := variationOf(f.State(), "e2"); got != "no experiment" {
		t.Errorf("e2 gives %s", got)
	}
	if f.State().ETag != s.feed.State().ETag {
		t.Error("another document than the server's")
	}
}

// Refusals, and answers that are none, are errors; a busy server says when.
func TestControlRefuses(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"401 Unauthorized": func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) },
		"try later": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "try later")
		},
		"unexpected EOF": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"position":1`)
		},
		"document": func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"position":"one"}`) },
	}
	for want, answer := range answers {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
		c := feed.NewControl(feed.ControlConfig{URL: s.URL, Token: token})
		u, err := c.Fetch(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v, want %q", u, err, want)
		}
		var busy *feed.BusyError
		if errors.As(err, &busy) != (want == "try later") || busy != nil && busy.After != 7*time.Second {
			t.Errorf("busy: %+v", busy)
		}
		if want != "unexpected EOF" && want != "document" {
			if err := c.Watch(t.Context(), func(int64) { t.Error("a hint from one who refuses") }); err == nil {
				t.Error("listened to one who refuses")
			}
		}
		s.Close()
	}
	if _, err := feed.NewControl(feed.ControlConfig{URL: "http://127.0.0.1:1", Token: token}).Fetch(t.Context(), nil); err == nil || strings.Contains(err.Error(), token) {
		t.Error(err)
	}
}

// hole is a way to a server in which everything can vanish.
func hole(t testing.TB, to string) (proxy *toxiproxy.Proxy, url string) {
	t.Helper()
	host := strings.TrimPrefix(to, "http://")
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "hole", "127.0.0.1:0", host)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p, "http://" + p.Listen
}

func vanish(t testing.TB, p *toxiproxy.Proxy) {
	t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name":%q,"type":"timeout","stream":%q,"attributes":{"timeout":0}}`, stream, stream)
		if _, err := p.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
	}
}

// A stream that was cut silently is noticed, and a server that says nothing is
// given up; both are found again.
func TestControlVanishes(t *testing.T) {
	w := &world{}
	w.set(1, "off")
	s := serve(t, w)
	proxy, url := hole(t, s.URL)
	control := feed.NewControl(feed.ControlConfig{URL: url, Token: token, Silence: 300 * time.Millisecond})
	ended := make(chan error, 1)
	hints := make(chan int64, 10)
	listen := func() { ended <- control.Watch(t.Context(), func(p int64) { hints <- p }) }
	go listen()
	eventually(t, 10*time.Second, func() error {
		select {
		case p := <-hints:
			if p != 0 {
				t.Errorf("first hint %d, want 0: something may have been missed", p)
			}
			return nil
		case err := <-ended: // to connect, too, took longer than silence may last
			go listen()
			return err
		}
	})
	vanish(t, proxy)
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "silent") {
			t.Errorf("listening ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still listening to nothing")
	}

	f := feed.New(feed.Config{Poll: 50 * time.Millisecond, Timeout: 200 * time.Millisecond, StaleAfter: 500 * time.Millisecond}, control)
	start(t, f)
	eventually(t, 10*time.Second, func() error {
		if got := f.Sources()[0]; got.Failures < 2 {
			return fmt.Errorf("source %+v", got)
		}
		return nil
	})
	proxy.Toxics.ResetToxics(context.Background())
	reaches(t, f, 1)
	vanish(t, proxy)
	w.set(1, "on")
	s.publish(w)
	eventually(t, 10*time.Second, func() error {
		if !f.Stale() {
			return errors.New("not stale")
		}
		return nil
	})
	serves(t, f, 1, "off", "control")
	proxy.Toxics.ResetToxics(context.Background())
	reaches(t, f, 2)
	serves(t, f, 2, "on", "control")
}

// A server that accepts and says nothing costs no more than the client's bounds.
func TestControlDialIsBounded(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := feed.NewControl(feed.ControlConfig{URL: "http://" + l.Addr().String(), Token: token}).Watch(ctx, nil); err == nil || ctx.Err() != nil {
		t.Errorf("listening ended with %v", err)
	}
}
