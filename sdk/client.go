package sdk

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assaylabs/assay/feed"
)

const (
	// lookAgain is the pause between looks at whether answers became stale.
	lookAgain = 200 * time.Millisecond
	// confirmWait is how long New waits for the server beside what is kept here.
	confirmWait = time.Second
	// flushWait bounds Flush.
	flushWait = 10 * time.Second
	// seenLimit bounds the memory of exposures: about 100 bytes each and the id.
	seenLimit = 100_000
)

// Client evaluates experiments in this process, from a snapshot that it keeps up
// to date. Make one for the whole program; all methods may be called
// concurrently.
type Client struct {
	cfg      Config
	log      *slog.Logger
	feed     *feed.Feed
	reporter *reporter
	seen     *seen
	view     atomic.Pointer[view] // nil until the first snapshot
	stop     context.CancelFunc
	running  sync.WaitGroup
	closed   chan struct{}
	closing  sync.Once

	mu sync.Mutex
	// mu guards what follows.
	moved     chan struct{} // closed, and replaced, with every new view
	listeners []*func(Change)
}

// New makes a client and waits for its first snapshot, as long as ctx and
// cfg.StartWait allow. Without one it still returns a client, which answers
// defaults until it has one: insist with WaitReady. The error is a fault of cfg.
// Close the client in the end; the end of ctx means nothing to it.
func New(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	c := &Client{
		cfg: cfg, log: cfg.Log, seen: newSeen(cfg.ExposureWindow, seenLimit),
		closed: make(chan struct{}), moved: make(chan struct{}),
	}
	c.feed = newFeed(&cfg)
	c.reporter = newReporter(&cfg)
	c.start(context.WithoutCancel(ctx))
	if cfg.StartWait > 0 {
		c.awaitStart(ctx)
	}
	return c, nil
}

// awaitStart waits for a first snapshot, and a moment longer for the server to
// confirm one that was kept here: a restart should not bring back yesterday.
func (c *Client) awaitStart(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.StartWait)
	defer cancel()
	if err := c.WaitReady(ctx); err != nil {
		c.log.WarnContext(ctx, "no snapshot of the experiments yet: answering defaults", "error", err)
		return
	}
	if c.cfg.URL == "" {
		return
	}
	ctx, cancel = context.WithTimeout(ctx, confirmWait)
	defer cancel()
	if err := c.wait(ctx, func(v *view) bool { return !v.stale }); err != nil {
		c.log.WarnContext(ctx, "the server cannot confirm the experiments: answering what is kept", "source", c.Source(), "position", c.Position())
	}
}

func (c *Client) start(ctx context.Context) {
	ctx, c.stop = context.WithCancel(ctx)
	changed, unsubscribe := c.feed.Subscribe()
	c.running.Go(func() { _ = c.feed.Run(ctx) }) // it ends with ctx alone
	c.running.Go(func() { c.reporter.run(ctx) })
	c.running.Go(func() {
		defer unsubscribe()
		c.follow(ctx, changed)
	})
}

// Close sends what is left of exposures and events, for Config.CloseWait at most,
// and ends all that the client does in the background. Evaluations go on with
// what is known, stale and without exposures. The error says how much could not be sent.
// Only the first call does anything.
func (c *Client) Close() error {
	if c == nil {
		return nil
	}
	var err error
	c.closing.Do(func() {
		c.reporter.close()
		ctx, cancel := context.WithTimeout(context.Background(), c.cfg.CloseWait)
		defer cancel()
		err = c.reporter.flush(ctx)
		close(c.closed)
		c.stop()
		c.running.Wait()
		c.reporter.abandon()
		if v := c.view.Load(); v != nil {
			last := *v
			last.stale = true
			c.view.Store(&last)
		}
		c.cfg.HTTPClient.CloseIdleConnections()
	})
	return err
}

// Flush waits until all exposures and events so far have been sent, or refused
// by the server: as long as ctx allows, but for 10 s at most.
func (c *Client) Flush(ctx context.Context) error {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushWait)
	defer cancel()
	return c.reporter.flush(ctx)
}

// Ready says whether there is a snapshot to answer from.
func (c *Client) Ready() bool { return c.current() != nil }

// Position is that of all that is known, as answers to commands have it in
// Assay-Position; 0 without a snapshot.
func (c *Client) Position() int64 {
	if v := c.current(); v != nil {
		return v.snapshot.Position()
	}
	return 0
}

// Stale says that nothing has confirmed lately that what is known is still so.
// Without a snapshot it is true.
func (c *Client) Stale() bool {
	v := c.current()
	return v == nil || v.stale
}

// Source says where what is known came from: control, disk or file; nothing
// without a snapshot.
func (c *Client) Source() string {
	if v := c.current(); v != nil {
		return v.state.Source
	}
	return ""
}

// WaitReady waits for the first snapshot.
func (c *Client) WaitReady(ctx context.Context) error {
	return c.wait(ctx, func(*view) bool { return true })
}

// WaitPosition waits until what is known has reached a position, such as that of
// a command just made.
func (c *Client) WaitPosition(ctx context.Context, position int64) error {
	return c.wait(ctx, func(v *view) bool { return v.snapshot.Position() >= position })
}

func (c *Client) wait(ctx context.Context, enough func(*view) bool) error {
	if c == nil {
		return ErrNotReady
	}
	for {
		c.mu.Lock()
		moved := c.moved
		c.mu.Unlock()
		v := c.view.Load()
		if v != nil && enough(v) {
			return nil
		}
		select {
		case <-ctx.Done():
			if v == nil {
				return fmt.Errorf("%w: %w", ErrNotReady, context.Cause(ctx))
			}
			return fmt.Errorf("at position %d: %w", v.snapshot.Position(), context.Cause(ctx))
		case <-c.closed:
			return ErrClosed
		case <-moved:
		}
	}
}

// OnChange has f called after each change, from one goroutine of the client's:
// it should be quick, and must not close the client. Changes that come faster
// than f are told as one. cancel ends it.
func (c *Client) OnChange(f func(Change)) (cancel func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	listener := &f
	c.listeners = append(c.listeners, listener)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.listeners = slices.DeleteFunc(slices.Clone(c.listeners), func(l *func(Change)) bool { return l == listener })
	}
}

// Stats counts exposures and events so far.
func (c *Client) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	stats := c.reporter.counts()
	stats.Duplicates = c.seen.duplicates.Load()
	return stats
}

func (c *Client) current() *view {
	if c == nil {
		return nil
	}
	return c.view.Load()
}

// follow keeps the view that of the feed.
func (c *Client) follow(ctx context.Context, changed <-chan struct{}) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		c.look()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-ticker.C:
		}
	}
}

func (c *Client) look() {
	state := c.feed.State()
	if state == nil {
		return
	}
	stale, old := c.feed.Stale(), c.view.Load()
	if old != nil && old.snapshot == state.Snapshot && old.stale == stale {
		return
	}
	now := newView(state, stale)
	c.view.Store(now)
	c.mu.Lock()
	listeners := c.listeners
	close(c.moved)
	c.moved = make(chan struct{})
	c.mu.Unlock()
	if len(listeners) == 0 {
		return
	}
	change := changeOf(old, now)
	for _, listener := range listeners {
		(*listener)(change)
	}
}
