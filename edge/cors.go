package edge

import "net/http"

// Browsers let scripts of other origins read these headers, and send those.
const (
	exposed = "ETag, Retry-After, Assay-Position, Assay-Stale"
	sent    = "Authorization, Content-Type, If-None-Match, X-API-Key, Last-Event-ID, Assay-Min-Position"
	// keep is how long browsers remember what a preflight said, in seconds: two
	// hours are the most that they take.
	keep = "7200"
)

// share lets scripts of the origin read the answer.
func share(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", exposed)
	h.Add("Vary", "Origin")
}

// preflight answers a browser that asks before it asks. It has no token with it:
// whether the origin is the key's is seen when the request comes.
func (e *Edge) preflight(w http.ResponseWriter, r *http.Request, route route, v *view) int {
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" && v != nil && v.callers.expects(origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Methods", route.method())
		h.Set("Access-Control-Allow-Headers", sent)
		h.Set("Access-Control-Max-Age", keep)
	}
	h.Set("Allow", allowed(route))
	w.WriteHeader(http.StatusNoContent)
	return http.StatusNoContent
}
