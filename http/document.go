package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// APIVersion is the version of what is seen from outside; it changes when a
// client would have to.
const APIVersion = "1.0.0"

// document is the OpenAPI document while it is written.
type document struct {
	openAPI *huma.OpenAPI
	api     huma.API
	routes  []route
}

func newDocument() *document {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	maps.Copy(registry.Map(), schemas())
	return &document{openAPI: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Assay", Version: APIVersion,
			Description: "Experiments, and everything that was ever done to them.\n\n" +
				"JSON in UTF-8, snake_case, RFC 3339 UTC times; unknown members are refused. Errors are RFC 9457 problem documents that name the fields at fault. " +
				"Commands answer with the position that they reached in the ledger; a query that sends it as Assay-Min-Position sees them.",
		},
		Servers:  []*huma.Server{{URL: "/"}},
		Security: []map[string][]string{{"bearer": {}}, {"session": {}}},
		Components: &huma.Components{
			Schemas:    registry,
			Parameters: commonParameters(),
			Headers:    commonHeaders(),
			Responses:  problemResponses(),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {
					Type: "http", Scheme: "bearer",
					Description: "An API key's token, assay_<role>_…, or the root token.",
				},
				"session": {
					Type: "apiKey", In: "cookie", Name: sessionCookie,
					Description: "What POST /session sets; over TLS its name begins with " + hostPrefix + ". It counts where there is no Authorization; " +
						"what changes anything must then be JSON and come from a page of this server.",
				},
			},
		},
	}}
}

// schemas are all documented forms, by name.
func schemas() fields {
	return join(
		experimentSchemas(), batchSchemas(), historySchemas(), eventSchemas(), dailySchemas(), resultsSchemas(), explainSchemas(), conditionSchemas(), overviewSchemas(),
		layerSchemas(), segmentSchemas(), memberSchemas(), metricSchemas(), holdoutSchemas(), keySchemas(), sessionSchemas(),
		edgeSchemas(), healthSchemas(), verificationSchemas(), problemSchemas(),
	)
}

// add documents a route and returns its operation.
func (d *document) add(r route) (*huma.Operation, error) {
	if r.open == (r.role != "") {
		return nil, errors.New("must either be open or need a role")
	}
	op := &huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Tags: []string{r.tag},
		Summary: r.summary, Description: describe(r),
		Parameters: parameters(r), RequestBody: requestBody(r), Responses: responses(r),
	}
	if r.open {
		op.Security = []map[string][]string{}
	}
	for _, name := range references(r) {
		if _, ok := d.openAPI.Components.Schemas.Map()[name]; !ok {
			return nil, fmt.Errorf("no schema %q", name)
		}
	}
	d.openAPI.AddOperation(op)
	d.routes = append(d.routes, r)
	return op, nil
}

func references(r route) []string {
	var names []string
	if r.body != nil {
		names = append(names, r.body.schema)
	}
	if r.ok.schema != "" {
		names = append(names, r.ok.schema)
	}
	return names
}

func describe(r route) string {
	if r.open {
		return r.doc
	}
	return strings.TrimSpace(r.doc + "\n\nNeeds the role " + string(r.role) + ".")
}

func parameters(r route) []*huma.Param {
	var all []*huma.Param
	for _, name := range []string{"id", "date", "flag"} {
		if strings.Contains(r.path, "{"+name+"}") {
			all = append(all, &huma.Param{Ref: "#/components/parameters/" + name})
		}
	}
	for _, q := range r.query {
		p := &huma.Param{Name: q.name, In: "query", Description: q.doc, Schema: q.schema, Example: q.example}
		all = append(all, p)
	}
	for _, name := range headersOf(r) {
		all = append(all, &huma.Param{Ref: "#/components/parameters/" + name})
	}
	return all
}

// headersOf names the request headers that a route reads.
func headersOf(r route) []string {
	var names []string
	if r.conditional {
		names = append(names, "If-Match")
	}
	if r.command {
		names = append(names, "Idempotency-Key", "Assay-Reason")
	}
	if r.waits {
		names = append(names, "Assay-Min-Position")
	}
	if r.ok.tagged {
		names = append(names, "If-None-Match")
	}
	if r.edge {
		return names
	}
	return append(names, "Request-Id", "Correlation-Id")
}

func requestBody(r route) *huma.RequestBody {
	if r.body == nil {
		return nil
	}
	media := &huma.MediaType{Schema: ref(r.body.schema), Example: json.RawMessage(r.body.example)}
	content := map[string]*huma.MediaType{jsonType: media}
	if r.body.patch {
		content[mergePatchType] = media
	}
	return &huma.RequestBody{
		Required: true, Content: content,
		Description: fmt.Sprintf("At most %d KiB.", r.body.limit>>10),
	}
}

func responses(r route) map[string]*huma.Response {
	ok := &huma.Response{Description: http.StatusText(r.ok.status), Headers: map[string]*huma.Param{}}
	for _, name := range answerHeaders(r) {
		ok.Headers[name] = &huma.Param{Ref: "#/components/headers/" + name}
	}
	if r.ok.tagged {
		ok.Headers["ETag"] = &huma.Param{Ref: "#/components/headers/Revision"}
	}
	if r.ok.schema != "" {
		ok.Content = map[string]*huma.MediaType{}
		for _, media := range r.types() {
			ok.Content[media] = &huma.MediaType{Schema: ref("Text")}
		}
		if described, json := ok.Content[jsonType], r.ok.schema; described != nil {
			described.Schema = ref(json)
			if r.ok.example != "" {
				described.Example = rawExample(r.ok.example)
			}
		}
	}
	all := map[string]*huma.Response{strconv.Itoa(r.ok.status): ok}
	if r.ok.tagged {
		all[strconv.Itoa(http.StatusNotModified)] = &huma.Response{Description: http.StatusText(http.StatusNotModified), Headers: ok.Headers}
	}
	for _, status := range faultsOf(r) {
		all[strconv.Itoa(status)] = refusal(r, status)
	}
	return all
}

func refusal(r route, status int) *huma.Response {
	if r.failure == "" {
		return &huma.Response{Ref: "#/components/responses/" + problemName(status)}
	}
	response := &huma.Response{
		Description: http.StatusText(status), Headers: map[string]*huma.Param{},
		Content: map[string]*huma.MediaType{jsonType: {Schema: ref(r.failure)}},
	}
	for _, name := range problemHeaders(status) {
		response.Headers[name] = &huma.Param{Ref: "#/components/headers/" + name}
	}
	return response
}

func rawExample(example string) json.RawMessage { return json.RawMessage(example) }

func answerHeaders(r route) []string {
	if r.edge {
		return []string{"Assay-Position", "Assay-Stale"}
	}
	names := []string{"Request-Id", "Correlation-Id"}
	if r.ok.versioned {
		names = append(names, "ETag")
	}
	if r.ok.versioned || r.command {
		names = append(names, "Assay-Position")
	}
	if r.ok.located {
		names = append(names, "Location")
	}
	if r.command {
		names = append(names, "Idempotent-Replayed")
	}
	return names
}

// faultsOf lists the statuses of the problems that a route may answer.
func faultsOf(r route) []int {
	if r.edge || len(r.faults) > 0 {
		slices.Sort(r.faults)
		return r.faults
	}
	if r.path == "/readyz" {
		return []int{http.StatusServiceUnavailable}
	}
	if r.open {
		return []int{http.StatusInternalServerError}
	}
	all := []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotAcceptable,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if strings.Contains(r.path, "{id}") || r.path == explainPath {
		all = append(all, http.StatusNotFound)
	}
	if r.body != nil {
		all = append(all, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if r.command || r.body != nil {
		all = append(all, http.StatusConflict)
	}
	if r.conditional || r.command && r.body != nil {
		all = append(all, http.StatusPreconditionFailed)
	}
	slices.Sort(all)
	return all
}

// publish writes the document and the page that shows it.
func (a *api) publish(d *document) error {
	spec, err := json.MarshalIndent(d.openAPI, "", "  ")
	if err != nil {
		return fmt.Errorf("openapi: %w", err)
	}
	a.spec = append(spec, '\n')
	a.docs, err = renderDocs(d)
	return err
}
