package httpapi

import "net/http"

// early is what the console's first page will ask for. A browser that is told so
// with the page has the answers by the time that the page's code runs, if they
// are asked for in the very words of the page: web/src/early.ts.
var early = []string{
	"</session>; rel=preload; as=fetch; crossorigin",
	"</experiments?limit=1000&sort=key>; rel=preload; as=fetch; crossorigin",
	"</overview>; rel=preload; as=fetch; crossorigin",
}

// serveConsole answers the console's paths, which are no part of the API: they
// ask for no token and wait for nothing.
func (a *api) serveConsole(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet {
		const allow = "GET, HEAD"
		w.Header().Set("Allow", allow)
		a.fail(w, req, &fault{status: http.StatusMethodNotAllowed, detail: "this path allows " + allow})
		return
	}
	file := a.console.File(req.URL.Path)
	if file == nil {
		a.fail(w, req, &fault{status: http.StatusNotFound, detail: "the console has no such file; load the page again if it is of another version"})
		return
	}
	if beginsWithList(req) {
		w.Header()["Link"] = early
	}
	file.ServeHTTP(w, req)
}

// beginsWithList says whether the page will show the experiments as they are now,
// to somebody who may be signed in.
func beginsWithList(req *http.Request) bool {
	switch req.URL.Path {
	case "/", "/console", "/console/experiments":
	default:
		return false
	}
	_, err := req.Cookie(cookieName(req, sessionCookie))
	return err == nil && !req.URL.Query().Has("at")
}
