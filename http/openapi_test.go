package httpapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

var update = flag.Bool("update", false, "rewrite openapi.json")

func bareAPI(t testing.TB, cfg Config) *api {
	t.Helper()
	a, err := newAPI(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// operations lists METHOD /path of everything that the router answers.
func operations(t testing.TB, a *api) []string {
	t.Helper()
	var all []string
	err := a.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := r.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := r.GetMethods()
		for _, m := range methods {
			all = append(all, m+" "+path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOpenAPIFileIsTheCode(t *testing.T) {
	a := bareAPI(t, Config{})
	if *update {
		if err := os.WriteFile("openapi.json", a.spec, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, a.spec) {
		t.Error("openapi.json is not what the code generates; run go test ./http -run OpenAPI -update")
	}
	again := bareAPI(t, Config{})
	if !bytes.Equal(again.spec, a.spec) {
		t.Error("two generations differ")
	}
}

func TestOpenAPIIsValidAndComplete(t *testing.T) {
	a := bareAPI(t, Config{})
	doc, err := openapi3.NewLoader().LoadFromData(a.spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Fatal(err)
	}
	var documented []string
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			documented = append(documented, method+" "+path)
			checkOperation(t, method+" "+path, op)
		}
	}
	routed := operations(t, a)
	for _, r := range edgeRoutes() {
		routed = append(routed, r.method+" "+r.path)
	}
	slices.Sort(documented)
	slices.Sort(routed)
	if !slices.Equal(documented, routed) {
		t.Errorf("documented %q\nrouted %q", documented, routed)
	}
}

// checkOperation holds every operation to examples, errors and words.
func checkOperation(t *testing.T, name string, op *openapi3.Operation) {
	t.Helper()
	if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 {
		t.Errorf("%s: lacks a summary, an id or a tag", name)
	}
	problems := 0
	for status, response := range op.Responses.Map() {
		if status >= "400" {
			problems++
			form := problemType
			if op.Tags[0] == ofrepTag {
				form = jsonType // it has refusals of its own
			}
			if response.Value.Content[form] == nil {
				t.Errorf("%s: %s is not a problem", name, status)
			}
			continue
		}
		media := response.Value.Content[jsonType]
		if media != nil && media.Example == nil && !strings.HasSuffix(name, "/openapi.json") {
			t.Errorf("%s: %s has no example", name, status)
		}
		checkExample(t, name+" "+status, media)
	}
	if problems == 0 {
		t.Errorf("%s: has no problems", name)
	}
	if op.RequestBody != nil {
		media := op.RequestBody.Value.Content[jsonType]
		if media.Example == nil {
			t.Errorf("%s: the body has no example", name)
		}
		checkExample(t, name+" body", media)
	}
}

func checkExample(t *testing.T, name string, media *openapi3.MediaType) {
	t.Helper()
	if media == nil || media.Example == nil {
		return
	}
	if err := media.Schema.Value.VisitJSON(media.Example, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s: the example is not of its form: %v", name, err)
	}
}

func TestRoutesWithoutRoleAreRefused(t *testing.T) {
	d := newDocument()
	if _, err := d.add(route{method: http.MethodGet, path: "/x", id: "x"}); err == nil {
		t.Error("a route that is neither open nor needs a role was accepted")
	}
	open := []string{"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/session", "/session/oidc", "/session/oidc/callback"}
	for _, r := range bareAPI(t, Config{}).routes(nil) {
		if r.open != slices.Contains(open, r.path) {
			t.Errorf("%s %s: open is %v", r.method, r.path, r.open)
		}
	}
}

func TestProblemsOfTheDocumentAreProblems(t *testing.T) {
	for status, response := range problemResponses() {
		raw := response.Content[problemType].Example.(json.RawMessage)
		if !json.Valid(raw) {
			t.Errorf("%s: %s", status, raw)
		}
	}
}

func TestMetricsAreLintClean(t *testing.T) {
	registry := prometheus.NewRegistry()
	a := bareAPI(t, Config{Registry: registry})
	get(t, a, "/healthz")
	body := get(t, a, "/metrics").Body.Bytes()
	problems, err := promlint.New(bytes.NewReader(body)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	want := `assay_http_requests_total{method="GET",route="/healthz",status="200"} 1`
	if !bytes.Contains(body, []byte(want)) {
		t.Errorf("no %s in\n%s", want, body)
	}
}
