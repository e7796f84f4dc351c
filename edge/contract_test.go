package edge

import (
	"bytes"
	"encoding/json"
	"mime"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/assaylabs/assay/domain"
)

// What is answered is what the OpenAPI document says.
func TestAnswersAreAsDocumented(t *testing.T) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromFile("../http/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	s := newStack(t, Config{})
	for route, good := range everyRoute() {
		path := strings.Replace(route.template(), "{key}", "{flag}", 1)
		op := doc.Paths.Find(path).GetOperation(route.method())
		if op == nil {
			t.Errorf("%s is not documented", path)
			continue
		}
		bad := good
		bad.body = "{"
		unknown := good
		unknown.path = strings.Replace(good.path, "/button", "/nope", 1)
		named := good
		named.body = `{"experiments":["button","nope"]}`
		for _, r := range []request{
			good, bad, unknown, named,
			{method: good.method, path: good.path, token: "none"},
			{method: good.method, path: good.path, token: "wrong"},
			{method: good.method, path: good.path, token: s.tokens[domain.Client]},
			{method: good.method, path: good.path, body: good.body, header: map[string]string{"Assay-Min-Position": "x"}},
			{method: good.method, path: good.path + "?since=1&flagConfigEtag=1"},
		} {
			if r.method == "HEAD" {
				continue // nothing to look at
			}
			checkDocumented(t, op, route, r, s.send(t, r))
		}
	}
}

func checkDocumented(t *testing.T, op *openapi3.Operation, route route, r request, got response) {
	t.Helper()
	documented := op.Responses.Value(strconv.Itoa(got.status))
	if documented == nil {
		t.Errorf("%s %s: %d is not documented", route.method(), r.path, got.status)
		return
	}
	for name := range documented.Value.Headers {
		if got.header.Get(name) == "" && name != "Assay-Stale" && name != "Request-Id" && name != "Correlation-Id" {
			t.Errorf("%s %s: %d without %s", route.method(), r.path, got.status, name)
		}
	}
	media, _, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	form := documented.Value.Content[media]
	if err != nil || form == nil {
		t.Errorf("%s %s: %d as %q is not documented", route.method(), r.path, got.status, media)
		return
	}
	var body any
	decoder := json.NewDecoder(bytes.NewReader(got.body))
	if err := decoder.Decode(&body); err != nil {
		t.Fatal(err)
	}
	if err := form.Schema.Value.VisitJSON(body, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s %s: %d is not of its form: %v", route.method(), r.path, got.status, err)
	}
}
