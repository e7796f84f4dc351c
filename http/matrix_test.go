package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assaylabs/assay/domain"
)

// sample is a request that a route would accept, were it not for what a test
// changes in it. It names things that newMatrix made.
type sample struct {
	path string
	body string
}

// samples holds one for each operation of the router; a test compares the two.
func samples() map[string]sample {
	all := map[string]sample{
		"PATCH /experiments/{id}/status": {"/experiments/subject/status", `{"status":"active"}`},
		"GET /experiments":               {"/experiments", ""},
		"GET /experiments/{id}":          {"/experiments/subject", ""},
		"POST /experiments":              {"/experiments", `{"name":"Another"}`},
		"PATCH /experiments/{id}":        {"/experiments/subject", `{"name":"Other"}`},
		"DELETE /experiments/{id}":       {"/experiments/subject", ""},
		"POST /experiments/{id}/revert":  {"/experiments/subject/revert", `{"version":1}`},
		"POST /experiments/batch":        {"/experiments/batch", `{"commands":[{"op":"create","body":{"name":"Batched"}}]}`},
		"POST /experiments/{id}/preview": {"/experiments/subject/preview", `{"name":"Other"}`},
		"GET /experiments/{id}/history":  {"/experiments/subject/history", ""},
		"GET /experiments/{id}/results":  {"/experiments/subject/results", ""},
		"POST /explain":                  {"/explain", `{"unit":"u","attributes":{},"experiment":"subject"}`},
		"POST /conditions/check":         {"/conditions/check", `{"audience":{}}`},
		"GET /overview":                  {"/overview", ""},
		"GET /events":                    {"/events", ""},
		"GET /reports/daily":             {"/reports/daily", ""},
		"GET /system":                    {"/system", ""},
		"GET /keys/usage":                {"/keys/usage", ""},
		"GET /ledger/verification":       {"/ledger/verification", ""},
		"GET /reports/calendar":          {"/reports/calendar", ""},
		"GET /reports/daily/{date}":      {"/reports/daily/2026-01-05", ""},
		"PATCH /segments/{id}/members":   {"/segments/subject/members", `{"add":["u1"]}`},
		"GET /session":                   {"/session", ""},
		"POST /session":                  {"/session", `{"token":"x"}`},
		"DELETE /session":                {"/session", ""},
		"GET /session/oidc":              {"/session/oidc", ""},
		"GET /session/oidc/callback":     {"/session/oidc/callback", ""},
		"GET /healthz":                   {"/healthz", ""},
		"GET /readyz":                    {"/readyz", ""},
		"GET /metrics":                   {"/metrics", ""},
		"GET /openapi.json":              {"/openapi.json", ""},
		"GET /docs":                      {"/docs", ""},
		"POST /layers":                   {"/layers", `{"name":"Another"}`},
		"POST /segments":                 {"/segments", `{"name":"Another"}`},
		"POST /metric-definitions":       {"/metric-definitions", `{"name":"Another","event":"e"}`},
		"POST /holdouts":                 {"/holdouts", `{"name":"Another"}`},
		"POST /keys":                     {"/keys", `{"name":"Another","role":"viewer"}`},
	}
	for _, path := range []string{"/layers", "/segments", "/metric-definitions", "/holdouts", "/keys"} {
		all["GET "+path] = sample{path, ""}
		all["GET "+path+"/{id}"] = sample{path + "/subject", ""}
		all["PATCH "+path+"/{id}"] = sample{path + "/subject", `{"name":"Other"}`}
		all["DELETE "+path+"/{id}"] = sample{path + "/subject", ""}
	}
	return all
}

// matrix is a stack with one thing of each kind, all with the key subject.
type matrix struct {
	*stack
	// before is the ledger's position that no request may move.
	before int64
	sent   int
}

func newMatrix(t *testing.T) *matrix {
	s := newStack(t, RateLimit{PerSecond: -1}).withKeys(t)
	for path, body := range map[string]string{
		"/experiments":        `{"name":"S","key":"subject"}`,
		"/layers":             `{"name":"S","key":"subject"}`,
		"/segments":           `{"name":"S","key":"subject"}`,
		"/metric-definitions": `{"name":"S","key":"subject","event":"e"}`,
		"/holdouts":           `{"name":"S","key":"subject"}`,
		"/keys":               `{"name":"S","key":"subject","role":"viewer"}`,
	} {
		s.send(t, request{method: "POST", path: path, body: body}).want(t, http.StatusCreated)
	}
	s.caughtUp(t)
	return &matrix{stack: s, before: s.position(t)}
}

// refused sends what must be refused with one of the statuses, by a problem
// that names the field (a prefix of it; "" for none in particular).
func (m *matrix) refused(t *testing.T, name string, r request, field string, statuses ...int) {
	t.Helper()
	m.sent++
	got := m.send(t, r)
	if !slices.Contains(statuses, got.status) {
		t.Errorf("%s: %s %.150s %.150q: got %d, want %v: %.400s", name, r.method, r.path, r.body, got.status, statuses, got.body)
		return
	}
	p := got.problem(t)
	names := func(f fieldProblem) bool { return strings.Contains(f.Field, field) && f.Problem != "" }
	if field != "" && !slices.ContainsFunc(p.Errors, names) {
		t.Errorf("%s: %s %.150s %.150q: the problem does not name %s: %.400s", name, r.method, r.path, r.body, field, got.body)
	}
}

// unmoved checks that nothing was appended.
func (m *matrix) unmoved(t *testing.T) {
	t.Helper()
	if now := m.position(t); now != m.before {
		t.Errorf("the ledger moved from %d to %d", m.before, now)
		m.before = now
	}
}

// each runs f for every route of the router that asks who the caller is.
func (m *matrix) each(t *testing.T, f func(t *testing.T, r route, s sample)) {
	all := samples()
	for _, r := range m.routes(nil) {
		if r.open {
			continue
		}
		op := r.method + " " + r.path
		t.Run(op, func(t *testing.T) {
			f(t, r, all[op])
			m.unmoved(t)
		})
	}
	t.Logf("%d requests refused", m.sent)
}

func TestEveryRouteHasASample(t *testing.T) {
	routed := operations(t, bareAPI(t, Config{}))
	all := samples()
	for _, op := range routed {
		if _, ok := all[op]; !ok {
			t.Errorf("no sample of %s", op)
		}
		delete(all, op)
	}
	for op := range all {
		t.Errorf("sample of %s, which is not routed", op)
	}
}

func TestBadBodies(t *testing.T) {
	m := newMatrix(t)
	m.each(t, func(t *testing.T, r route, s sample) {
		if r.body == nil {
			m.refused(t, "a body where none is read", request{method: r.method, path: s.path, body: "{}"}, "body", 400)
			return
		}
		send := func(name, body, field string, statuses ...int) {
			t.Helper()
			m.refused(t, name, request{method: r.method, path: s.path, body: body}, field, statuses...)
		}
		broken := func(name, body string) { t.Helper(); send(name, body, "body", 400) }
		// What is broken inside a member is named by it.
		member := func(name, body string) { t.Helper(); send(name, body, "zzz", 400) }
		inside := func(member string) string { return s.body[:len(s.body)-1] + "," + member + "}" }
		broken("cut off", s.body[:len(s.body)-1])
		broken("two texts", s.body+s.body)
		broken("blank", " ")
		member("NaN", inside(`"zzz":NaN`))
		member("infinity", inside(`"zzz":-Infinity`))
		broken("leading zero", inside(`"zzz":01`))
		broken("single quotes", `{'name':'x'}`)
		broken("comment", s.body+"// x")
		broken("byte order mark", "\xef\xbb\xbf"+s.body)
		broken("UTF-16", "\xff\xfe{\x00}\x00")
		member("invalid UTF-8 in a value", inside("\"zzz\":\"\xff\""))
		broken("invalid UTF-8 in a name", inside("\"z\xc3\x28\":1"))
		member("lone surrogate", inside(`"zzz":"\ud800"`))
		member("lone low surrogate", inside(`"zzz":"x\udc00"`))
		member("raw NUL", inside("\"zzz\":\"\x00\""))
		member("raw line break", inside("\"zzz\":\"\n\""))
		for _, body := range []string{"null", "true", "7", `"text"`, "[]", "[{}]"} {
			send("not an object", body, "", 422)
		}
		send("unknown field", inside(`"zzz":1`), "zzz", 422)
		send("escaped unknown field", inside(`"\u007a\u007a\u007a":1`), "zzz", 422)
		send("field in another case", inside(`"NAME":"x","Status":"active"`), "", 422)
		send("duplicate unknown field", inside(`"zzz":1,"zzz":1`), "zzz", 422)
		send("duplicate field", s.body[:len(s.body)-1]+","+s.body[1:], "", 422)
		send("2^53+1", inside(`"zzz":9007199254740993`), "zzz", 422)
		send("depth 10,000", inside(`"zzz":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)), "", 400, 422)
		send("depth 100", inside(`"zzz":`+strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100)), "", 422)
		send("NUL in a name", inside(`"z\u0000":1`), "", 422)
		m.tooLarge(t, r, s)
		m.badTypes(t, r, s)
		m.badFields(t, r, s)
	})
}

func (m *matrix) tooLarge(t *testing.T, r route, s sample) {
	t.Helper()
	big := `{"zzz":"` + strings.Repeat("x", 10<<20) + `"}`
	m.refused(t, "10 MB", request{method: r.method, path: s.path, body: big}, "body", 413)
	m.refused(t, "10 MB in chunks", request{method: r.method, path: s.path, body: big, chunked: true}, "body", 413)
	over := `{"zzz":"` + strings.Repeat("x", int(r.body.limit)) + `"}`
	m.refused(t, "over its limit", request{method: r.method, path: s.path, body: over}, "body", 413)
}

func (m *matrix) badTypes(t *testing.T, r route, s sample) {
	t.Helper()
	types := []string{
		"(none)", "", "text/plain", "application/xml", "application/x-www-form-urlencoded",
		"multipart/form-data; boundary=x", "application/json; charset=latin1", "application/jsonx", "json", "a/b; ;",
	}
	if !r.body.patch {
		types = append(types, mergePatchType)
	}
	for _, media := range types {
		m.refused(t, "type "+media, request{method: r.method, path: s.path, body: s.body, header: map[string]string{"Content-Type": media}}, "Content-Type", 415)
	}
	m.refused(t, "compressed", request{method: r.method, path: s.path, body: s.body, header: map[string]string{"Content-Encoding": "gzip"}}, "Content-Encoding", 415)
}

// badFields spoils every documented member of the body in turn.
func (m *matrix) badFields(t *testing.T, r route, s sample) {
	t.Helper()
	form := schemas()[r.body.schema]
	for field, schema := range form.Properties {
		if field == "phase" && strings.HasSuffix(r.path, "{id}") && r.path != experimentPath {
			continue
		}
		for _, value := range badValues(schema) {
			body := with(t, s.body, field, value)
			m.refused(t, "bad "+field, request{method: r.method, path: s.path, body: body}, field, 422)
		}
		if schema.Type == huma.TypeString {
			m.refused(t, "lone surrogate in "+field, request{method: r.method, path: s.path, body: with(t, s.body, field, `"\udfff"`)}, field, 400)
		}
	}
	for _, field := range form.Required {
		m.refused(t, "without "+field, request{method: r.method, path: s.path, body: with(t, s.body, field, "")}, field, 422)
	}
}

// badValues are JSON texts that a schema does not allow.
func badValues(s *huma.Schema) []string {
	if len(s.AnyOf) > 0 {
		s = s.AnyOf[0]
	}
	if s.Ref != "" {
		return []string{"7", `"x"`, "[]", `{"zzz":1}`, "true"}
	}
	switch s.Type {
	case huma.TypeString:
		bad := []string{"7", "true", "{}", "[]", `"\u0000"`}
		if s.Pattern != "" || len(s.Enum) > 0 || s.Format != "" {
			bad = append(bad, `"NO WAY"`)
		}
		if s.MaxLength != nil {
			bad = append(bad, `"`+strings.Repeat("é", *s.MaxLength+1)+`"`)
		}
		return bad
	case huma.TypeInteger:
		return []string{`"7"`, "1.5", "9007199254740993", "-9007199254740993", "1e400", "true", "{}", "[]", "-1"}
	case huma.TypeNumber:
		return []string{`"0.5"`, "true", "{}", "[]", "1e400", "-1"}
	case huma.TypeBoolean:
		return []string{`"true"`, "0", "{}", "[]"}
	case huma.TypeArray:
		return []string{"7", `"x"`, "{}", "true", "[[]]", "[null]"}
	case huma.TypeObject:
		return []string{"7", `"x"`, "[]", "true"}
	}
	return nil
}

// with sets a member of an object, or removes it for an empty value.
func with(t *testing.T, object, member, value string) string {
	t.Helper()
	var members map[string]jsontext.Value
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatal(err)
	}
	delete(members, member)
	rest := make([]string, 0, len(members)+1)
	for name, v := range members {
		rest = append(rest, fmt.Sprintf("%q:%s", name, v))
	}
	if value != "" {
		rest = append(rest, fmt.Sprintf("%q:%s", member, value))
	}
	return "{" + strings.Join(rest, ",") + "}"
}

func TestBadPaths(t *testing.T) {
	m := newMatrix(t)
	m.each(t, func(t *testing.T, r route, s sample) {
		if !strings.Contains(r.path, "{") {
			return
		}
		for _, bad := range []string{
			"..", "%2e%2e", "%00", "subject%00", "a%2Fb", "..%2f..%2fetc%2fpasswd", "%ff", "%c3%28", "subject%20",
			"'%20or%20'1'='1", "%3Bdrop%20table%20events", strings.Repeat("a", 129), strings.Repeat("a", 5000),
			"SUBJECT", "sub%0d%0aject", "nobody", "01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10", "{id}", "%7Bid%7D", "*", "subject;x=1",
		} {
			path := strings.NewReplacer("{id}", bad, "{date}", bad).Replace(r.path)
			path, field := strings.ReplaceAll(path, "{", "%7B"), ""
			statuses := []int{404}
			if strings.Contains(r.path, "{date}") {
				statuses, field = []int{422}, "date"
			}
			m.refused(t, "id "+bad, request{method: r.method, path: path, body: s.body}, field, statuses...)
		}
		m.refused(t, "nothing", request{method: r.method, path: strings.NewReplacer("{id}", "", "{date}", "").Replace(r.path), body: s.body}, "", 404, 405)
		m.refused(t, "slash after", request{method: r.method, path: s.path + "/", body: s.body}, "", 404)
		m.refused(t, "slashes before", request{method: r.method, path: "/" + s.path, body: s.body}, "", 404)
	})
	for _, day := range []string{"2026-13-01", "2026-02-30", "20260105", "2026-1-5", "2026-01-05T00:00:00Z", "99999-01-01", "0000-00-00", "-001-01-01", "today"} {
		m.refused(t, "day", request{method: "GET", path: "/reports/daily/" + day}, "date", 422)
	}
}

func TestBadQueries(t *testing.T) {
	m := newMatrix(t)
	bad := map[string][]string{
		"limit":  {"0", "-1", "1001", "x", "1.5", "+1", "", "1e2", "99999999999999999999"},
		"after":  {"-1", "x", "", "9007199254740993", "1.0"},
		"before": {"0", "-1", "x", "", "9007199254740993", "1.0"},
		"order":  {"", "DESC", "newest"}, "actor": {"", "\x00", "\xff", "a\nb", strings.Repeat("x", 300)},
		"stream":   {"", "\x00", "\xff", "a/b/c", "../etc", "Upper", strings.Repeat("x", 300)},
		"at":       {"x", "2026-01-05", "yesterday", "2026-01-05T00:00:00", "9999-99-99T00:00:00Z", ""},
		"position": {"0", "-1", "x", "99999999999999999999", ""}, "version": {"0", "-1", "x", "9007199254740993", ""},
		"status": {"on", "ACTIVE", ""}, "sort": {"id", "+key", "--key", ""},
		"from": {"x", "2026-02-30", ""}, "to": {"x", "2026-02-30", ""}, "cursor": {strings.Repeat("x", 2000), "\x00", "\xff"},
		"q": {strings.Repeat("x", 300), "\x00", "\xff"}, "tag": {strings.Repeat("x", 300), "\x00", "\xff"},
		"type":  {"\x00", "\xff"},
		"as_of": {"x", "1", "1.", "-1.0", "1.99", "99999.0", "0.0", "1.0.0", "+1.0", "", "99999999999999999999.0"},
		"phase": {"0", "-1", "x", "1.5", "", "99999999999999999999"}, "dimension": {"nothing", "", "\x00", "\xff"},
		"metric": {"nothing", "", "\x00", "\xff"},
	}
	m.each(t, func(t *testing.T, r route, s sample) {
		send := func(name, query, field string, statuses ...int) {
			t.Helper()
			m.refused(t, name, request{method: r.method, path: s.path + "?" + query, body: s.body}, field, statuses...)
		}
		send("unknown", "zzz=1", "zzz", 422)
		send("unknown without a value", "zzz", "zzz", 422)
		send("unknown NUL", "%00=1", "", 422)
		send("bad escape", "limit=%zz", "query", 400)
		send("semicolon", "limit=1;cursor=2", "query", 400)
		for _, p := range r.query {
			if len(bad[p.name]) == 0 {
				t.Errorf("no bad value of %s", p.name)
			}
			for _, value := range bad[p.name] {
				send("bad "+p.name, p.name+"="+url.QueryEscape(value), p.name, 422)
			}
			if !p.repeats {
				send("twice", p.name+"=1&"+p.name+"=1", p.name, 422)
			}
		}
	})
	m.refused(t, "two moments", request{method: "GET", path: "/experiments/subject?version=1&position=1"}, "", 422)
	m.refused(t, "two moments of a list", request{method: "GET", path: "/experiments?at=2026-01-01T00:00:00Z&position=1"}, "at", 422)
	m.refused(t, "foreign cursor", request{method: "GET", path: "/experiments?cursor=abc"}, "cursor", 422)
	m.refused(t, "foreign cursor", request{method: "GET", path: "/experiments/subject/history?cursor=abc"}, "cursor", 422)
	m.refused(t, "foreign cursor", request{method: "GET", path: "/layers?cursor=%7B%7D"}, "cursor", 422)
	m.refused(t, "times back to front", request{method: "GET", path: "/events?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"}, "from", 422)
	for _, typ := range []string{"", ".", "experiment", "experiment.%25", "EXPERIMENT.", "a.b.c", strings.Repeat("a", 70) + "."} {
		m.refused(t, "type of no record", request{method: "GET", path: "/events?type=" + typ}, "type", 422)
	}
	m.refused(t, "future version", request{method: "GET", path: "/experiments/subject?version=99"}, "", 404, 422)
	m.refused(t, "days back to front", request{method: "GET", path: "/reports/daily?from=2026-01-02&to=2026-01-01"}, "from", 422)
}

func TestEveryRoleOnEveryRoute(t *testing.T) {
	m := newMatrix(t)
	roles := []domain.Role{domain.Client, domain.Server, domain.Viewer, domain.Editor, domain.Admin}
	m.each(t, func(t *testing.T, r route, s sample) {
		want := domain.Viewer
		switch {
		case strings.HasPrefix(r.path, "/keys"):
			want = domain.Admin
		case r.path == "/explain", r.path == "/conditions/check": // a question with a body
		case r.method != http.MethodGet:
			want = domain.Editor
		}
		path := strings.Replace(s.path, "subject", "nobody", 1)
		if r.role != want {
			t.Errorf("needs %s, should need %s", r.role, want)
		}
		m.refused(t, "no token", request{method: r.method, path: path, body: s.body, token: "none"}, "Authorization", 401)
		for _, role := range roles {
			body := s.body
			if body != "" {
				body = `{"zzz":1}`
			}
			got := m.send(t, request{method: r.method, path: path, body: body, token: m.tokens[role]})
			refused := got.status == http.StatusForbidden
			if refused == role.Allows(want) || got.status >= 500 || got.status == 401 {
				t.Errorf("%s: %d %s", role, got.status, got.body)
			}
			if refused {
				got.problem(t)
			}
		}
	})
}
