package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/assaylabs/assay/edge"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/feed/meter"
	"github.com/assaylabs/assay/feed/redisfeed"
	"github.com/assaylabs/assay/internal/serving"
	"github.com/assaylabs/assay/internal/setup"
	"github.com/assaylabs/assay/presence"
	"github.com/assaylabs/assay/presence/redisroll"
	"github.com/assaylabs/assay/projections/redisurl"
	"github.com/assaylabs/assay/tracking/jetstream"
)

// serve answers until ctx ends.
func serve(ctx context.Context, cfg config, log *slog.Logger) error {
	if cfg.redis != nil {
		redisurl.LogTo(log)
		defer cfg.redis.Close()
	}
	listener, err := net.Listen("tcp", cfg.listenAddr)
	if err != nil {
		return fmt.Errorf("%w: free the port, or choose another with --listen", err)
	}
	defer listener.Close()
	f := feed.New(feed.Config{Log: log}, sources(cfg, log)...)
	registry := setup.NewRegistry(setup.Version(release))
	if err := registry.Register(meter.New(f)); err != nil {
		return err
	}
	var tracker edge.Tracker // nil: the control plane is asked
	if cfg.natsURL != "" {
		stream, err := jetstream.Open(jetstream.Config{URL: cfg.natsURL, Namespace: cfg.namespace, Log: log, Registry: registry})
		if err != nil {
			return err
		}
		defer stream.Close()
		tracker = stream
	}
	uses := presence.NewUses()
	e, err := edge.New(f, edge.Config{
		Uses: uses,
		Root: cfg.rootToken, EdgeToken: cfg.edgeToken, ControlURL: cfg.controlURL, Tracker: tracker, Log: log, Registry: registry,
	})
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "serving", "address", listener.Addr().String(), "version", setup.Version(release), "namespace", cfg.namespace)
	ctx, stop := context.WithCancel(ctx)
	var along sync.WaitGroup
	defer along.Wait()
	defer stop()
	along.Go(func() { _ = f.Run(ctx) }) // each ends with ctx alone
	along.Go(func() { _ = e.Run(ctx) })
	along.Go(func() { _ = newAnnouncer(cfg, f, e, uses, log).Run(ctx) })
	return serving.Serve(ctx, listener, newHandler(f, e, registry), serving.DefaultDrain)
}

// sources are where snapshots come from, in order of preference.
func sources(cfg config, log *slog.Logger) []feed.Source {
	var all []feed.Source
	if cfg.redis != nil {
		all = append(all, redisfeed.New(cfg.redis, cfg.namespace))
	}
	if cfg.controlURL != "" {
		all = append(all, feed.NewControl(feed.ControlConfig{URL: cfg.controlURL, Token: cfg.edgeToken, Path: "/feed"}))
	}
	if cfg.snapshotDir == "" {
		log.Warn("no SNAPSHOT_DIR: a start while everything else is down will have nothing to serve")
		return all
	}
	return append(all, feed.NewDisk(setup.SnapshotDir(cfg.snapshotDir, cfg.namespace), log))
}

// newAnnouncer tells a control plane that this edge is there: itself where it can
// be reached, else through Redis.
func newAnnouncer(cfg config, f *feed.Feed, e *edge.Edge, uses *presence.Uses, log *slog.Logger) *presence.Announcer {
	started := time.Now().UTC()
	a := &presence.Announcer{ID: setup.InstanceID(), Uses: uses, Log: log, Facts: func() presence.Announcement {
		facts := presence.Announcement{Version: setup.Version(release), StartedAt: started, Stale: f.Stale(), Traffic: e.Traffic()}
		if s := f.State(); s != nil {
			facts.Position, facts.Source = s.Document.Position, s.Source
		}
		return facts
	}}
	if cfg.controlURL != "" {
		a.Sender = presence.Control{URL: cfg.controlURL, Token: cfg.edgeToken}
	} else {
		a.Sender = redisroll.New(cfg.redis, cfg.namespace)
	}
	return a
}

// newHandler puts what operators ask before what users do.
func newHandler(f *feed.Feed, next http.Handler, registry *prometheus.Registry) http.Handler {
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			reply(w, r, http.StatusOK, map[string]string{"status": "ok", "version": setup.Version(release)})
		case "/readyz":
			ready(w, r, f)
		case "/metrics":
			metrics.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// health is the body of GET /readyz, which names no hosts: anybody may ask.
type health struct {
	Status       string                `json:"status"`
	Dependencies map[string]dependency `json:"dependencies"`
}

type dependency struct {
	State    string  `json:"state"`
	Source   string  `json:"source,omitempty"`
	Position *int64  `json:"position,omitempty"`
	Age      float64 `json:"age_seconds,omitempty"`
}

// ready says whether there is anything to evaluate from. What is old is better
// than nothing: then it is degraded.
func ready(w http.ResponseWriter, r *http.Request, f *feed.Feed) {
	h := health{"ready", map[string]dependency{}}
	for _, s := range f.Sources() {
		state := "up"
		if !s.Up {
			state, h.Status = "down", "degraded"
		}
		h.Dependencies[s.Name] = dependency{State: state}
	}
	s := f.State()
	if s == nil {
		h.Status = "starting"
		h.Dependencies["snapshot"] = dependency{State: "missing"}
		w.Header().Set("Retry-After", "1")
		reply(w, r, http.StatusServiceUnavailable, h)
		return
	}
	snapshot := dependency{State: "current", Source: s.Source, Position: &s.Document.Position, Age: f.Age().Seconds()}
	if f.Stale() {
		snapshot.State, h.Status = "stale", "degraded"
	}
	h.Dependencies["snapshot"] = snapshot
	reply(w, r, http.StatusOK, h)
}

func reply(w http.ResponseWriter, r *http.Request, status int, v any) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody is left to tell
}
