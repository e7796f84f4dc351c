package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/queries"
)

func resultsRoute() route {
	return route{
		method: http.MethodGet, path: experimentPath + "/results", id: "read-results", tag: "Results",
		summary: "Read what an experiment has shown",
		doc: "By metric and variation, with what the split's check says, what was left out, and a verdict that follows the rule as it was fixed when the phase began. " +
			"as_of names the state of the ledger and of what was tracked: asked for with it, the answer has the same bytes for ever. " +
			"Where that takes counting anew, it is 503 with Retry-After while that goes on. With If-None-Match, 304 says that nothing changed.",
		role: domain.Viewer, waits: true, query: resultsParams(),
		ok:     success{status: http.StatusOK, schema: "Results", example: resultsExample, types: []string{jsonType, csvType}, tagged: true},
		handle: (*api).readResults,
	}
}

func resultsParams() []param {
	return []param{
		{name: "as_of", doc: "The as_of of earlier results; default now.", schema: pattern("", `^[1-9][0-9]*\.[0-9]+$`), example: "42.17"},
		{name: "phase", doc: "Which phase; default the newest.", schema: count("", 1)},
		{name: "dimension", doc: "An attribute of the analysis's dimensions to break the metrics down by.", schema: text("", 64), example: "country"},
		{
			name: "metric", doc: "The key of a metric whose daily series is wanted too; those of primary metrics are always there.",
			schema: &huma.Schema{Type: huma.TypeArray, Items: pattern("", keyRegexp)}, repeats: true,
		},
	}
}

func (a *api) readResults(ctx context.Context, in *input) (answer, error) {
	phase, err := in.whole("phase", 1, 1<<31-1, 0)
	if err != nil {
		return answer{}, err
	}
	for _, name := range []string{"as_of", "dimension"} {
		if in.query.Has(name) && in.query.Get(name) == "" {
			return answer{}, domain.Invalid(name, "must not be empty")
		}
	}
	got, err := a.queries.Results(ctx, in.ref, queries.ResultsOptions{
		AsOf: in.query.Get("as_of"), Phase: int(phase), Dimension: in.query.Get("dimension"), Metrics: in.query["metric"],
	})
	if err != nil {
		return answer{}, err
	}
	made := answer{status: http.StatusOK, body: got.Body, etag: `"` + got.Hash + `"`}
	if in.accept == csvType {
		made.etag = `"` + got.Hash + `-csv"`
	}
	switch {
	case matches(in.noneMatch, made.etag):
		made.status, made.body = http.StatusNotModified, nil
	case in.accept == csvType:
		return made, made.resultsCSV(got.Body)
	}
	return made, nil
}

// resultsCSV makes the answer the table of the document.
func (s *answer) resultsCSV(document []byte) error {
	var doc queries.Results
	if err := json.Unmarshal(document, &doc); err != nil {
		return err
	}
	var buf bytes.Buffer
	err := queries.WriteResultsCSV(&buf, &doc)
	s.media, s.body = csvType+"; charset=utf-8; header=present", buf.Bytes()
	return err
}

// matches says whether an If-None-Match list has the ETag, weakly compared.
func matches(line, etag string) bool {
	for part := range strings.SplitSeq(line, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == etag || part == "*" {
			return true
		}
	}
	return false
}
