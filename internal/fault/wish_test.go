package fault

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// crowd is about how many experiments there are at a time.
const crowd = 40

// wish makes a random wish; key makes its name unlike any other.
func (w *worker) wish(key string) wish {
	if w.random.IntN(15) == 0 {
		b := wish{op: "batch"}
		for i := range 1 + w.random.IntN(5) {
			b.parts = append(b.parts, w.single(fmt.Sprintf("%s.%d", key, i), true))
		}
		return b
	}
	return w.single(key, false)
}

func (w *worker) single(key string, inBatch bool) wish {
	k, living := w.pick()
	n := w.random.IntN(100)
	if living == 0 || n < 40 && living < crowd || n < 2 {
		c := wish{op: "create", settings: defaults("name of " + key)}
		if w.random.IntN(2) == 0 {
			c.id = uuid.NewString()
		}
		return c
	}
	a := wish{id: k.id}
	if !inBatch && w.random.IntN(5) == 0 {
		a.ifMatch = k.version
	}
	switch n = w.random.IntN(100); {
	case n < 55:
		a.op, a.status = "status", []string{"active", "inactive"}[w.random.IntN(2)]
	case n < 85:
		a.op, a.settings = "edit", settings{name: "name of " + key}
		if w.random.IntN(3) == 0 {
			a.phase = []string{"same", "new"}[w.random.IntN(2)]
			a.settings.weights = []string{"1:1", "1:3", "9:1", "0:1"}[w.random.IntN(4)]
		}
		if w.random.IntN(4) == 0 {
			a.phase = []string{"same", "new"}[w.random.IntN(2)]
			a.settings.audience = []string{`{"country":{"$in":["US"]}}`, `{"country":{"$in":["CA","US"]}}`}[w.random.IntN(2)]
		}
	case n < 96 && !inBatch:
		a.op, a.version, a.phase = "revert", 1+w.random.IntN(k.version), []string{"same", "new"}[w.random.IntN(2)]
	case n < 96:
		a.op, a.status = "status", "active"
	default:
		a.op = "delete"
	}
	return a
}

// request is the wish as a client writes it.
func (w wish) request(key string) request {
	q := request{header: map[string]string{"Idempotency-Key": key, "Assay-Reason": key}}
	if w.ifMatch != 0 {
		q.header["If-Match"] = fmt.Sprintf(`"%d"`, w.ifMatch)
	}
	path := "/experiments/" + w.id
	switch w.op {
	case "create":
		q.method, q.path, q.body = http.MethodPost, "/experiments", w.body()
	case "edit":
		q.method, q.path, q.body = http.MethodPatch, path, w.body()
	case "status":
		q.method, q.path, q.body = http.MethodPatch, path+"/status", w.body()
	case "delete":
		q.method, q.path = http.MethodDelete, path
	case "revert":
		q.method, q.path = http.MethodPost, path+"/revert"
		q.body = fmt.Sprintf(`{"version":%d,"phase":%q}`, w.version, w.phase)
	case "batch":
		q.method, q.path, q.body = http.MethodPost, "/experiments/batch", w.batch()
	}
	return q
}

func (w wish) body() string {
	switch w.op {
	case "create":
		if w.id == "" {
			return fmt.Sprintf(`{"name":%q}`, w.settings.name)
		}
		return fmt.Sprintf(`{"id":%q,"name":%q}`, w.id, w.settings.name)
	case "status":
		return fmt.Sprintf(`{"status":%q}`, w.status)
	}
	b := fmt.Sprintf(`{"name":%q`, w.settings.name)
	if w.settings.weights != "" {
		control, treatment, _ := strings.Cut(w.settings.weights, ":")
		b += fmt.Sprintf(`,"variations":[{"key":"control","weight":%s},{"key":"treatment","weight":%s}]`, control, treatment)
	}
	if w.settings.audience != "" {
		b += `,"audience":` + w.settings.audience
	}
	if w.phase != "" {
		b += fmt.Sprintf(`,"phase":%q`, w.phase)
	}
	return b + "}"
}

func (w wish) batch() string {
	var parts []string
	for _, p := range w.parts {
		switch p.op {
		case "create":
			parts = append(parts, `{"op":"create","body":`+p.body()+`}`)
		case "edit":
			parts = append(parts, fmt.Sprintf(`{"op":"patch","id":%q,"body":%s}`, p.id, p.body()))
		case "status":
			parts = append(parts, fmt.Sprintf(`{"op":"status","id":%q,"body":%s}`, p.id, p.body()))
		case "delete":
			parts = append(parts, fmt.Sprintf(`{"op":"delete","id":%q}`, p.id))
		}
	}
	return `{"commands":[` + strings.Join(parts, ",") + `]}`
}

// sendInvalid sends what must be refused.
func (w *worker) sendInvalid(key string) {
	k, living := w.pick()
	if living == 0 {
		return
	}
	path := "/experiments/" + k.id
	all := []request{
		{method: http.MethodPost, path: "/experiments", body: `{"name":`},
		{method: http.MethodPost, path: "/experiments", body: `{"name":""}`},
		{method: http.MethodPost, path: "/experiments", body: `{"name":"x","nmae":"y"}`},
		{method: http.MethodPost, path: "/experiments", body: `{"name":"x","variations":[{"key":"a","weight":1}]}`},
		{method: http.MethodPatch, path: path, body: `{"name":1}`},
		{method: http.MethodPatch, path: path, body: `{"variations":[{"key":"control","weight":-1},{"key":"treatment","weight":1}]}`},
		{method: http.MethodPatch, path: path, body: `{"audience":{"a":{"$no":1}},"phase":"new"}`},
		{method: http.MethodPatch, path: path + "/status", body: `{"status":"paused"}`},
		{method: http.MethodPost, path: path + "/revert", body: `{"version":1000000}`},
		{method: http.MethodPost, path: "/experiments/batch", body: `{"commands":[{"op":"create","body":{"name":"x"}},{"op":"delete","id":"` + uuid.NewString() + `"}]}`},
	}
	q := all[w.random.IntN(len(all))]
	q.header = map[string]string{"Idempotency-Key": key, "Assay-Reason": key}
	res := w.settle(w.random.IntN(2), q)
	if res.status != http.StatusBadRequest && res.status != http.StatusNotFound && res.status != http.StatusUnprocessableEntity {
		w.t.Errorf("%s %s %s: %s", q.method, q.path, q.body, res)
	}
}

// sendStale sends a command that expects a version that has passed.
func (w *worker) sendStale(key string) {
	k, living := w.pick()
	if living == 0 || k.version < 2 {
		return
	}
	stale := wish{op: "edit", id: k.id, settings: settings{name: "stale " + key}, ifMatch: k.version - 1}
	res := w.settle(w.random.IntN(2), stale.request(key))
	if res.status != http.StatusPreconditionFailed && res.status != http.StatusNotFound {
		w.t.Errorf("a version that has passed: %s", res)
	}
}
