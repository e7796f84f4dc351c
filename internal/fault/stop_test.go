package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/pgtest"
)

// stopTime is what a graceful stop may take.
const stopTime = 10 * time.Second

// caller is a client with connections that it keeps. When it gets none from a
// server it goes to the next; no other fault is forgiven.
type caller struct {
	stage  *stage
	client *http.Client
	id     string

	done, refused atomic.Int64
}

// run sends commands and queries until ctx ends. Its requests have nothing by
// which they could be sent twice without asking.
func (c *caller) run(ctx context.Context, t *testing.T, first int) {
	server := first
	for i := 0; ctx.Err() == nil; i++ {
		q := request{method: http.MethodPatch, path: "/experiments/" + c.id + "/status", body: `{"status":"active"}`}
		if i%2 == 0 {
			q.body = `{"status":"inactive"}`
		}
		if i%5 == 0 {
			q = request{method: http.MethodGet, path: "/experiments/" + c.id}
		}
		res := c.stage.replicas[server%len(c.stage.replicas)].send(c.client, q)
		var network *net.OpError
		switch {
		case errors.As(res.err, &network) && network.Op == "dial": // nothing was sent
			c.refused.Add(1)
			server++
		case res.err != nil || res.status != http.StatusOK:
			t.Errorf("%s %s: %s", q.method, q.path, res)
		default:
			c.done.Add(1)
		}
		time.Sleep(time.Millisecond)
	}
}

// Both servers are stopped in turn, three times each, under clients that keep
// their connections: none is cut off.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	s := newStage(t, pgtest.Database(t))
	c := &caller{
		stage: s, id: s.create(t, `{"name":"x"}`),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 10}},
	}
	for _, r := range s.replicas {
		eventually(t, func() error { return r.answers("/experiments/"+c.id, http.StatusOK) })
	}
	var runs []func(context.Context)
	for i := range 4 {
		runs = append(runs, func(ctx context.Context) { c.run(ctx, t, i) })
	}
	settle := beside(t, runs...)
	var slowest time.Duration
	for i := range 6 {
		r := s.replicas[i%2]
		before := c.done.Load()
		eventually(t, func() error {
			if c.done.Load() < before+20 {
				return errors.New("no load")
			}
			return nil
		})
		start := time.Now()
		if code := r.stop(stopTime); code != 0 {
			t.Errorf("%s ended with %d: %s", r.name, code, r.tail())
		}
		slowest = max(slowest, time.Since(start))
		if err := r.restart(); err != nil {
			t.Fatal(err)
		}
	}
	settle()
	if c.refused.Load() == 0 {
		t.Error("no client was ever sent away")
	}
	t.Logf("6 restarts, slowest stop %v; %d requests answered, %d refused connections, 0 cut",
		slowest.Round(time.Millisecond), c.done.Load(), c.refused.Load())
}

// What a slow client has begun to send when the server is told to stop is
// answered still.
func TestGracefulStopWaitsForRequests(t *testing.T) {
	t.Parallel()
	s := newStage(t, pgtest.Database(t))
	r := s.replicas[0]
	reader, writer := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr+"/experiments", reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+rootToken)
	req.Header.Set("Content-Type", "application/json")
	answered := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			defer res.Body.Close()
			if res.StatusCode != http.StatusCreated {
				err = fmt.Errorf("status %d", res.StatusCode)
			}
		}
		answered <- err
	}()
	if _, err := io.WriteString(writer, `{"name":`); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	ended := make(chan int, 1)
	go func() { ended <- r.stop(stopTime) }()
	time.Sleep(1500 * time.Millisecond)
	if _, err := io.WriteString(writer, `"slow"}`); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	if err := <-answered; err != nil {
		t.Errorf("the request was cut: %v", err)
	}
	if code := <-ended; code != 0 {
		t.Errorf("ended with %d: %s", code, r.tail())
	}
}
