package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/google/uuid"
)

// maxRequestID bounds ids that clients give their requests, in bytes.
const maxRequestID = 128

// exchange is one request and its answer, as the log and the metrics see them.
// It counts what is written.
type exchange struct {
	http.ResponseWriter
	requestID, correlationID string
	// route is the template of the path that matched, "" for none.
	route string
	// actor is the name of the key that was used, keyID its id.
	actor, keyID string
	keyExpires   time.Time // zero for never
	// session is the one that the caller came with, nil without.
	session *session
	status  int
	bytes   int64
}

type exchangeKey struct{}

// exchangeOf returns the exchange that ServeHTTP began.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// ServeHTTP gives every request its ids, time limit, log line and metrics, and
// turns panics into problems.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{ResponseWriter: w}
	x.requestID = requestID(r.Header)
	x.correlationID = r.Header.Get("Correlation-Id")
	if !sane(x.correlationID) {
		x.correlationID = x.requestID
	}
	h := w.Header()
	h["Request-Id"] = []string{x.requestID}
	h["Correlation-Id"] = []string{x.correlationID}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Cache-Control"] = []string{"no-store"}

	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), exchangeKey{}, x), a.timeout)
	defer cancel()
	req := r.WithContext(ctx)
	defer func() {
		a.recovered(x, req, recover())
		a.done(x, r, start)
	}()
	if err := checkHeaders(r.Header); err != nil {
		a.fail(x, req, err)
		return
	}
	if r.Method == http.MethodHead {
		req.Method = http.MethodGet // net/http leaves the body out
	}
	if x.route = a.console.Route(r.URL.Path); x.route != "" {
		a.serveConsole(x, req)
		return
	}
	a.router.ServeHTTP(x, req)
}

// recovered answers for a handler that panicked, or drops the connection if it
// had begun to answer.
func (a *api) recovered(x *exchange, req *http.Request, cause any) {
	if cause == nil {
		return
	}
	a.log.LogAttrs(req.Context(), slog.LevelError, "handler panicked",
		slog.Any("panic", cause), slog.String("stack", string(debug.Stack())), slog.String("request_id", x.requestID))
	if x.status == 0 {
		a.fail(x, req, fmt.Errorf("panic: %v", cause))
		return
	}
	// Half an answer must not look like a whole one.
	if conn, _, err := http.NewResponseController(x).Hijack(); err == nil {
		_ = conn.Close() // it is given up either way
	}
}

// done logs and counts the request.
func (a *api) done(x *exchange, r *http.Request, start time.Time) {
	if x.status == 0 {
		x.status = http.StatusOK // net/http writes it when nobody did
	}
	elapsed := time.Since(start)
	route := x.route
	if route == "" {
		route = "unmatched"
	}
	a.meter.observe(route, r.Method, x.status, elapsed)
	level := slog.LevelInfo
	if slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, route) {
		level = slog.LevelDebug
	}
	a.log.LogAttrs(r.Context(), level, "request",
		slog.String("method", r.Method), slog.String("route", route), slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes), slog.Duration("duration", elapsed), slog.String("actor", x.actor),
		slog.String("request_id", x.requestID), slog.String("correlation_id", x.correlationID))
}

// requestID returns the client's id for the request, or a new one.
func requestID(h http.Header) string {
	if id := h.Get("Request-Id"); sane(id) {
		return id
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "" // the system has no randomness: the request does not depend on it
	}
	return id.String()
}

// sane says whether an id from outside may go into logs and the ledger.
func sane(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=':
		default:
			return false
		}
	}
	return true
}
