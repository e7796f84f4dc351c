package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/assaylabs/assay/domain"
)

// problem is an RFC 9457 problem document.
type problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail,omitempty"`
	Instance string         `json:"instance,omitempty"`
	Errors   []fieldProblem `json:"errors,omitempty"`
}

// fieldProblem says what is wrong with one field: a member of the body as
// a.b[0], a header, a query parameter, or body for all of it.
type fieldProblem struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// fault is an error that HTTP itself gives rise to.
type fault struct {
	status int
	detail string
	field  string
	// retryAfter is whole seconds; 0 is none.
	retryAfter int
}

func (f *fault) Error() string { return f.detail }

// malformed is a request that cannot even be read.
func malformed(field, detail string) error {
	return &fault{status: http.StatusBadRequest, field: field, detail: detail}
}

// statusOf is the one table from errors to statuses.
func statusOf(err error) int {
	var (
		own      *fault
		invalid  *domain.InvalidError
		conflict *domain.ConflictError
		version  *domain.VersionError
		tooLarge *http.MaxBytesError
	)
	switch {
	case errors.As(err, &own):
		return own.status
	case errors.As(err, &invalid):
		return http.StatusUnprocessableEntity
	case errors.Is(err, domain.ErrNotFound):
		return http.StatusNotFound
	case errors.As(err, &conflict):
		return http.StatusConflict
	case errors.As(err, &version):
		return http.StatusPreconditionFailed
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, domain.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// explain makes the problem document of an error.
func explain(err error) problem {
	status := statusOf(err)
	p := problem{
		Type:   "/docs#problem-" + strconv.Itoa(status),
		Title:  http.StatusText(status),
		Status: status,
		Detail: err.Error(),
	}
	p.Errors = fieldsOf(err)
	if status == http.StatusUnprocessableEntity && len(p.Errors) > 0 {
		p.Detail = p.Errors[0].Field + ": " + p.Errors[0].Problem
	}
	switch status {
	case http.StatusInternalServerError:
		p.Detail = "the server has a fault; its log has more under this answer's Request-Id"
	case http.StatusServiceUnavailable:
		if own := (*fault)(nil); errors.As(err, &own) {
			break
		}
		p.Detail = "the request cannot be served now; nothing is known to be wrong with it, try again"
	}
	return p
}

// fieldsOf lists the fields that an error is about.
func fieldsOf(err error) []fieldProblem {
	var (
		own     *fault
		batch   *batchFault
		invalid *domain.InvalidError
		several domain.InvalidErrors
		version *domain.VersionError
	)
	switch {
	case errors.As(err, &own):
		if own.field == "" {
			return nil
		}
		return []fieldProblem{{own.field, own.detail}}
	case errors.As(err, &batch):
		return batch.fields
	case errors.As(err, &several):
		fields := make([]fieldProblem, len(several))
		for i, f := range several {
			fields[i] = fieldProblem{f.Field, f.Problem}
		}
		return fields
	case errors.As(err, &invalid):
		return []fieldProblem{{invalid.Field, invalid.Problem}}
	case errors.As(err, &version):
		return []fieldProblem{{"If-Match", fmt.Sprintf("must be the version that it has, %d", version.Have)}}
	}
	return nil
}

// fail answers with the problem that err is. It must be called before anything
// else was written.
func (a *api) fail(w http.ResponseWriter, req *http.Request, err error) {
	x := exchangeOf(req.Context())
	p := explain(err)
	p.Instance = req.URL.EscapedPath()
	if p.Status >= http.StatusInternalServerError {
		level := slog.LevelWarn
		if p.Status == http.StatusInternalServerError {
			level = slog.LevelError
		}
		a.log.LogAttrs(req.Context(), level, "request failed",
			slog.Any("error", err), slog.String("request_id", x.requestID), slog.String("correlation_id", x.correlationID))
	}
	h := w.Header()
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	var own *fault
	if errors.As(err, &own) && own.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(own.retryAfter))
	}
	writeProblem(w, p)
}

// writeProblem writes the document; fields and details may echo what a client
// sent, which need not be UTF-8.
func writeProblem(w http.ResponseWriter, p problem) {
	data, err := encodeLoosely(p)
	if err != nil {
		data = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
	}
	h := w.Header()
	h.Set("Content-Type", problemType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(data) // the client is gone: nobody is left to tell
}
