package httpapi

import "net/http"

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
	file.ServeHTTP(w, req)
}
