package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assaylabs/assay/queries"
)

const operationsTag = "Operations"

func openRoutes(metrics http.Handler) []route {
	get := func(path, id, summary, doc string, ok success, raw func(*api, http.ResponseWriter, *http.Request)) route {
		return route{
			method: http.MethodGet, path: path, id: id, tag: operationsTag, summary: summary, doc: doc,
			open: true, ok: ok, raw: raw,
		}
	}
	return []route{
		get("/healthz", "healthz", "Is the process alive?", "", success{
			status: http.StatusOK, schema: "Alive", example: `{"status":"ok","version":"1.0.0"}`,
		}, (*api).alive),
		get("/readyz", "readyz", "Can it do its job?", "Names the state of each thing it depends on; degraded still serves what needs no more than what is up. 503 until it has read the ledger, and while it stops.", success{
			status: http.StatusOK, schema: "Health",
			example: `{"status":"ready","dependencies":{"memory":{"state":"up","position":42,"lag":0},"postgres":{"state":"up","position":42,"lag":0},"redis":{"state":"up","position":42,"lag":0}}}`,
		}, (*api).ready),
		get("/metrics", "metrics", "Prometheus metrics", "", success{
			status: http.StatusOK, schema: "Text", types: []string{textType},
		}, func(_ *api, w http.ResponseWriter, r *http.Request) { metrics.ServeHTTP(w, r) }),
		get("/openapi.json", "openapi", "This document", "", success{
			status: http.StatusOK, schema: "AnyObject",
		}, (*api).serveSpec),
		get("/docs", "docs", "This document for people", "", success{
			status: http.StatusOK, schema: "Text", types: []string{htmlType},
		}, (*api).serveDocs),
	}
}

func healthSchemas() fields {
	return join(systemSchemas(), fields{
		"Alive": complete("", fields{"status": oneOf("", "ok"), "version": text("The program's.", 100)}),
		"Health": complete("", fields{
			"status":       oneOf("", queries.Ready, queries.Degraded, queries.Starting),
			"dependencies": open("By name.", ref("Dependency")),
		}),
		"Dependency": complete("", fields{
			"state":    oneOf("", queries.Up, queries.Down, queries.Loading, queries.Stopped),
			"detail":   text("", 10_000),
			"position": count("The ledger's position that it holds.", 0),
			"lag":      count("How many records it is behind.", 0),
		}, "detail"),
		"Text":      {Type: huma.TypeString},
		"AnyObject": open("", true),
	})
}

func (a *api) alive(w http.ResponseWriter, r *http.Request) {
	a.reply(w, r, struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}{"ok", a.version}, http.StatusOK)
}

func (a *api) ready(w http.ResponseWriter, r *http.Request) {
	health := a.queries.Health(r.Context())
	status := http.StatusOK
	if health.Status == queries.Starting {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	a.reply(w, r, health, status)
}

func (a *api) reply(w http.ResponseWriter, r *http.Request, v any, status int) {
	got, err := encoded(v)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	got.status = status
	got.write(w)
}

func (a *api) serveSpec(w http.ResponseWriter, _ *http.Request) {
	answer{status: http.StatusOK, body: a.spec}.write(w)
}

func (a *api) serveDocs(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", a.docs.policy)
	h.Set("Referrer-Policy", "no-referrer")
	answer{status: http.StatusOK, media: htmlType + "; charset=utf-8", body: a.docs.html}.write(w)
}
