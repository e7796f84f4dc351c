package domain

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func (l *ledger) segment(t testing.TB, body string) *Segment {
	t.Helper()
	changes := must(t, l)(l.CreateSegment(newUUID(), []byte(body)))
	_, id, _ := changes[0].Stream.Entity()
	g, _ := l.Segments.ByID(id)
	return g
}

func ids(from, to int) []string {
	all := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("user-%07d", i))
	}
	return all
}

func TestSegmentsTakeChangesOfMembers(t *testing.T) {
	l := newLedger()
	g := l.segment(t, `{"name":"g","ids":["b","a","b"]}`)
	if g.Size != 2 || g.Version != 2 {
		t.Errorf("segment %+v", g)
	}
	changes := must(t, l)(l.ChangeMembers(g, []string{"c", "a", "c"}, []string{"b", "z"}))
	if got := fmt.Sprintf("%+v", changes[0].Event); got != "{Added:[c] Removed:[b]}" {
		t.Errorf("event %s", got)
	}
	g, _ = l.Segments.ByKey("g")
	if g.Size != 2 {
		t.Errorf("size %d", g.Size)
	}
	if changes := must(t, l)(l.ChangeMembers(g, []string{"a"}, []string{"z"})); len(changes) != 0 {
		t.Errorf("what changes nothing appends %v", changes)
	}
	refused(t, "remove")(l.ChangeMembers(g, []string{"x"}, []string{"x"}))
	refused(t, "remove")(l.ChangeMembers(g, []string{"a"}, []string{"a"}))
	refused(t, "add")(l.ChangeMembers(g, []string{""}, nil))
	refused(t, "remove")(l.ChangeMembers(g, nil, []string{strings.Repeat("x", maxUnit+1)}))
	refused(t, "size")(l.EditSegment(g, []byte(`{"size":5}`)))
	refused(t, "size")(l.CreateSegment(newUUID(), []byte(`{"name":"h","size":5}`)))
	refused(t, "ids")(l.CreateSegment(newUUID(), []byte(`{"name":"h","ids":null}`)))
	refused(t, "ids")(l.CreateSegment(newUUID(), []byte(`{"name":"h","ids":[7]}`)))
	refused(t, "ids")(l.CreateSegment(newUUID(), []byte(`{"name":"h","ids":[""]}`)))
	many, err := Encode(map[string]any{"name": "h", "ids": ids(0, maxMembersChange+1)})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "ids")(l.CreateSegment(newUUID(), many))
}

func TestSegmentsHoldAMillionMembers(t *testing.T) {
	l := newLedger()
	g := l.segment(t, `{"name":"g"}`)
	for i := range MaxMembers / maxMembersChange {
		must(t, l)(l.ChangeMembers(g, ids(i*maxMembersChange, (i+1)*maxMembersChange), nil))
	}
	g, _ = l.Segments.ByKey("g")
	if g.Size != MaxMembers {
		t.Fatalf("size %d", g.Size)
	}
	refused(t, "add")(l.ChangeMembers(g, []string{"one too many"}, nil))
	refused(t, "add")(l.ChangeMembers(g, ids(0, maxMembersChange), []string{"x"}))
	// As many may go as come, whatever their number: this must not take the
	// product of both.
	half := maxMembersChange / 2
	l.Begin()
	must(t, l)(l.ChangeMembers(g, ids(MaxMembers, MaxMembers+half), ids(0, half)))
	if g, _ = l.Segments.ByKey("g"); g.Size != MaxMembers {
		t.Errorf("size %d", g.Size)
	}
	l.Rollback()
	g, _ = l.Segments.ByKey("g")
	if _, in := l.Members(g.ID)["user-0000000"]; !in || len(l.Members(g.ID)) != MaxMembers {
		t.Error("the change was not undone")
	}
}

func TestSegmentsInUseStay(t *testing.T) {
	for _, audience := range []string{
		`{"id":{"$inGroup":"g"}}`,
		`{"id":{"$notInGroup":"g"}}`,
		`{"$or":[{"a":1},{"$not":{"id":{"$inGroup":"g"}}}]}`,
		`{"$nor":[{"$and":[{"id":{"$not":{"$inGroup":"g"}}}]}]}`,
		`{"friends":{"$elemMatch":{"id":{"$inGroup":"g"}}}}`,
		`{"friends":{"$elemMatch":{"$inGroup":"g"}}}`,
		`{"friends":{"$all":[{"$inGroup":"g"}]}}`,
	} {
		l := newLedger()
		g := l.segment(t, `{"name":"g"}`)
		refused(t, "audience")(l.draft(t, `{"name":"x","audience":`+strings.ReplaceAll(audience, `"g"`, `"h"`)+`}`))
		l.create(t, `{"name":"x","audience":`+audience+`}`)
		conflicts(t)(l.DeleteSegment(g))
		must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"audience":null}`)))
		must(t, l)(l.DeleteSegment(g))
		refused(t, "audience")(l.EditExperiment(l.get(t, "x"), []byte(`{"audience":`+audience+`}`)))
	}
}

func TestMetricsOfEveryKind(t *testing.T) {
	for _, tt := range []struct{ body, field string }{
		{`{"name":"m","event":"e"}`, ""},
		{`{"name":"m","event":"e","kind":"conversion","window_hours":8784,"goal":"decrease"}`, ""},
		{`{"name":"m","event":"e","kind":"count","cap":10}`, ""},
		{`{"name":"m","event":"e","kind":"sum","cap":0.5,"cuped":true,"lookback_days":14}`, ""},
		{`{"name":"m","event":"e","kind":"mean"}`, ""},
		{`{"name":"m","event":"e","kind":"ratio","denominator":"f"}`, ""},
		{`{"name":"m","event":"e","kind":"retention","window_hours":24}`, ""},
		{`{"name":"m","event":"e","kind":"quantile","quantile":0.99}`, ""},
		{`{"event":"e"}`, "name"},
		{`{"name":"m"}`, "event"},
		{`{"name":"m","event":""}`, "event"},
		{`{"name":"m","event":"a\u0007"}`, "event"},
		{`{"name":"m","event":"e","kind":"median"}`, "kind"},
		{`{"name":"m","event":"e","goal":"up"}`, "goal"},
		{`{"name":"m","event":"e","kind":"ratio"}`, "denominator"},
		{`{"name":"m","event":"e","kind":"count","denominator":"f"}`, "denominator"},
		{`{"name":"m","event":"e","window_hours":-1}`, "window_hours"},
		{`{"name":"m","event":"e","window_hours":8785}`, "window_hours"},
		{`{"name":"m","event":"e","window_hours":1.5}`, "window_hours"},
		{`{"name":"m","event":"e","lookback_days":367}`, "lookback_days"},
		{`{"name":"m","event":"e","cap":0}`, "cap"},
		{`{"name":"m","event":"e","cap":"1"}`, "cap"},
		{`{"name":"m","event":"e","kind":"quantile"}`, "quantile"},
		{`{"name":"m","event":"e","kind":"quantile","quantile":0}`, "quantile"},
		{`{"name":"m","event":"e","kind":"quantile","quantile":1}`, "quantile"},
		{`{"name":"m","event":"e","kind":"mean","quantile":0.5}`, "quantile"},
		{`{"name":"m","event":"e","cuped":1}`, "cuped"},
		{`{"name":"m","event":"e","unit":"u"}`, "unit"},
	} {
		l := newLedger()
		changes, err := l.CreateMetric(newUUID(), []byte(tt.body))
		if tt.field != "" {
			refused(t, tt.field)(changes, err)
			continue
		}
		must(t, l)(changes, err)
	}
}

func TestMetricsAreEdited(t *testing.T) {
	l := newLedger()
	must(t, l)(l.CreateMetric(newUUID(), []byte(`{"name":"m","event":"e","kind":"ratio","denominator":"f","cap":2}`)))
	m, _ := l.Metrics.ByKey("m")
	refused(t, "denominator")(l.EditMetric(m, []byte(`{"kind":"sum"}`)))
	refused(t, "event")(l.EditMetric(m, []byte(`{"event":null}`)))
	for _, patch := range []string{`{}`, `{"cap":2.0}`, `{"goal":null}`, `{"description":""}`} {
		if changes := must(t, l)(l.EditMetric(m, []byte(patch))); len(changes) != 0 {
			t.Errorf("%s appends %v", patch, changes)
		}
	}
	must(t, l)(l.EditMetric(m, []byte(`{"kind":null,"denominator":null,"cap":null}`)))
	m, _ = l.Metrics.ByKey("m")
	if m.MetricKind != "conversion" || m.Denominator != "" || m.Cap != nil || m.Version != 2 {
		t.Errorf("metric %+v", m)
	}
	l.create(t, `{"name":"x","metrics":[{"metric":"m","role":"guardrail"}]}`)
	conflicts(t)(l.DeleteMetric(m))
	refused(t, "metrics[1].metric")(l.draft(t, `{"name":"y","metrics":[{"metric":"m","role":"primary"},{"metric":"m","role":"secondary"}]}`))
	refused(t, "metrics[0].role")(l.draft(t, `{"name":"y","metrics":[{"metric":"m","role":"main"}]}`))
	must(t, l)(l.DeleteExperiment(l.get(t, "x")))
	must(t, l)(l.DeleteMetric(m))
	must(t, l)(l.CreateMetric(newUUID(), []byte(`{"name":"m","event":"e"}`)))
	conflicts(t)(l.CreateMetric(m.ID, []byte(`{"name":"again","event":"e"}`)))
}

func TestHoldouts(t *testing.T) {
	l := newLedger()
	l.create(t, `{"name":"x"}`)
	id := newUUID()
	must(t, l)(l.CreateHoldout(id, []byte(`{"name":"h","share_ppm":50000,"tags":["a"],"experiments":["x"]}`)))
	h, _ := l.Holdouts.ByID(id)
	if h.Salt != id.String() || h.UnitType != "user_id" || h.SharePPM != 50_000 {
		t.Errorf("holdout %+v", h)
	}
	conflicts(t)(l.DeleteExperiment(l.get(t, "x")))
	for _, tt := range []struct{ patch, field string }{
		{`{"share_ppm":1000001}`, "share_ppm"},
		{`{"share_ppm":-1}`, "share_ppm"},
		{`{"salt":"s"}`, "salt"},
		{`{"unit_type":"device"}`, "unit_type"},
		{`{"tags":["a","a"]}`, "tags[1]"},
		{`{"experiments":["y"]}`, "experiments[0]"},
		{`{"experiments":["x","x"]}`, "experiments[1]"},
		{`{"name":""}`, "name"},
	} {
		refused(t, tt.field)(l.EditHoldout(h, []byte(tt.patch)))
	}
	must(t, l)(l.EditHoldout(h, []byte(`{"experiments":null,"share_ppm":0}`)))
	must(t, l)(l.DeleteExperiment(l.get(t, "x")))
	must(t, l)(l.DeleteHoldout(h))
	if l.Holdouts.Len() != 0 {
		t.Error("the holdout is still there")
	}
}

func TestKeys(t *testing.T) {
	l := newLedger()
	create := func(body string) ([]Change, error) { return l.CreateKey(newUUID(), []byte(body), "hash") }
	must(t, l)(create(`{"name":"Shop","role":"client","origins":["https://shop.example","http://localhost:3000","https://[::1]:8443"],"expires_at":"2027-01-01T02:00:00+02:00"}`))
	k, _ := l.Keys.ByKey("shop")
	if k.SecretHash != "hash" || k.ExpiresAt.Location() != time.UTC || k.ExpiresAt.Hour() != 0 {
		t.Errorf("key %+v", k)
	}
	conflicts(t)(create(`{"name":"Shop","role":"admin"}`))
	for _, tt := range []struct{ body, field string }{
		{`{"name":"a"}`, "role"},
		{`{"name":"a","role":"owner"}`, "role"},
		{`{"role":"admin"}`, "name"},
		{`{"name":"root","role":"client"}`, "name"},
		{`{"name":"assay","role":"client"}`, "name"},
		{`{"name":"a","role":"admin","secret_sha256":"x"}`, "secret_sha256"},
		{`{"name":"a","role":"admin","expires_at":"tomorrow"}`, "expires_at"},
		{`{"name":"a","role":"client","origins":["shop.example"]}`, "origins[0]"},
		{`{"name":"a","role":"client","origins":["https://shop.example/"]}`, "origins[0]"},
		{`{"name":"a","role":"client","origins":["https://a.example","https://Shop.example"]}`, "origins[1]"},
		{`{"name":"a","role":"client","origins":["https://*.example"]}`, "origins[0]"},
		{`{"name":"a","role":"client","origins":["https://u@shop.example"]}`, "origins[0]"},
		{`{"name":"a","role":"client","origins":["https://shop.example:x"]}`, "origins[0]"},
		{`{"name":"a","role":"client","origins":["https://shop.example:443"]}`, "origins[0]"},
		{`{"name":"a","role":"client","origins":["http://shop.example:80"]}`, "origins[0]"},
		{`{"name":"a","role":"client","origins":["javascript:alert(1)"]}`, "origins[0]"},
		{`{"name":"a","role":"client","origins":["null"]}`, "origins[0]"},
	} {
		refused(t, tt.field)(create(tt.body))
	}
	refused(t, "role")(l.EditKey(k, []byte(`{"role":"admin"}`)))
	refused(t, "secret_sha256")(l.EditKey(k, []byte(`{"secret_sha256":"x"}`)))
	if changes := must(t, l)(l.EditKey(k, []byte(`{"expires_at":"2027-01-01T00:00:00Z"}`))); len(changes) != 0 {
		t.Errorf("the same moment appends %v", changes)
	}
	must(t, l)(l.EditKey(k, []byte(`{"name":"Shop 2","expires_at":null}`)))
	if k, _ = l.Keys.ByKey("shop"); k.Name != "Shop 2" || !k.ExpiresAt.IsZero() || k.SecretHash != "hash" || k.Role != Client {
		t.Errorf("key %+v", k)
	}
	must(t, l)(l.DeleteKey(k))
	must(t, l)(create(`{"name":"Shop 2","role":"viewer"}`))
}
