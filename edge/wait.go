package edge

import (
	"net/http"
	"strconv"
	"time"
)

// awaitAsked waits for the position that the request wants to see.
func (e *Edge) awaitAsked(x *exchange) *fault {
	asked := x.r.Header["Assay-Min-Position"]
	if len(asked) == 0 {
		return nil
	}
	position, err := strconv.ParseInt(asked[0], 10, 64)
	if err != nil || position < 0 || len(asked) > 1 {
		return &fault{status: http.StatusBadRequest, field: "Assay-Min-Position", detail: "must be a position, 0 or more"}
	}
	if !e.await(x, position, patience) {
		return unavailable("the position is not here yet, try again", 1)
	}
	return nil
}

// await waits until the view is at the position, or patience is over, and moves
// x to the newest view.
func (e *Edge) await(x *exchange, position int64, patience time.Duration) bool {
	if x.view.state.Document.Position >= position {
		return true
	}
	changed, cancel := e.feed.Subscribe()
	defer cancel()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		x.view = e.refresh()
		if x.view.state.Document.Position >= position {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-x.r.Context().Done():
			return false
		}
	}
}

// matches says whether the client has what the ETag is of.
func matches(h http.Header, etag string) bool {
	for _, line := range h["If-None-Match"] {
		if line == etag || listed(line, etag) {
			return true
		}
	}
	return false
}

// notModified answers 304.
func (e *Edge) notModified(x *exchange, etag []string) int {
	e.stamp(x)
	x.w.Header()["Etag"] = etag
	x.w.WriteHeader(http.StatusNotModified)
	return http.StatusNotModified
}
