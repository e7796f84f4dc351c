// Package sdktest gives tests a real client whose experiments they choose. It
// evaluates as in production and needs no server:
//
//	client := sdktest.New(t)
//	client.Force("checkout-button", "treatment", true)
//	shop := NewShop(client.Client)
//
// Code under test takes the *sdk.Client. A nil one is the client that has nothing
// to answer from: every getter returns its default.
package sdktest

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/sdk"
)

// patience bounds each wait: nothing here takes long.
const patience = 10 * time.Second

// Client is a client and the experiments that it knows. Its methods may be
// called concurrently, and return when the client answers accordingly.
type Client struct {
	*sdk.Client
	tb     testing.TB
	source *source

	mu        sync.Mutex
	exposures []sdk.Exposure // guarded by mu
}

// New returns a client that knows no experiment yet. It is closed with the test.
func New(tb testing.TB) *Client {
	tb.Helper()
	c := &Client{tb: tb, source: &source{hints: make(chan int64, 1)}}
	client, err := sdk.New(tb.Context(), sdk.Config{
		Source: c.source, DisableTracking: true, OnExposure: c.note, StartWait: patience,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	c.Client = client
	tb.Cleanup(func() { _ = client.Close() }) // there is nothing to send
	return c
}

// Load replaces all experiments, segments and the rest by those of a snapshot:
// the body of GET /snapshot.
func (c *Client) Load(snapshot []byte) {
	c.tb.Helper()
	document, err := evaluator.ParseDocument(snapshot)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.change(func(d *evaluator.Document) { *d = document })
}

// Force gives every unit a variation and its value, which becomes JSON: the
// experiment of that key is replaced by one that has only this variation, for
// all. Asking for it is an exposure.
func (c *Client) Force(experiment, variation string, value any) {
	c.tb.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		c.tb.Fatal(err)
	}
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(experiment)).String()
	c.replace(experiment, func(position int64) any {
		return map[string]any{
			"id": id, "key": experiment, "version": position, "position": position, "status": "active", "phase": 1,
			"hash": "xxh3", "unit_type": "user_id", "salt": id, "traffic_ppm": 1_000_000,
			"variations": []any{map[string]any{"key": variation, "value": json.RawMessage(encoded)}},
			"split":      []any{map[string]any{"variation": variation, "from": 0, "to": 1_000_000}},
		}
	})
}

// Remove deletes an experiment.
func (c *Client) Remove(experiment string) {
	c.tb.Helper()
	c.replace(experiment, nil)
}

// Exposures are those so far: a unit's first of each variation.
func (c *Client) Exposures() []sdk.Exposure {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.exposures)
}

func (c *Client) note(e sdk.Exposure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exposures = append(c.exposures, e)
}

// replace puts another experiment in the place of the one with that key, or
// nothing when made is nil.
func (c *Client) replace(key string, made func(position int64) any) {
	c.tb.Helper()
	c.change(func(d *evaluator.Document) {
		d.Experiments = slices.DeleteFunc(slices.Clone(d.Experiments), func(raw json.RawMessage) bool {
			var e struct{ ID, Key string }
			return json.Unmarshal(raw, &e) == nil && e.Key == key
		})
		if made == nil {
			return
		}
		encoded, err := json.Marshal(made(d.Position + 1))
		if err != nil {
			c.tb.Fatal(err)
		}
		d.Experiments = append(d.Experiments, encoded)
	})
}

// change makes another document, one position on, and waits for the client.
func (c *Client) change(edit func(*evaluator.Document)) {
	c.tb.Helper()
	position, faults := c.source.change(edit)
	if len(faults) > 0 {
		c.tb.Fatal(faults)
	}
	ctx, cancel := context.WithTimeout(c.tb.Context(), patience)
	defer cancel()
	if err := c.WaitPosition(ctx, position); err != nil {
		c.tb.Fatal(err)
	}
}

// source is a feed's source in memory.
type source struct {
	hints chan int64

	mu       sync.Mutex
	document evaluator.Document // guarded by mu; what its lists hold never changes
}

// change refuses what could not be evaluated: a client would leave it out.
func (s *source) change(edit func(*evaluator.Document)) (position int64, faults []evaluator.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.document
	edit(&next)
	next.Position = max(next.Position, s.document.Position+1)
	if _, faults := evaluator.Compile(next); len(faults) > 0 {
		return 0, faults
	}
	s.document = next
	select {
	case s.hints <- next.Position:
	default: // one is waiting: it will do
	}
	return next.Position, nil
}

// Name implements feed.Source.
func (s *source) Name() string { return "sdktest" }

// Fetch implements feed.Source.
func (s *source) Fetch(_ context.Context, have *feed.State) (*feed.Update, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have != nil && have.Document.Position == s.document.Position {
		return nil, nil
	}
	// The test may well empty it on purpose.
	return &feed.Update{Document: s.document, Rewritten: true}, nil
}

// Watch implements feed.Source.
func (s *source) Watch(ctx context.Context, hint func(int64)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case position := <-s.hints:
			hint(position)
		}
	}
}
