package httpapi

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

func (s *stack) lastRecord(t testing.TB) eventstore.Record {
	t.Helper()
	records, err := s.store.ReadAll(t.Context(), s.position(t)-1, 1)
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	return records[0]
}

func TestCommandsAnswerWithVersionAndPosition(t *testing.T) {
	s := newStack(t, RateLimit{})
	made := s.send(t, request{method: "POST", path: "/experiments", body: `{"name":"Checkout button"}`}).want(t, 201)
	id := made.text(t, "id")
	if made.header.Get("Location") != "/experiments/"+id || made.header.Get("ETag") != `"1"` || made.position(t) != 1 {
		t.Errorf("%v", made.header)
	}
	on := s.send(t, request{
		method: "PATCH", path: "/experiments/" + id + "/status", body: `{"status":"active"}`,
		header: map[string]string{"If-Match": `"1"`},
	}).want(t, 200)
	if on.header.Get("ETag") != `"2"` || on.position(t) != 2 || on.text(t, "status") != "active" {
		t.Errorf("%v %s", on.header, on.body)
	}
	same := s.send(t, request{method: "PATCH", path: "/experiments/checkout-button/status", body: `{"status":"active"}`}).want(t, 200)
	if same.header.Get("ETag") != `"2"` || same.position(t) != 2 || string(same.body) != string(on.body) {
		t.Errorf("%v %s", same.header, same.body)
	}
	stale := s.send(t, request{method: "DELETE", path: "/experiments/" + id, header: map[string]string{"If-Match": `"1"`}}).want(t, 412)
	stale.problem(t)
	read := s.send(t, request{method: "GET", path: "/experiments/" + id, header: map[string]string{"Assay-Min-Position": "2"}}).want(t, 200)
	if read.header.Get("ETag") != `"2"` || string(read.body) != string(on.body) {
		t.Errorf("read %s, commanded %s", read.body, on.body)
	}
	gone := s.send(t, request{method: "DELETE", path: "/experiments/" + id, header: map[string]string{"If-Match": "*"}}).want(t, 204)
	if gone.header.Get("ETag") != `"4"` || gone.position(t) != 4 || len(gone.body) != 0 {
		t.Errorf("%v %s", gone.header, gone.body)
	}
}

func TestQueriesWaitForAPosition(t *testing.T) {
	s := newStack(t, RateLimit{})
	for i := range 30 {
		made := s.send(t, request{method: "POST", path: "/experiments", body: `{"name":"x"}`}).want(t, 201)
		read := s.send(t, request{
			method: "GET", path: "/experiments?limit=1000",
			header: map[string]string{"Assay-Min-Position": made.header.Get("Assay-Position")},
		}).want(t, 200)
		if n := strings.Count(string(read.body), `"split"`); n != i+1 {
			t.Fatalf("after %d creations the list has %d", i+1, n)
		}
	}
	late := s.send(t, request{method: "GET", path: "/layers", header: map[string]string{"Assay-Min-Position": "31"}}).want(t, 503)
	late.problem(t)
	if n, err := strconv.Atoi(late.header.Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("Retry-After %q", late.header.Get("Retry-After"))
	}
}

func TestIdempotencyKeys(t *testing.T) {
	s := newStack(t, RateLimit{}).withKeys(t)
	header := map[string]string{"Idempotency-Key": "k1"}
	create := request{method: "POST", path: "/experiments", body: `{"name":"Once"}`, header: header}
	first := s.send(t, create).want(t, 201)
	again := s.send(t, create).want(t, 201)
	if again.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("replayed %q, first %q", again.header.Get("Idempotent-Replayed"), first.header.Get("Idempotent-Replayed"))
	}
	if string(again.body) != string(first.body) || again.header.Get("ETag") != first.header.Get("ETag") ||
		again.header.Get("Location") != first.header.Get("Location") || again.position(t) != first.position(t) {
		t.Errorf("first %v %s\nagain %v %s", first.header, first.body, again.header, again.body)
	}
	before := s.position(t)
	for name, other := range map[string]request{
		"another body":    {method: "POST", path: "/experiments", body: `{"name":"Twice"}`, header: header},
		"another path":    {method: "POST", path: "/layers", body: `{"name":"Once"}`, header: header},
		"another version": {method: "PATCH", path: "/experiments/once", body: `{"name":"Once"}`, header: map[string]string{"Idempotency-Key": "k1", "If-Match": `"1"`}},
	} {
		got := s.send(t, other).want(t, 422)
		if p := got.problem(t); len(p.Errors) != 1 || !strings.EqualFold(p.Errors[0].Field, "Idempotency-Key") {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	if now := s.position(t); now != before {
		t.Errorf("the ledger moved from %d to %d", before, now)
	}
	theirs := create
	theirs.token = s.tokens[domain.Editor]
	if got := s.send(t, theirs).want(t, 201); got.text(t, "key") == first.text(t, "key") {
		t.Error("an actor got another's answer")
	}
	key := request{method: "POST", path: "/keys", body: `{"name":"K","role":"viewer"}`, header: map[string]string{"Idempotency-Key": "k2"}}
	if made := s.send(t, key).want(t, 201); made.text(t, "token") == "" {
		t.Error("a new key without its token")
	}
	if _, shown := s.send(t, key).want(t, 201).members(t)["token"]; shown {
		t.Error("a replay showed the token again")
	}
}

func TestIdempotencyAtOnce(t *testing.T) {
	s := newStack(t, RateLimit{})
	var wg sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		wg.Go(func() {
			got := s.send(t, request{method: "POST", path: "/experiments", body: `{"name":"Once"}`, header: map[string]string{"Idempotency-Key": "k"}})
			ids[i] = got.header.Get("Location")
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Errorf("%q and %q", ids[0], id)
		}
	}
	if n := s.position(t); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestReasons(t *testing.T) {
	s := newStack(t, RateLimit{}).withKeys(t)
	const status = "/experiments/subject/status"
	for i, tt := range []struct {
		name string
		r    request
		want string
	}{
		{"body of a creation", request{method: "POST", path: "/experiments", body: `{"name":"S","key":"subject","reason":"why not"}`}, "why not"},
		{"header", request{method: "PATCH", path: status, body: `{"status":"active"}`, header: map[string]string{"Assay-Reason": "für alle ✓"}}, "für alle ✓"},
		{"body", request{method: "PATCH", path: status, body: `{"status":"inactive","reason":"line 1\nline 2"}`}, "line 1\nline 2"},
		{"both alike", request{method: "PATCH", path: status, body: `{"status":"active","reason":"x"}`, header: map[string]string{"Assay-Reason": "x"}}, "x"},
		{"merge patch", request{method: "PATCH", path: "/experiments/subject", body: `{"name":"T"}`, header: map[string]string{"Assay-Reason": "y"}}, "y"},
		{"revert", request{method: "POST", path: "/experiments/subject/revert", body: `{"version":1,"reason":"z"}`}, "z"},
		{"batch", request{method: "POST", path: "/experiments/batch", body: `{"commands":[{"op":"delete","id":"subject"}],"reason":"b"}`}, "b"},
		{"none", request{method: "POST", path: "/layers", body: `{"name":"L"}`}, ""},
		{"escaped", request{method: "POST", path: "/layers", body: `{"name":"L","reason":"A\ud83d\ude00"}`}, "A😀"},
	} {
		tt.r.token = s.tokens[domain.Editor]
		if tt.r.header == nil {
			tt.r.header = map[string]string{}
		}
		tt.r.header["Request-Id"] = "req-" + strconv.Itoa(i)
		tt.r.header["Correlation-Id"] = "cause-1"
		if got := s.send(t, tt.r); got.status >= 300 {
			t.Fatalf("%s: %d %s", tt.name, got.status, got.body)
		}
		rec := s.lastRecord(t)
		if rec.Reason != tt.want || rec.Actor != "editor" || rec.KeyID == "" || rec.RequestID != "req-"+strconv.Itoa(i) || rec.CorrelationID != "cause-1" {
			t.Errorf("%s: recorded reason %q, actor %q, key %q, request %q, cause %q", tt.name, rec.Reason, rec.Actor, rec.KeyID, rec.RequestID, rec.CorrelationID)
		}
	}
	before := s.position(t)
	for name, r := range map[string]request{
		"two reasons":       {method: "POST", path: "/layers", body: `{"name":"M","reason":"a"}`, header: map[string]string{"Assay-Reason": "b"}},
		"reason in a patch": {method: "PATCH", path: "/layers/l", body: `{"name":"M","reason":"a"}`},
		"not a text":        {method: "POST", path: "/layers", body: `{"name":"M","reason":7}`},
		"too long":          {method: "POST", path: "/layers", body: `{"name":"M","reason":"` + strings.Repeat("x", 1001) + `"}`},
	} {
		got := s.send(t, r).want(t, 422)
		if p := got.problem(t); len(p.Errors) != 1 || p.Errors[0].Field != "reason" {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	if now := s.position(t); now != before {
		t.Errorf("the ledger moved from %d to %d", before, now)
	}
}

func TestBatchNamesWhatFailed(t *testing.T) {
	s := newStack(t, RateLimit{})
	s.send(t, request{method: "POST", path: "/experiments", body: `{"name":"A"}`}).want(t, 201)
	for name, tt := range map[string]struct {
		second string
		status int
		field  string
	}{
		"unknown op":      {`{"op":"explode","id":"a"}`, 422, "commands[1].op"},
		"unknown id":      {`{"op":"delete","id":"nobody"}`, 404, "commands[1]"},
		"stale version":   {`{"op":"delete","id":"a","if_match":9}`, 412, "commands[1].if_match"},
		"taken key":       {`{"op":"create","body":{"name":"A","key":"a"}}`, 409, "commands[1]"},
		"bad weight":      {`{"op":"patch","id":"a","body":{"traffic_ppm":-1}}`, 422, "commands[1].body.traffic_ppm"},
		"bad status":      {`{"op":"status","id":"a","body":{"status":"on"}}`, 422, "commands[1].body.status"},
		"unknown member":  {`{"op":"create","body":{"name":"B","zzz":1}}`, 422, "commands[1].body.zzz"},
		"unknown beside":  {`{"op":"delete","id":"a","zzz":1}`, 422, "commands[1].zzz"},
		"id of a new one": {`{"op":"create","id":"a","body":{"name":"B"}}`, 422, "commands[1].id"},
		"no body":         {`{"op":"create"}`, 422, "commands[1].body"},
		"no body to set":  {`{"op":"status","id":"a"}`, 422, "commands[1].body"},
		"no patch":        {`{"op":"patch","id":"a"}`, 422, "commands[1].body"},
	} {
		got := s.send(t, request{method: "POST", path: "/experiments/batch", body: `{"commands":[{"op":"create","body":{"name":"First"}},` + tt.second + `]}`})
		p := got.problem(t)
		if got.status != tt.status || len(p.Errors) != 1 || p.Errors[0].Field != tt.field {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	many := `{"commands":[` + strings.Repeat(`{"op":"delete","id":"a"},`, 1000) + `{"op":"delete","id":"a"}]}`
	for _, body := range []string{`{"commands":[]}`, many} {
		s.send(t, request{method: "POST", path: "/experiments/batch", body: body}).want(t, 422).problem(t)
	}
	if n := s.position(t); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestDailyReportAsCSV(t *testing.T) {
	s := newStack(t, RateLimit{})
	for _, body := range []string{`{"name":"=HYPERLINK(\"x\")","key":"formula"}`, `{"name":"Comma, \"quoted\"","key":"comma"}`} {
		s.send(t, request{method: "POST", path: "/experiments", body: body}).want(t, 201)
	}
	for _, key := range []string{"formula", "comma"} {
		s.send(t, request{method: "PATCH", path: "/experiments/" + key + "/status", body: `{"status":"active"}`}).want(t, 200)
	}
	for _, path := range []string{"/reports/daily/" + s.today(t), "/reports/daily?from=" + s.today(t) + "&to=" + s.today(t)} {
		got := s.send(t, request{method: "GET", path: path, header: map[string]string{"Accept": "text/csv", "Assay-Min-Position": "4"}}).want(t, http.StatusOK)
		if !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") {
			t.Errorf("%s: %s", path, got.header.Get("Content-Type"))
		}
		rows, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll()
		if err != nil || len(rows) != 3 {
			t.Fatalf("%v %s", err, got.body)
		}
		names := map[string]string{}
		for _, row := range rows[1:] {
			names[row[10]] = row[11]
			if row[2] != "2" || row[5] != "2" || row[12] != "1" {
				t.Errorf("%q", row)
			}
		}
		if names["formula"] != `'=HYPERLINK("x")` || names["comma"] != `Comma, "quoted"` {
			t.Errorf("%q", names)
		}
	}
}
