package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/edge"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/feed/meter"
	"github.com/assaylabs/assay/feed/redisfeed"
	httpapi "github.com/assaylabs/assay/http"
	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/setup"
)

// dataPlane is the edge within a control plane: it answers from the ledger as
// this replica has read it, and from Redis or the disk while Postgres has not
// been reached since the start.
type dataPlane struct {
	feed  *feed.Feed
	edge  *edge.Edge
	redis redis.UniversalClient // nil without
}

// newDataPlane connects to nothing yet. next answers what is not the edge's.
func newDataPlane(cfg control.Config, plane *control.Plane, sessions *httpapi.Sessions, next http.Handler, log *slog.Logger) (*dataPlane, error) {
	d := &dataPlane{}
	sources := []feed.Source{plane.Source()}
	if cfg.RedisURL != "" {
		client, err := control.OpenRedis(cfg, log)
		if err != nil {
			return nil, err
		}
		d.redis = client
		sources = append(sources, redisfeed.New(client, cfg.Namespace))
	}
	if cfg.SnapshotDir != "" {
		sources = append(sources, feed.NewDisk(setup.SnapshotDir(cfg.SnapshotDir, cfg.Namespace), log))
	}
	d.feed = feed.New(feed.Config{Log: log}, sources...)
	plane.Registry.MustRegister(meter.New(d.feed))
	var err error
	var tracker edge.Tracker = plane.Intake
	if plane.Stream != nil {
		tracker = plane.Stream
	}
	d.edge, err = edge.New(d.feed, edge.Config{
		Root: cfg.RootToken, EdgeToken: cfg.EdgeToken, Tracker: tracker, Next: next, Log: log, Registry: plane.Registry,
		Announced: plane.Roll.Hear, Uses: plane.Uses,
		Session: func(r *http.Request) (edge.Visitor, error) {
			who, err := sessions.Visitor(r)
			return edge.Visitor(who), err
		},
	})
	if err == nil {
		plane.Traffic = d.edge.Traffic
	}
	return d, err
}

// run keeps it fresh until ctx ends.
func (d *dataPlane) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.feed.Run(ctx) }) // both end with ctx alone
	wg.Go(func() { _ = d.edge.Run(ctx) })
	wg.Wait()
}

func (d *dataPlane) close() {
	if d.redis != nil {
		_ = d.redis.Close() // nothing is in flight any more
	}
}
