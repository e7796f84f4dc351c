package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/assaylabs/assay/domain"
)

// maxBody and maxBigBody bound request bodies, in bytes.
const (
	maxBody    = 128 << 10
	maxBigBody = 8 << 20
)

const (
	jsonType       = "application/json"
	mergePatchType = "application/merge-patch+json"
	problemType    = "application/problem+json"
	csvType        = "text/csv"
	htmlType       = "text/html"
	textType       = "text/plain"
)

// route is one row of the table of what is listened to.
type route struct {
	method, path string
	// id is the OpenAPI operation's.
	id, tag, summary, doc string
	// role is what a caller needs; a route without one must be open, or it is
	// refused at start.
	role domain.Role
	open bool
	// command routes answer 2xx only for what is in the ledger, and take an
	// Idempotency-Key and a reason.
	command bool
	// conditional commands take If-Match.
	conditional bool
	// waits says that Assay-Min-Position is honoured.
	waits bool
	// edge routes are documented here and answered by package edge.
	edge bool
	// failure is the form of its refusals, where they are no problems.
	failure string
	// faults are the statuses of its refusals, where they are not the usual.
	faults []int
	body   *body
	query  []param
	ok     success
	// handle answers; raw does so where there is no domain behind it.
	handle func(*api, context.Context, *input) (answer, error)
	raw    func(*api, http.ResponseWriter, *http.Request)
}

// body says what a route reads.
type body struct {
	limit int64
	// patch bodies may also be application/merge-patch+json.
	patch   bool
	schema  string // the documented form
	example string
}

// param is one query parameter.
type param struct {
	name, doc string
	schema    *huma.Schema
	example   any
	// repeats says that the parameter may be given more than once.
	repeats bool
}

// success says what a route answers when all is well.
type success struct {
	status  int
	schema  string // the documented form; empty for no body
	example string
	// types are the media types; default JSON.
	types []string
	// versioned answers have an ETag and Assay-Position.
	versioned bool
	located   bool
	// tagged answers have an ETag of their own kind.
	tagged bool
}

// types returns the media types of the route's success.
func (r *route) types() []string {
	if len(r.ok.types) == 0 {
		return []string{jsonType}
	}
	return r.ok.types
}

// serve returns the handler of one route: who calls, what is asked, answer.
func (a *api) serve(r route) func(huma.Context) {
	return func(c huma.Context) {
		req, w := humamux.Unwrap(c)
		x := exchangeOf(req.Context())
		x.route = r.path
		if span := trace.SpanFromContext(req.Context()); span.IsRecording() {
			span.SetName(r.method + " " + r.path)
			span.SetAttributes(attribute.String("http.route", r.path))
		}
		if r.raw != nil {
			r.raw(a, w, req)
			return
		}
		got, err := a.respond(&r, x, w, req)
		if err != nil {
			a.fail(w, req, err)
			return
		}
		got.write(w)
	}
}

func (a *api) respond(r *route, x *exchange, w http.ResponseWriter, req *http.Request) (answer, error) {
	if err := a.admit(r, x, req); err != nil {
		return answer{}, err
	}
	a.noteUse(x)
	in, err := a.read(r, x, w, req)
	if err != nil {
		return answer{}, err
	}
	if r.waits && in.minPosition > 0 {
		if err := a.queries.Wait(req.Context(), in.minPosition); err != nil {
			return answer{}, err
		}
	}
	return r.handle(a, req.Context(), in)
}

func (a *api) notFound(w http.ResponseWriter, req *http.Request) {
	a.fail(w, req, &fault{status: http.StatusNotFound, detail: "there is no such route; GET /docs lists them"})
}

// methodNotAllowed names the methods that the path does have.
func (a *api) methodNotAllowed(w http.ResponseWriter, req *http.Request) {
	allow := a.allowed(req)
	w.Header().Set("Allow", allow)
	a.fail(w, req, &fault{status: http.StatusMethodNotAllowed, detail: "this path allows " + allow})
}

// allowed lists the methods that a request's path has.
func (a *api) allowed(req *http.Request) string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		probe := *req
		probe.Method = method
		var match mux.RouteMatch
		if a.router.Match(&probe, &match) && match.MatchErr == nil {
			methods = append(methods, method)
			if method == http.MethodGet {
				methods = append(methods, http.MethodHead)
			}
		}
	}
	return strings.Join(methods, ", ")
}
