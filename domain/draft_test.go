package domain

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// A creation is a document and no patch: null in it means null.
func TestCreationKeepsNull(t *testing.T) {
	l := newLedger()
	e := l.create(t, `{"name":"x","audience":{"country":null,"plan":{"$ne":null}},"variations":[
		{"key":"a","value":null,"weight":1},{"key":"b","value":{"x":null},"weight":1}]}`)
	if got := string(e.Audience); got != `{"country":null,"plan":{"$ne":null}}` {
		t.Errorf("audience is %s", got)
	}
	must(t, l)(l.EditExperiment(e, []byte(`{"owner":"me"}`)))
	e = l.get(t, "x")
	if got := string(e.Audience); got != `{"country":null,"plan":{"$ne":null}}` {
		t.Errorf("audience is %s after an edit of something else", got)
	}
	if a, b := string(e.Variations[0].Value), string(e.Variations[1].Value); a != "null" || b != `{"x":null}` {
		t.Errorf("values are %s and %s", a, b)
	}
	for _, field := range []string{"description", "tags", "variations", "overrides", "traffic_ppm", "audience", "analysis", "id", "key", "hash"} {
		refused(t, field)(l.draft(t, `{"name":"y","`+field+`":null}`))
	}
}

func TestValuesAreAnyJSON(t *testing.T) {
	deep := strings.Repeat("[", 28) + strings.Repeat("]", 28)
	for _, value := range []string{
		`null`, `""`, `{}`, `[]`, `0`, `-0`, `false`, `"text"`, `1.5e300`, `9007199254740991`, `{"b":1,"a":[{}]}`, `"é<&"`, deep,
	} {
		l := newLedger()
		l.create(t, `{"name":"x","variations":[{"key":"a","value":`+value+`,"weight":1},{"key":"b","value":1,"weight":1}]}`)
		must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"owner":"me"}`)))
		if got := string(l.get(t, "x").Variations[0].Value); got != value {
			t.Errorf("%s became %s", value, got)
		}
	}
	for _, value := range []string{`9007199254740992`, `1e400`, `[` + strings.Repeat("[", 29) + strings.Repeat("]", 30)} {
		refused(t, "variations[0].value")(newLedger().draft(t, `{"name":"x","variations":[{"key":"a","value":`+value+`,"weight":1},{"key":"b","weight":1}]}`))
	}
}

func TestWeightsMustBeGiven(t *testing.T) {
	const body = `{"name":"x","variations":[{"key":"a","weight":1},{"key":"b"}]}`
	l := newLedger()
	refused(t, "variations[1].weight")(l.draft(t, body))
	refused(t, "variations[1].weight")(l.EditExperiment(l.create(t, `{"name":"x"}`), []byte(body)))
}

func TestCreationTakesTheCallersKeyAndID(t *testing.T) {
	l := newLedger()
	refused(t, "key")(l.draft(t, `{"name":"x","key":""}`))
	refused(t, "key")(l.CreateLayer(uuid.New(), []byte(`{"name":"x","key":""}`)))
	refused(t, "hash")(l.draft(t, `{"name":"x","hash":""}`))
	refused(t, "id")(l.draft(t, `{"name":"x","id":"00000000-0000-0000-0000-000000000000"}`))
	refused(t, "id")(l.draft(t, `{"name":"x","id":"{0193a0d2-0000-7000-8000-000000000001}"}`))
	refused(t, "key")(l.draft(t, `{"name":"x","key":"`+strings.Repeat("x", 129)+`"}`))
	if e := l.create(t, `{"name":"x","key":"`+strings.Repeat("x", 128)+`"}`); len(e.Key) != 128 {
		t.Errorf("key is %s", e.Key)
	}
	if e := l.create(t, `{"name":"y","id":"0193A0D2-0000-7000-8000-00000000000F"}`); e.ID.String() != "0193a0d2-0000-7000-8000-00000000000f" {
		t.Errorf("id is %s", e.ID)
	}
}

// A key may look like an id, but a reference names one entity.
func TestKeysThatLookLikeIDs(t *testing.T) {
	l := newLedger()
	const own, other = "0193a0d2-0000-7000-8000-000000000001", "0193a0d2-0000-7000-8000-000000000002"
	first := l.create(t, `{"name":"first","id":"`+own+`"}`)
	conflicts(t)(l.draft(t, `{"name":"thief","key":"`+own+`"}`))
	l.create(t, `{"name":"named","key":"`+other+`"}`)
	conflicts(t)(l.draft(t, `{"name":"late","id":"`+other+`"}`))
	if got := l.get(t, own); got.ID != first.ID {
		t.Errorf("%s found %s", own, got.Key)
	}
	if got := l.get(t, other); got.Name != "named" {
		t.Errorf("%s found %s", other, got.Name)
	}
	const both = "0193a0d2-0000-7000-8000-000000000003"
	if got := l.create(t, `{"name":"both","id":"`+both+`","key":"`+both+`"}`); got.Name != "both" {
		t.Errorf("%s found %s", both, got.Name)
	}
	for _, ref := range []string{"{" + own + "}", "urn:uuid:" + own, strings.ReplaceAll(own, "-", "")} {
		if _, err := l.Experiments.Find(ref); err != ErrNotFound {
			t.Errorf("%s found something: %v", ref, err)
		}
	}
}

func TestKeysFromNames(t *testing.T) {
	id := uuid.MustParse("0193a0d2-0000-7000-8000-0000deadbeef")
	for _, tt := range []struct{ name, want string }{
		{"Checkout  Button!", "checkout-button"},
		{"v2.1_beta", "v2-1-beta"},
		{" --x-- ", "x"},
		{"実験", "experiment-deadbeef"},
		{"!!!", "experiment-deadbeef"},
		{"Preis € 5", "preis-5"},
		{"42", "42"},
		{strings.Repeat("ab ", 66), strings.TrimSuffix(strings.Repeat("ab-", 34), "-")[:100]},
	} {
		if got := keyFromName(tt.name, "experiment", id); got != tt.want || checkKey("key", got) != nil {
			t.Errorf("key of %q is %q, want %q", tt.name, got, tt.want)
		}
	}
	l := newLedger()
	long := strings.Repeat("x", MaxName)
	for i := range 12 {
		want := strings.Repeat("x", 100)
		if i > 0 {
			want += fmt.Sprintf("-%d", i+1)
		}
		if e := l.create(t, `{"name":"`+long+`"}`); e.Key != want {
			t.Errorf("key %d is %s", i, e.Key)
		}
	}
	// A freed key serves again; a key that was taken in words is passed over.
	must(t, l)(l.DeleteExperiment(l.get(t, strings.Repeat("x", 100)+"-2")))
	if e := l.create(t, `{"name":"`+long+`"}`); e.Key != strings.Repeat("x", 100)+"-2" {
		t.Errorf("key is %s", e.Key)
	}
}

func TestConfigurationHasOneBound(t *testing.T) {
	l := newLedger()
	e := l.create(t, `{"name":"x"}`)
	doc := payload(e)
	empty, err := Encode(&doc)
	if err != nil {
		t.Fatal(err)
	}
	value := func(n int) string {
		return `{"name":"x","variations":[{"key":"control","name":"Control","value":false,"weight":1},` +
			`{"key":"treatment","name":"Treatment","value":"` + strings.Repeat("v", n) + `","weight":1}]}`
	}
	room := MaxConfigBytes - len(empty) + len(`true`) - len(`""`)
	must(t, l)(l.EditExperiment(e, []byte(value(room))))
	must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"name":"y"}`)))
	refused(t, "body")(l.EditExperiment(l.get(t, "x"), []byte(`{"name":"xy"}`)))
	refused(t, "body")(l.EditExperiment(l.get(t, "x"), []byte(value(room+1))))
	other := newLedger()
	if e := other.create(t, value(room)); len(e.Key) != 1 {
		t.Errorf("key is %s", e.Key)
	}
	refused(t, "body")(newLedger().draft(t, value(room+1)))
	// What counts is the configuration, not how it is written.
	spaced := strings.Replace(value(room), ",", ","+strings.Repeat(" ", 1000), 1)
	if e := newLedger().create(t, spaced); e.Name != "x" {
		t.Errorf("name is %s", e.Name)
	}
}
