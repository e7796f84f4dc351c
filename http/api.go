// Package httpapi listens: it serves the admin and staff API over HTTP.
// Begin with New and hand its handler to Serve.
//
// Every route is one row of a table ([route]) that says who may call it, what it
// reads and how it is documented; requests are decoded strictly by the domain,
// answers are written as the bytes that commands and queries hand over.
package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/presence"
	"github.com/assaylabs/assay/queries"
	"github.com/assaylabs/assay/web"
)

// Config of the API. Commands and Queries are needed; the zero value of the rest
// has a default.
type Config struct {
	Commands *commands.Service
	Queries  *queries.Service
	// System answers GET /system, and Uses is where the use of keys is noted. They
	// are needed as Commands and Queries are.
	System *queries.System
	Uses   *presence.Uses
	// RootToken always works, as admin; empty admits nobody.
	RootToken string
	// Sessions let people sign in; by default with a secret of this process.
	Sessions *Sessions
	// Log is told of every request; nothing is logged by default.
	Log *slog.Logger
	// Registry is what GET /metrics shows; default a new one.
	Registry *prometheus.Registry
	// RateLimit of each key; see its defaults.
	RateLimit RateLimit
	// Version of the program, for GET /healthz.
	Version string
	// Tracing wraps the handler with OpenTelemetry's global provider.
	Tracing bool
	// Timeout bounds the work on one request, default 10 s.
	Timeout time.Duration
}

// api is what all handlers share. It is not changed after New.
type api struct {
	commands  *commands.Service
	queries   *queries.Service
	system    *queries.System
	uses      *presence.Uses
	rootToken [32]byte // SHA-256
	hasRoot   bool
	log       *slog.Logger
	meter     *meter
	limits    *limits
	router    *mux.Router
	timeout   time.Duration
	version   string
	spec      []byte
	docs      docsPage
	console   *web.Console
	sessions  *Sessions
}

// New returns the handler of the whole API. The error is a fault of the route
// table or a metric that is registered already.
func New(cfg Config) (http.Handler, error) {
	a, err := newAPI(cfg)
	if err != nil {
		return nil, err
	}
	if !cfg.Tracing {
		return a, nil
	}
	return otelhttp.NewHandler(a, "http"), nil
}

func newAPI(cfg Config) (*api, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Registry == nil {
		cfg.Registry = prometheus.NewRegistry()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	meter, err := newMeter(cfg.Registry)
	if err != nil {
		return nil, err
	}
	limits, err := newLimits(cfg.RateLimit)
	if err != nil {
		return nil, err
	}
	if cfg.Sessions == nil {
		cfg.Sessions, err = NewSessions(SessionConfig{})
		if err != nil {
			return nil, err
		}
	}
	if cfg.Sessions.ofOne {
		cfg.Log.Warn("sessions of the console end with this process, and other replicas do not know them: set ASSAY_SESSION_SECRET, or a root token of at least 32 characters")
	}
	console, err := web.New()
	if err != nil {
		return nil, err
	}
	a := &api{
		commands: cfg.Commands, queries: cfg.Queries, system: cfg.System, uses: cfg.Uses,
		rootToken: hashToken(cfg.RootToken), hasRoot: cfg.RootToken != "",
		log: cfg.Log, meter: meter, limits: limits,
		timeout: cfg.Timeout, version: cfg.Version, console: console, sessions: cfg.Sessions,
	}
	metrics := promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelError)})
	return a, a.mount(metrics)
}

// mount registers every route with the router and with the OpenAPI document.
func (a *api) mount(metrics http.Handler) error {
	// Paths are matched as they were sent and never cleaned: an encoded slash
	// stays in its segment, and ".." is an id like any other, which nobody has.
	a.router = mux.NewRouter().UseEncodedPath().SkipClean(true)
	a.router.NotFoundHandler = http.HandlerFunc(a.notFound)
	a.router.MethodNotAllowedHandler = http.HandlerFunc(a.methodNotAllowed)

	doc := newDocument()
	adapter := humamux.NewAdapter(a.router)
	// The routes are registered below, with decoding of our own: huma routes
	// and writes the document.
	doc.api = huma.NewAPI(huma.Config{OpenAPI: doc.openAPI}, adapter)
	for _, r := range a.routes(metrics) {
		op, err := doc.add(r)
		if err != nil {
			return fmt.Errorf("route %s %s: %w", r.method, r.path, err)
		}
		adapter.Handle(op, a.serve(r))
	}
	for _, r := range edgeRoutes() {
		if _, err := doc.add(r); err != nil {
			return fmt.Errorf("route %s %s: %w", r.method, r.path, err)
		}
	}
	return a.publish(doc)
}

func (a *api) routes(metrics http.Handler) []route {
	// Matching is in order: what is called most stands first.
	routes := experimentRoutes()
	routes = append(routes, explainRoute(), conditionRoute(), overviewRoute())
	routes = append(routes, dailyRoutes()...)
	routes = append(routes, eventRoutes()...)
	routes = append(routes, verificationRoute())
	routes = append(routes, systemRoutes()...) // before /keys/{id}
	for _, r := range resources() {
		routes = append(routes, r.routes()...)
	}
	routes = append(routes, memberRoutes()...)
	routes = append(routes, sessionRoutes()...)
	routes = append(routes, oidcRoutes()...)
	return append(routes, openRoutes(metrics)...)
}
