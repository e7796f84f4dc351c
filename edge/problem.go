package edge

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/assaylabs/assay/domain"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

// OFREP's error codes.
const (
	codeParse    = "PARSE_ERROR"
	codeContext  = "INVALID_CONTEXT"
	codeNotFound = "FLAG_NOT_FOUND"
	codeGeneral  = "GENERAL"
)

// fault is why a request is not answered.
type fault struct {
	status int
	// code is OFREP's, default GENERAL.
	code string
	// field is the member of the body, the header or parameter at fault, if one
	// is.
	field, detail string
	// retryAfter is whole seconds; 0 is none.
	retryAfter int
	allow      string
}

func malformed(field, detail string) *fault {
	return &fault{status: http.StatusBadRequest, field: field, detail: detail}
}

func unavailable(detail string, retryAfter int) *fault {
	return &fault{status: http.StatusServiceUnavailable, detail: detail, retryAfter: retryAfter}
}

// problem is an RFC 9457 problem document.
type problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"`
	Instance string         `json:"instance,omitzero"`
	Errors   []fieldProblem `json:"errors,omitempty"`
}

type fieldProblem struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// ofrepFailure is how OFREP says it; Key is nil where many flags were asked for.
type ofrepFailure struct {
	Key     *string `json:"key,omitzero"`
	Code    string  `json:"errorCode"`
	Details string  `json:"errorDetails"`
}

// fail answers with the fault, in the words of the route.
func (e *Edge) fail(x *exchange, f *fault) int {
	h := x.w.Header()
	h["Cache-Control"] = e.headers.noStore
	h["X-Content-Type-Options"] = e.headers.noSniff
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	if f.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="assay"`)
	}
	var doc any
	switch x.route {
	case routeFlag, routeFlags:
		h["Content-Type"] = e.headers.json
		doc = failureOf(x, f)
	default:
		h["Content-Type"] = e.headers.problem
		doc = problemOf(x, f)
	}
	data, err := domain.Encode(doc)
	if err != nil {
		data = []byte(`{"type":"about:blank","errorCode":"GENERAL"}`)
	}
	x.w.WriteHeader(f.status)
	_, _ = x.w.Write(data) // the client is gone: nobody is left to tell
	return f.status
}

func failureOf(x *exchange, f *fault) ofrepFailure {
	failure := ofrepFailure{Code: f.code, Details: valid(f.detail)}
	if failure.Code == "" {
		failure.Code = codeGeneral
	}
	if f.field != "" {
		failure.Details = valid(f.field + ": " + f.detail)
	}
	if x.route == routeFlag {
		key := valid(x.key)
		failure.Key = &key
	}
	return failure
}

func problemOf(x *exchange, f *fault) problem {
	p := problem{
		Type:  "/docs#problem-" + strconv.Itoa(f.status),
		Title: http.StatusText(f.status), Status: f.status,
		Detail: valid(f.detail), Instance: x.r.URL.EscapedPath(),
	}
	if f.field != "" {
		p.Errors = []fieldProblem{{valid(f.field), p.Detail}}
	}
	return p
}

// valid makes UTF-8 of what a client sent.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func notFound(w http.ResponseWriter, r *http.Request) {
	x := exchange{w: w, r: r}
	data, _ := domain.Encode(problemOf(&x, &fault{status: http.StatusNotFound, detail: "there is no such route"}))
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write(data) // the client is gone: nobody is left to tell
}
