package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/redistest"
)

// started is a running assay serve.
type started struct{ url, token string }

func start(t *testing.T, withEdge bool, snapshots string) started {
	t.Helper()
	cfg := settings(t)
	cfg.SnapshotDir = snapshots
	return startWith(t, cfg, withEdge)
}

// settings are those of an assay serve with databases of its own.
func settings(t *testing.T) control.Config {
	t.Helper()
	owner, app := databases(t)
	return control.Config{
		DatabaseURL: app, OwnerURL: owner, RedisURL: redistest.Memory(t).URL(),
		ListenAddr: "127.0.0.1:0", RootToken: "root", EdgeToken: "edge", LogFormat: "text",
	}
}

func startWith(t *testing.T, cfg control.Config, withEdge bool) started {
	t.Helper()
	listener, err := net.Listen("tcp", cfg.ListenAddr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- serve(ctx, cfg, listener, slog.New(slog.DiscardHandler), withEdge, func(context.Context, *control.Plane) error {
			close(ready)
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return started{"http://" + listener.Addr().String(), "root"}
}

// ask returns the status, the Assay-Position and the body of an answer.
func (s started) ask(t *testing.T, method, path, body string, header ...string) (status int, position, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Assay-Position"), string(data)
}

// serve evaluates what it has recorded: at once for who names the position, and
// streams tell of it. New keys are known too.
func TestServeAnswersForTheDataPlane(t *testing.T) {
	s := start(t, true, t.TempDir())
	status, _, body := s.ask(t, "POST", "/experiments", `{"name":"Banner"}`)
	if status != http.StatusCreated {
		t.Fatal(status, body)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/stream", nil)
	req.Header.Set("Authorization", "Bearer root")
	stream, err := http.DefaultClient.Do(req)
	if err != nil || stream.StatusCode != http.StatusOK {
		t.Fatal(err, stream)
	}
	defer stream.Body.Close()
	status, position, body := s.ask(t, "PATCH", "/experiments/banner/status", `{"status":"active"}`)
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	status, at, body := s.ask(t, "POST", "/evaluate", `{"unit":"u1","experiments":["banner"]}`, "Assay-Min-Position", position)
	if status != http.StatusOK || at != position || !strings.Contains(body, `"reason":"SPLIT"`) {
		t.Errorf("%d at %s, want %s: %s", status, at, position, body)
	}
	for lines := bufio.NewScanner(stream.Body); ; {
		if !lines.Scan() {
			t.Fatal("the stream ended")
		}
		if lines.Text() == "id: "+position {
			break
		}
	}

	status, position, body = s.ask(t, "POST", "/keys", `{"name":"Shop","role":"client"}`)
	_, token, _ := strings.Cut(body, `"token":"`)
	token, _, _ = strings.Cut(token, `"`)
	if status != http.StatusCreated || token == "" {
		t.Fatal(status, body)
	}
	root := s
	s.token = token
	for known := false; !known; {
		status, _, body = s.ask(t, "POST", "/ofrep/v1/evaluate/flags/banner", `{"context":{"targetingKey":"u1"}}`)
		known = status != http.StatusUnauthorized
	}
	if status != http.StatusOK || !strings.Contains(body, `"key":"banner"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _, body := s.ask(t, "GET", "/feed", ""); status != http.StatusForbidden {
		t.Errorf("%d %s", status, body)
	}
	s.token = "edge"
	if status, _, body := s.ask(t, "GET", "/feed", "", "Assay-Min-Position", position); status != http.StatusOK || !strings.Contains(body, `"Shop"`) {
		t.Errorf("%d %.300s", status, body)
	}
	if _, _, body := root.ask(t, "GET", "/metrics", ""); !strings.Contains(body, "assay_edge_streams 1") || !strings.Contains(body, "assay_feed_position") {
		t.Errorf("metrics %s", body)
	}
}

func TestServeWithoutTheEdge(t *testing.T) {
	s := start(t, false, "")
	for _, path := range []string{"/evaluate", "/snapshot", "/stream", "/feed", "/ofrep/v1/evaluate/flags"} {
		if status, _, body := s.ask(t, "POST", path, `{}`); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// Without Postgres, serve answers evaluation from what it kept on disk.
func TestServeStartsFromDisk(t *testing.T) {
	dir, position := t.TempDir(), ""
	t.Run("before", func(t *testing.T) {
		s := start(t, true, dir)
		_, _, _ = s.ask(t, "POST", "/experiments", `{"name":"Banner"}`)
		_, position, _ = s.ask(t, "PATCH", "/experiments/banner/status", `{"status":"active"}`)
		if status, at, _ := s.ask(t, "POST", "/evaluate", `{}`, "Assay-Min-Position", position); status != http.StatusOK || at != position {
			t.Fatal(status, at)
		}
	})
	s := startWith(t, control.Config{
		DatabaseURL: "postgres://127.0.0.1:1/nowhere", OwnerURL: "postgres://127.0.0.1:1/nowhere",
		ListenAddr: "127.0.0.1:0", RootToken: "root", SnapshotDir: dir, LogFormat: "text",
	}, true)
	status, at, body := http.StatusServiceUnavailable, "", ""
	for status == http.StatusServiceUnavailable { // until the disk has been read
		status, at, body = s.ask(t, "POST", "/evaluate", `{"unit":"u1","experiments":["banner"]}`)
	}
	if status != http.StatusOK || at != position || !strings.Contains(body, "SPLIT") {
		t.Errorf("%d at %s, want %s: %s", status, at, position, body)
	}
}
