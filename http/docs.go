package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The page is rendered once, on the server: it needs neither scripts nor the
// network.
var (
	//go:embed docs.html
	docsTemplate string
	//go:embed docs.css
	docsStyle string
)

// docsPage is a document for people, and the policy that it is shown under.
type docsPage struct {
	html   []byte
	policy string
}

type docsGroup struct {
	Tag        string
	Operations []docsOperation
}

type docsOperation struct {
	Method, Path, ID, Summary, Doc string
	Parameters                     []docsParameter
	Body, BodyForm, Types          string
	Status                         int
	Answer, AnswerForm             string
	Problems                       []docsProblem
}

type docsParameter struct {
	Name, In, Doc, Form string
	Required            bool
}

type docsProblem struct {
	Status      int
	Title       string
	Explanation string
}

type docsForm struct {
	Name, Doc string
	Members   []docsParameter
}

func renderDocs(d *document) (docsPage, error) {
	t, err := template.New("docs").Parse(docsTemplate)
	if err != nil {
		return docsPage{}, fmt.Errorf("docs: %w", err)
	}
	var buf bytes.Buffer
	err = t.Execute(&buf, map[string]any{
		"Title": d.openAPI.Info.Title, "Version": d.openAPI.Info.Version,
		"Intro":  strings.Split(d.openAPI.Info.Description, "\n\n"),
		"Style":  template.CSS(docsStyle),
		"Groups": docsGroups(d), "Forms": docsForms(d), "Problems": docsProblems(nil),
	})
	sum := sha256.Sum256([]byte(docsStyle))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return docsPage{html: buf.Bytes(), policy: policy}, err
}

func docsGroups(d *document) []docsGroup {
	var groups []docsGroup
	for _, r := range d.routes {
		i := slices.IndexFunc(groups, func(g docsGroup) bool { return g.Tag == r.tag })
		if i < 0 {
			i = len(groups)
			groups = append(groups, docsGroup{Tag: r.tag})
		}
		groups[i].Operations = append(groups[i].Operations, docsOperationOf(d, r))
	}
	return groups
}

func docsOperationOf(d *document, r route) docsOperation {
	op := docsOperation{
		Method: r.method, Path: r.path, ID: r.id, Summary: r.summary, Doc: describe(r),
		Status: r.ok.status, Answer: indent(r.ok.example), Types: strings.Join(r.types(), ", "),
		Problems: docsProblems(faultsOf(r)),
	}
	if form := d.openAPI.Components.Schemas.Map()[r.ok.schema]; form != nil && len(form.Properties) > 0 {
		op.AnswerForm = r.ok.schema
	}
	if r.body != nil {
		op.Body, op.BodyForm = indent(r.body.example), r.body.schema
	}
	for _, p := range parameters(r) {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = d.openAPI.Components.Parameters[name]
		}
		op.Parameters = append(op.Parameters, docsParameter{
			Name: p.Name, In: p.In, Doc: p.Description, Form: formOf(p.Schema), Required: p.Required,
		})
	}
	return op
}

func docsProblems(only []int) []docsProblem {
	var all []docsProblem
	explanations := problemExplanations()
	for _, status := range slices.Sorted(maps.Keys(explanations)) {
		if only == nil || slices.Contains(only, status) {
			all = append(all, docsProblem{status, http.StatusText(status), explanations[status]})
		}
	}
	return all
}

func docsForms(d *document) []docsForm {
	var forms []docsForm
	all := d.openAPI.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		if len(s.Properties) == 0 {
			continue
		}
		form := docsForm{Name: name, Doc: s.Description}
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			m := s.Properties[member]
			form.Members = append(form.Members, docsParameter{
				Name: member, Doc: m.Description, Form: formOf(m), Required: slices.Contains(s.Required, member),
			})
		}
		forms = append(forms, form)
	}
	return forms
}

// formOf says in a few words what a schema allows.
func formOf(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case len(s.AnyOf) > 0:
		return formOf(s.AnyOf[0]) + " or null"
	case s.Type == "":
		return "any JSON"
	}
	form := s.Type
	switch {
	case s.Items != nil:
		form = "array of " + formOf(s.Items)
	case len(s.Enum) > 0:
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprint(v))
		}
		return strings.ReplaceAll(strings.Join(values, " | "), "<nil>", "null")
	case s.Format != "" && s.Type == huma.TypeString:
		form = s.Format
	case s.Minimum != nil && s.Maximum != nil:
		form = fmt.Sprintf("%s %.0f … %.0f", form, *s.Minimum, *s.Maximum)
	case s.MaxLength != nil:
		form = fmt.Sprintf("%s, at most %d characters", form, *s.MaxLength)
	}
	if s.Nullable {
		form += " or null"
	}
	return form
}

func indent(example string) string {
	var buf bytes.Buffer
	if json.Indent(&buf, []byte(example), "", "  ") != nil {
		return example
	}
	return buf.String()
}
