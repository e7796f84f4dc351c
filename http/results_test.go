package httpapi

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/queries"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/intake"
)

// shop is a stack with an experiment and an intake.
type shop struct {
	*stack
	intake *intake.Intake
	units  int
}

func newShop(t *testing.T) *shop {
	s := &shop{stack: newStack(t, RateLimit{PerSecond: -1}).withKeys(t)}
	pool := s.ledger.Pool(t)
	s.intake = intake.New(pool, intake.Config{})
	ledgertest.Run(t, s.intake.Run)
	ledgertest.Run(t, fold.New(pool, derive.New(pool), fold.Config{Poll: 5 * time.Millisecond}).Run)
	s.send(t, request{method: "POST", path: "/metric-definitions", body: `{"name":"Buys","event":"buy"}`}).want(t, http.StatusCreated)
	s.send(t, request{method: "POST", path: "/experiments", body: `{"name":"Shop","metrics":[{"metric":"buys","role":"primary"}],"analysis":{"dimensions":["country"]}}`}).want(t, http.StatusCreated)
	s.send(t, request{method: "PATCH", path: "/experiments/shop/status", body: `{"status":"active"}`}).want(t, http.StatusOK)
	s.caughtUp(t)
	return s
}

// visit tracks people who see what they are given, and half of whom buy.
func (s *shop) visit(t *testing.T, people int) {
	t.Helper()
	shown := s.send(t, request{method: "GET", path: "/experiments/shop"}).want(t, http.StatusOK)
	snapshot, faults := evaluator.Compile(evaluator.Document{Experiments: []json.RawMessage{shown.body}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	experiment, _ := snapshot.Experiment("shop")
	var events []string
	now := time.Now().UTC().Format(time.RFC3339Nano)
	add := func(unit, rest string) {
		events = append(events, fmt.Sprintf(`{"id":%q,"at":%q,"unit":%q,%s}`, uuid.NewString(), now, unit, rest))
	}
	for range people {
		s.units++
		unit := fmt.Sprint("u", s.units)
		got, _ := snapshot.EvaluateRaw("shop", unit, nil)
		add(unit, fmt.Sprintf(`"type":"exposure","experiment":"shop","variation":%q,"attributes":{"country":"DE"}`, experiment.Variations()[got.Variation].Key))
		if s.units%2 == 0 {
			add(unit, `"type":"event","name":"buy"`)
		}
	}
	parsed, rejected, err := tracking.Parse([]byte(`{"events":[`+strings.Join(events, ",")+`]}`), time.Now())
	if err != nil || len(rejected) > 0 {
		t.Fatal(rejected, err)
	}
	if _, err := s.intake.Store(t.Context(), parsed); err != nil {
		t.Fatal(err)
	}
}

// results reads until all people are counted.
func (s *shop) results(t *testing.T) response {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := s.send(t, request{method: "GET", path: "/experiments/shop/results", token: s.tokens[domain.Viewer]}).want(t, http.StatusOK)
		counted := 0
		for _, v := range resultsOf(t, got).Metrics[0].Variations {
			counted += int(v.Units)
		}
		if counted == s.units {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d are counted", counted, s.units)
		}
	}
}

func resultsOf(t *testing.T, r response) (doc queries.Results) {
	t.Helper()
	if err := json.Unmarshal(r.body, &doc); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return doc
}

func TestResultsOverHTTP(t *testing.T) {
	s := newShop(t)
	s.under(t)
	s.visit(t, 60)
	first := s.results(t)
	doc := resultsOf(t, first)
	if got := first.header.Get("ETag"); got != `"`+doc.Hash+`"` || !provesHash(string(first.body), doc.Hash) {
		t.Errorf("hash %s, ETag %s", doc.Hash, got)
	}
	get := func(query string, header map[string]string) response {
		return s.send(t, request{method: "GET", path: "/experiments/" + doc.Experiment.ID.String() + "/results" + query, header: header})
	}
	unchanged := get("", map[string]string{"If-None-Match": `"x", ` + first.header.Get("ETag")}).want(t, http.StatusNotModified)
	if len(unchanged.body) != 0 || unchanged.header.Get("ETag") != first.header.Get("ETag") {
		t.Errorf("304 with %q, ETag %s", unchanged.body, unchanged.header.Get("ETag"))
	}

	table := get("?dimension=country", map[string]string{"Accept": "text/csv"}).want(t, http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(string(table.body))).ReadAll()
	if err != nil || len(rows) != 5 || rows[3][4] != "DE" || !strings.HasPrefix(table.header.Get("Content-Type"), "text/csv") {
		t.Errorf("%d rows, %v: %s", len(rows), err, table.body)
	}
	if get("?dimension=country", map[string]string{"Accept": "text/csv", "If-None-Match": first.header.Get("ETag")}).status != http.StatusOK {
		t.Error("a table has the ETag of a document")
	}

	s.visit(t, 20)
	if second := s.results(t); second.header.Get("ETag") == first.header.Get("ETag") {
		t.Error("the ETag did not move")
	}
	// A batch that has gone by is counted anew, if need be beside the request.
	for deadline := time.Now().Add(10 * time.Second); ; {
		again := get("?as_of="+doc.AsOf, nil)
		if again.status == http.StatusServiceUnavailable && again.header.Get("Retry-After") != "" && time.Now().Before(deadline) {
			continue
		}
		if string(again.want(t, http.StatusOK).body) != string(first.body) {
			t.Errorf("as of %s:\n%s\nbefore:\n%s", doc.AsOf, again.body, first.body)
		}
		break
	}
}

func TestResultsAreRefused(t *testing.T) {
	s := newShop(t)
	for _, tt := range []struct {
		path, field string
		status      int
	}{
		{"/experiments/nobody/results", "", http.StatusNotFound},
		{"/experiments/shop/results?phase=2", "", http.StatusNotFound},
		{"/experiments/shop/results?phase=0", "phase", http.StatusUnprocessableEntity},
		{"/experiments/shop/results?phase=x", "phase", http.StatusUnprocessableEntity},
		{"/experiments/shop/results?as_of=", "as_of", http.StatusUnprocessableEntity},
		{"/experiments/shop/results?as_of=now", "as_of", http.StatusUnprocessableEntity},
		{"/experiments/shop/results?as_of=1.99", "as_of", http.StatusUnprocessableEntity},
		{"/experiments/shop/results?dimension=plan", "dimension", http.StatusUnprocessableEntity},
		{"/experiments/shop/results?metric=nothing", "metric", http.StatusUnprocessableEntity},
		{"/experiments/shop/results?metrics=buys", "metrics", http.StatusUnprocessableEntity},
	} {
		got := s.send(t, request{method: "GET", path: tt.path}).want(t, tt.status)
		if p := got.problem(t); tt.field != "" && (len(p.Errors) != 1 || p.Errors[0].Field != tt.field) {
			t.Errorf("%s: %s", tt.path, got.body)
		}
	}
	s.send(t, request{method: "GET", path: "/experiments/shop/results", header: map[string]string{"Assay-Min-Position": "9999"}}).
		want(t, http.StatusServiceUnavailable)
}

// provesHash says whether the document's hash is what the documentation says.
func provesHash(body, hash string) bool {
	sum := sha256.Sum256([]byte(strings.Replace(body, hash, "", 1)))
	return hex.EncodeToString(sum[:]) == hash
}

func TestTheExampleOfResultsProvesItsHash(t *testing.T) {
	body := strings.ReplaceAll(resultsExample, "\n", "")
	var doc queries.Results
	if err := json.Unmarshal([]byte(body), &doc); err != nil || !provesHash(body, doc.Hash) {
		t.Errorf("hash %q, %v", doc.Hash, err)
	}
}
