// Package edge listens for the data plane: OFREP and POST /evaluate answer from
// the feed's snapshot in memory, GET /snapshot, /feed and /stream keep SDKs and
// other edges fresh, POST /track takes what units saw and did. Nothing else here
// waits for a database. Begin with New; Run keeps the answers' prepared parts and
// the streams up with the feed.
package edge

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/presence"
)

// Config of an edge. The zero value of each has a default.
type Config struct {
	// Root is the root token, which always works; empty admits nobody.
	Root string
	// EdgeToken is what edges come with to GET /feed, as a server; empty admits
	// nobody. Keys work too.
	EdgeToken string
	// Session says who comes without a token of their own, by the cookie of a
	// console on the same port; the error, why that cookie must not be used for the
	// request. Default nobody.
	Session func(*http.Request) (Visitor, error)
	// Tracker stores what comes to POST /track. Where it is nil, requests go on to
	// the control plane at ControlURL, if there is one.
	Tracker    Tracker
	ControlURL string
	// Announced is told what other edges say of themselves; nil where nobody asks.
	Announced func(id string, a presence.Announcement) error
	// Uses is where the use of keys is noted; nil for nowhere.
	Uses *presence.Uses
	// Next answers what is not the edge's, default 404.
	Next http.Handler
	// RateLimit of each key; see its defaults.
	RateLimit RateLimit
	// MaxStreams bounds the listeners of GET /stream, default 10,000.
	MaxStreams int
	// Log is told of refused callers; default nobody.
	Log *slog.Logger
	// Registry of the edge's metrics, default a new one.
	Registry prometheus.Registerer
}

const (
	defaultStreams = 10_000
	// patience bounds the wait for Assay-Min-Position.
	patience = 2 * time.Second
)

// Visitor is who came by a session: with a key's token, or as somebody who has a
// role until then. The zero value is nobody.
type Visitor struct {
	Token   string
	Name    string
	Role    domain.Role
	Expires time.Time
}

// Edge is the handler of the data plane. Its methods may be called concurrently.
type Edge struct {
	feed    *feed.Feed
	cfg     Config
	log     *slog.Logger
	meter   *meter
	limits  *limits
	hub     *hub
	tracks  tracks
	calls   sync.Pool // of *call
	headers headers
	root    *caller       // nil without a root token
	edges   *caller       // nil without an edge token
	visits  *rate.Limiter // of all who have no key; nil for no limit

	current  atomic.Pointer[view]
	building sync.Mutex // held while a view is built
}

// headers are values of headers that never change, in the form that net/http
// takes: sharing them saves every answer an allocation.
type headers struct{ json, problem, noSniff, noStore, yes, vary, cache []string }

// New returns an edge that serves what the feed holds. The error is a metric
// that is registered already.
func New(f *feed.Feed, cfg Config) (*Edge, error) {
	if cfg.Next == nil {
		cfg.Next = http.HandlerFunc(notFound)
	}
	if cfg.MaxStreams == 0 {
		cfg.MaxStreams = defaultStreams
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Registry == nil {
		cfg.Registry = prometheus.NewRegistry()
	}
	e := &Edge{feed: f, cfg: cfg, log: cfg.Log, limits: newLimits(cfg.RateLimit), hub: newHub(cfg.MaxStreams)}
	e.headers = headers{
		json: []string{jsonType}, problem: []string{problemType},
		noSniff: []string{"nosniff"}, noStore: []string{"no-store"}, yes: []string{"true"},
		vary: []string{"Accept-Encoding"}, cache: []string{cacheControl},
	}
	e.calls.New = func() any { return newCall() }
	e.root = tokenCaller(cfg.Root, domain.Admin)
	e.edges = tokenCaller(cfg.EdgeToken, domain.Server)
	e.visits = e.limits.bucket()
	e.tracks.forward, e.tracks.meter = newForwarder(cfg.ControlURL), newTrackMeter()
	var err error
	e.meter, err = newMeter(cfg.Registry, e.hub, e.tracks.meter)
	return e, err
}

// Run prepares each new state of the feed for answers and tells the streams,
// until ctx ends; then it ends the streams.
func (e *Edge) Run(ctx context.Context) error {
	changed, cancel := e.feed.Subscribe()
	defer cancel()
	defer e.hub.close()
	for {
		if v := e.refresh(); v != nil {
			e.hub.publish(v.event, v.id)
		}
		// What comes until then is told in one.
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(e.hub.pause()):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// A route is one of the paths that the edge answers.
type route int

const (
	routeNone route = iota
	routeFlag
	routeFlags
	routeEvaluate
	routeSnapshot
	routeStream
	routeFeed
	routeTrack
	routeAnnounce
	routes
)

const (
	flagsPath = "/ofrep/v1/evaluate/flags"
	edgesPath = "/edges/"
)

// routeOf tells whose a path is. key is the flag's, on the route of one flag, or
// the id of an edge.
func routeOf(path string) (r route, key string) {
	switch path {
	case "/evaluate":
		return routeEvaluate, ""
	case flagsPath:
		return routeFlags, ""
	case "/snapshot":
		return routeSnapshot, ""
	case "/stream":
		return routeStream, ""
	case "/feed":
		return routeFeed, ""
	case "/track":
		return routeTrack, ""
	}
	if key, ok := strings.CutPrefix(path, flagsPath+"/"); ok {
		return routeFlag, key
	}
	if id, ok := strings.CutPrefix(path, edgesPath); ok {
		return routeAnnounce, id
	}
	return routeNone, ""
}

// template names the route in metrics and logs.
func (r route) template() string {
	switch r {
	case routeFlag:
		return flagsPath + "/{key}"
	case routeFlags:
		return flagsPath
	case routeEvaluate:
		return "/evaluate"
	case routeSnapshot:
		return "/snapshot"
	case routeStream:
		return "/stream"
	case routeTrack:
		return "/track"
	case routeAnnounce:
		return edgesPath + "{id}"
	}
	return "/feed"
}

// method is the one that the route takes; GET routes take HEAD too.
func (r route) method() string {
	switch r {
	case routeFlag, routeFlags, routeEvaluate, routeTrack, routeAnnounce:
		return http.MethodPost
	}
	return http.MethodGet
}

// role is what a caller of the route needs. Listeners learn nothing but that
// something has changed, so clients may listen.
func (r route) role() domain.Role {
	switch r {
	case routeSnapshot, routeFeed, routeAnnounce:
		return domain.Server
	}
	return domain.Client
}

// ServeHTTP answers the edge's own paths and leaves others to Config.Next.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, key := routeOf(r.URL.Path)
	if route == routeNone || route == routeAnnounce && e.cfg.Announced == nil {
		e.cfg.Next.ServeHTTP(w, r)
		return
	}
	start := time.Now()
	status := e.serve(w, r, route, key, start)
	e.meter.observe(route, status, start)
}

// serve answers and returns the status.
func (e *Edge) serve(w http.ResponseWriter, r *http.Request, route route, key string, now time.Time) int {
	v := e.view()
	if r.Method == http.MethodOptions {
		return e.preflight(w, r, route, v)
	}
	x := exchange{w: w, r: r, route: route, key: key, view: v}
	who, f := e.admit(&x, now)
	if f == nil && r.Method != route.method() && !(r.Method == http.MethodHead && route.method() == http.MethodGet) {
		f = &fault{status: http.StatusMethodNotAllowed, detail: "this path allows " + allowed(route), allow: allowed(route)}
	}
	if f == nil {
		x.who = who
		who.mark.Note(now)
		f = e.awaitAsked(&x)
	}
	if f != nil {
		return e.fail(&x, f)
	}
	switch route {
	case routeSnapshot:
		return e.serveResource(&x, x.view.snapshot)
	case routeFeed:
		return e.serveResource(&x, x.view.feed)
	case routeStream:
		return e.stream(&x)
	}
	c := e.calls.Get().(*call)
	defer e.release(c)
	switch route {
	case routeFlag:
		return e.flag(&x, c)
	case routeFlags:
		return e.flags(&x, c)
	case routeTrack:
		return e.track(&x, c)
	case routeAnnounce:
		return e.announced(&x, c)
	}
	return e.evaluate(&x, c)
}

// exchange is one request and what is known of it.
type exchange struct {
	w     http.ResponseWriter
	r     *http.Request
	route route
	key   string // on the route of one flag; the id, on that of an edge
	view  *view
	who   *caller
	// visit says that who came by a session.
	visit bool
}

// stamp says what an answer is made from, and who may keep it.
func (e *Edge) stamp(x *exchange) {
	h := x.w.Header()
	h["Assay-Position"] = x.view.position
	h["Cache-Control"] = e.headers.noStore
	if x.route == routeSnapshot && !x.visit { // caches keep what a cookie opened for everybody
		h["Cache-Control"] = e.headers.cache
	}
	if e.feed.Stale() {
		h["Assay-Stale"] = e.headers.yes
	}
}

// write answers 200 with a JSON body.
func (e *Edge) write(x *exchange, body []byte) int { return e.answer(x, http.StatusOK, body) }

// answer answers with a JSON body.
func (e *Edge) answer(x *exchange, status int, body []byte) int {
	e.stamp(x)
	h := x.w.Header()
	h["Content-Type"] = e.headers.json
	h["X-Content-Type-Options"] = e.headers.noSniff
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client is gone: nobody is left to tell
	return status
}

func allowed(r route) string {
	if r.method() == http.MethodGet {
		return "GET, HEAD, OPTIONS"
	}
	return "POST, OPTIONS"
}
