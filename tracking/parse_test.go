package tracking_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking"
)

var now = time.Date(2026, 1, 6, 13, 0, 0, 0, time.UTC)

// with is a good event with members replaced or, where empty, left out.
func with(members ...string) string {
	event := map[string]string{
		"id": `"0193e1a0-0000-7000-8000-000000000002"`, "type": `"event"`, "at": `"2026-01-06T12:00:01Z"`, "unit": `"u1"`, "name": `"purchase"`,
	}
	order := []string{"id", "type", "at", "unit", "name"}
	for i := 0; i < len(members); i += 2 {
		if _, ok := event[members[i]]; !ok {
			order = append(order, members[i])
		}
		event[members[i]] = members[i+1]
	}
	var parts []string
	for _, name := range order {
		if event[name] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, event[name]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func exposed(members ...string) string {
	return with(append([]string{"type", `"exposure"`, "name", "", "experiment", `"e"`, "variation", `"v"`}, members...)...)
}

func body(events ...string) []byte {
	return []byte(`{"events":[` + strings.Join(events, ",") + `]}`)
}

func TestParse(t *testing.T) {
	attributed := exposure()
	attributed.Position = 0
	attributed.Attributes = json.RawMessage(`{"country": "é", "list": [1, -2.5e3, {"a": null}], "beta": true}`)
	attributed.Units = map[string]string{"device": "d-1", "household": "h\"1"}
	whole := purchase()
	*whole.Value = 12_500_000
	none := purchase()
	none.Value = nil
	events, rejected, err := tracking.Parse([]byte(` { "events" : [
		{"id":"0193e1a0-0000-7000-8000-000000000001","type":"exposure","at":"2026-01-06T12:00:00.005Z","unit":"u1",
		 "experiment":"checkout-button","variation":"treatment","position":42},
		{"attributes":{"country": "é", "list": [1, -2.5e3, {"a": null}], "beta": true},"variation":"treatm\u0065nt",
		 "units" : {"device":"d-1", "household":"h\"1" },
		 "experiment":"checkout-button","unit":"u\u0031","at":"2026-01-06T13:00:00.005000999+01:00","type":"exposure","id":"0193E1A0-0000-7000-8000-000000000001"} ,
		{"id":"0193e1a0-0000-7000-8000-000000000002","type":"event","at":"2026-01-06T12:00:01Z","unit":"u1","name":"purchase","value":12.5},
		{"id":"0193e1a0-0000-7000-8000-000000000002","type":"event","at":"2026-01-06T12:00:01Z","unit":"u1","name":"purchase","value":null,"attributes":{}}
	] } `), now)
	if err != nil || len(rejected) > 0 {
		t.Fatalf("%v %v", rejected, err)
	}
	if diff := cmp.Diff([]tracking.Event{exposure(), attributed, whole, none}, events); diff != "" {
		t.Error(diff)
	}
}

// Each bad event is named by its index; the others are kept.
func TestParseRejects(t *testing.T) {
	for _, tt := range []struct{ name, event, problem, reason string }{
		{"null", `null`, "event: must be an object", "form"},
		{"a list", `[]`, "event: must be an object", "form"},
		{"a text", `"}],"`, "event: must be an object", "form"},
		{"nothing", `{}`, "id: must be a UUID", "id"},
		{"no id", with("id", ""), "id: must be a UUID", "id"},
		{"an id of nobody", with("id", `"00000000-0000-0000-0000-000000000000"`), "id: ", "id"},
		{"an id in braces", with("id", `"{0193e1a0-0000-7000-8000-000000000002}"`), "id: ", "id"},
		{"an id without hyphens", with("id", `"0193e1a0000070008000000000000002"`), "id: ", "id"},
		{"a number for an id", with("id", `1`), "id: must be a string", "id"},
		{"another type", with("type", `"click"`), "type: ", "type"},
		{"no type", with("type", ""), "type: ", "type"},
		{"no time", with("at", ""), "at: must be a time", "at"},
		{"a day", with("at", `"2026-01-06"`), "at: must be a time", "at"},
		{"a time without zone", with("at", `"2026-01-06T12:00:00"`), "at: must be a time", "at"},
		{"a time of one digit", with("at", `"2026-01-06T2:00:00Z"`), "at: must be a time", "at"},
		{"a time with a comma", with("at", `"2026-01-06T12:00:00,5Z"`), "at: must be a time", "at"},
		{"an offset of a day", with("at", `"2026-01-06T12:00:00+24:00"`), "at: must be a time", "at"},
		{"an offset of sixty minutes", with("at", `"2026-01-06T12:00:00-00:60"`), "at: must be a time", "at"},
		{"a number for a time", with("at", `1767700000`), "at: must be a string", "at"},
		{"a second too far ahead", with("at", `"2026-01-07T13:00:01Z"`), "at: must be at most 24 hours ahead", "clock"},
		{"years ahead", with("at", `"9999-12-31T23:59:59Z"`), "at: must be at most 24 hours ahead", "clock"},
		{"over 400 days ago", with("at", `"2024-12-02T12:59:59Z"`), "at: must be at most 400 days ago", "clock"},
		{"the year one", with("at", `"0001-01-02T00:00:00Z"`), "at: must be at most 400 days ago", "clock"},
		{"the year zero", with("at", `"0000-01-01T00:00:00Z"`), "at: ", "clock"},
		{"no unit", with("unit", `""`), "unit: must be 1 to 1024 bytes, has 0", "unit"},
		{"null for a unit", with("unit", `null`), "unit: must be a string", "unit"},
		{"a number for a unit", with("unit", `1`), "unit: must be a string", "unit"},
		{"a long unit", with("unit", `"`+strings.Repeat("é", 513)+`"`), "unit: must be 1 to 1024 bytes, has 1026", "unit"},
		{"not UTF-8", with("unit", "\"\xff\""), "unit: must be UTF-8 without NUL", "unit"},
		{"NUL", with("unit", `"\u0000"`), "unit: must be UTF-8 without NUL", "unit"},
		{"half a surrogate", with("unit", `"\ud800"`), "unit: must be UTF-8 without NUL", "unit"},
		{"the other half", with("unit", `"\udc00\ud800"`), "unit: must be UTF-8 without NUL", "unit"},
		{"an escape that is none", with("unit", `"\x"`), "unit: must be UTF-8 without NUL", "unit"},
		{"a control character", with("unit", "\"\x01\""), "unit: must be JSON", "form"},
		{"an empty type of unit", with("unit_type", `""`), "unit_type: must be 1 to 128 bytes, has 0", "unit_type"},
		{"units of no type", with("units", `{"":"d"}`), "units: ", "units"},
		{"a unit twice", with("units", `{"device":"d","device":"d"}`), "units: duplicate field", "units"},
		{"units of its own type", with("units", `{"user_id":"d"}`), "units: must be of other types", "units"},
		{"four units", with("units", `{"a":"1","b":"1","c":"1","d":"1","e":"1"}`), "units: must be at most 3", "units"},
		{"a list of units", with("units", `["a"]`), "units: must be an object", "units"},
		{"a unit that is none", with("units", `{"a":1}`), "units: must be a string", "units"},
		{"no name", with("name", ""), "name: must be 1 to 128 bytes", "name"},
		{"a long name", with("name", `"`+strings.Repeat("n", 129)+`"`), "name: must be 1 to 128 bytes", "name"},
		{"a text for a value", with("value", `"1"`), "value: must be a number between -1e12 and 1e12", "value"},
		{"a value that is none", with("value", `NaN`), "value: must be a number", "value"},
		{"no end of value", with("value", `Infinity`), "value: must be a number", "value"},
		{"octal", with("value", `012`), "value: must be a number", "value"},
		{"a large value", with("value", `1e13`), "value: must be a number between", "value"},
		{"a huge value", with("value", `-1e999`), "value: must be a number between", "value"},
		{"an object for a value", with("value", `{}`), "value: must be a number", "value"},
		{"no experiment", exposed("experiment", ""), "experiment: must be 1 to 128 bytes", "experiment"},
		{"no variation", exposed("variation", `""`), "variation: must be 1 to 128 bytes", "variation"},
		{"a negative position", exposed("position", `-1`), "position: must be a whole number", "position"},
		{"a fraction for a position", exposed("position", `1.5`), "position: must be a whole number", "position"},
		{"an exponent for a position", exposed("position", `1e3`), "position: must be a whole number", "position"},
		{"a large position", exposed("position", `9007199254740992`), "position: must be a whole number between 0 and 2^53-1", "position"},
		{"a huge position", exposed("position", `99999999999999999999`), "position: must be a whole number", "position"},
		{"null for a position", exposed("position", `null`), "position: must be a whole number", "position"},
		{"an exposure with a name", exposed("name", `"x"`), "type: an exposure has neither name nor value", "type"},
		{"an event of an experiment", with("experiment", `"x"`), "type: only an exposure has experiment", "type"},
		{"gigantic attributes", with("attributes", `{"a":"`+strings.Repeat("a", 1<<20)+`"}`), "attributes: must be at most 8192 bytes", "attributes"},
		{"a list for attributes", with("attributes", `[]`), "attributes: must be an object", "attributes"},
		{"repeated attributes", with("attributes", `{"a":{"b":1,"b":2}}`), "attributes: duplicate field", "attributes"},
		{"attributes repeated by an escape", with("attributes", `{"a":1,"\u0061":2}`), "attributes: duplicate field", "attributes"},
		{"many attributes, one repeated", with("attributes", `{`+numbered(50)+`,"a7":1}`), "attributes: duplicate field", "attributes"},
		{"deep attributes", with("attributes", `{"a":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+"}"), "attributes: must be nested at most 32 deep", "attributes"},
		{"NUL in attributes", with("attributes", `{"a":"\u0000"}`), "attributes: must be UTF-8 without NUL", "attributes"},
		{"half a surrogate in attributes", with("attributes", `{"a":"\ud83d"}`), "attributes: must be UTF-8 without NUL", "attributes"},
		{"not UTF-8 in attributes", with("attributes", "{\"\xc3\":1}"), "attributes: must be UTF-8 without NUL", "attributes"},
		{"a whole number that is not kept", with("attributes", `{"a":9007199254740993}`), "attributes: whole numbers must be between", "attributes"},
		{"a number that is none", with("attributes", `{"a":NaN}`), "attributes: must be JSON", "attributes"},
		{"a number beyond floats", with("attributes", `{"a":1e999}`), "attributes: numbers must be within", "attributes"},
		{"a word that is none", with("attributes", `{"a":nil}`), "attributes: must be JSON", "form"},
		{"a comma too many", with("attributes", `{"a":1,}`), "attributes: must be a string", "attributes"},
		{"no comma", `{"id":"0193e1a0-0000-7000-8000-000000000002" "type":"event"}`, "id: must be JSON", "form"},
		{"no colon", `{"id"}`, "id: must be JSON", "id"},
		{"an unknown member", with("colour", `"red"`), "colour: unknown field", "form"},
		{"a member in another case", with("Name", `"x"`), "Name: unknown field", "form"},
		{"an unknown member that is not UTF-8", `{"` + strings.Repeat("\xff", 200) + `":1}`, "event: must be UTF-8 without NUL", "form"},
		{"a member twice", with("id", `"0193e1a0-0000-7000-8000-000000000002","id":"0193e1a0-0000-7000-8000-000000000002"`), "id: duplicate field", "form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			events, rejected, err := tracking.Parse(body(with(), tt.event, exposed(), tt.event), now)
			if err != nil || len(events) != 2 || len(rejected) != 2 || rejected[0].Index != 1 || rejected[1].Index != 3 || events[1].Experiment != "e" {
				t.Fatalf("%d events, %v, %v", len(events), rejected, err)
			}
			if r := rejected[1]; !strings.HasPrefix(r.Problem, tt.problem) || string(r.Reason) != tt.reason || len(r.Problem) > 300 {
				t.Errorf("%s: %q, want %s: %q", r.Reason, r.Problem, tt.reason, tt.problem)
			}
		})
	}
}

func numbered(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"a%d":%d`, i, i))
	}
	return strings.Join(all, ",")
}

func TestParseTakesTheBounds(t *testing.T) {
	for _, event := range []string{
		with("at", `"2026-01-07T13:00:00Z"`), with("at", `"2024-12-02T13:00:00Z"`), with("value", "-1e12"), with("value", "0"),
		exposed("position", "9007199254740991"), exposed("position", "0"), with("unit", `"`+strings.Repeat("u", 1024)+`"`),
		with("attributes", `{"a":"`+strings.Repeat("a", 8184)+`"}`), with("attributes", `{`+numbered(50)+`}`), with("attributes", "null"),
		with("attributes", `{"a":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)+"}"), with("units", `{"a":"1","b":"1","c":"1"}`), with("units", "{}"),
		with("attributes", `{"a":9007199254740991,"b":-9007199254740991,"c":9007199254740993.0,"d":1e300}`),
	} {
		if events, rejected, err := tracking.Parse(body(event), now); len(events) != 1 {
			t.Errorf("%.100s: %v %v", event, rejected, err)
		}
	}
}

func TestParseRefusesBodies(t *testing.T) {
	for name, tt := range map[string]struct{ body, want string }{
		"nothing":               {"", "body: "},
		"space":                 {" \n", "body: "},
		"text":                  {"hello", "body: "},
		"null":                  {"null", "body: "},
		"a list":                {"[]", "body: "},
		"no events":             {"{}", "events: must be there"},
		"events that are null":  {`{"events":null}`, "events: must be an array"},
		"an object of events":   {`{"events":{}}`, "events: must be an array"},
		"another member":        {`{"events":[],"sent_at":1}`, "sent_at: unknown field"},
		"a long member":         {`{"` + strings.Repeat("x", 1<<20) + `":1}`, "xxx"},
		"events twice":          {`{"events":[],"events":[]}`, "events: duplicate field"},
		"cut off":               {`{"events":[`, "body: "},
		"cut off in an event":   {`{"events":[` + with()[:50], "body: "},
		"cut off in a text":     {`{"events":["abc`, "body: "},
		"cut off after one":     {`{"events":[` + with(), "body: "},
		"brackets do not match": {`{"events":[` + with() + `}`, "body: "},
		"more after it":         {string(body()) + "x", "body: "},
		"two":                   {string(body()) + string(body()), "body: "},
		"NUL after it":          {string(body()) + "\x00", "body: "},
		"a byte order mark":     {"\xef\xbb\xbf" + string(body()), "body: "},
		"nothing but a comma":   {`{"events":[,]}`, "body: "},
		"a comma too many":      {string(body(with(), "")), "body: "},
		"too many":              {string(body(slices.Repeat([]string{"1"}, tracking.MaxEvents+1)...)), "events: must be at most 10000"},
		"too much":              {string(body(strings.Repeat(" ", tracking.MaxBody))), "body: must be at most 5242880 bytes"},
	} {
		events, rejected, err := tracking.Parse([]byte(tt.body), now)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(err.Error()) > 300 || events != nil || rejected != nil {
			t.Errorf("%s: %v %v %v, want %s", name, events, rejected, err, tt.want)
		}
	}
	if events, rejected, err := tracking.Parse(body(), now); len(events)+len(rejected) > 0 || err != nil {
		t.Errorf("nothing is something: %v %v %v", events, rejected, err)
	}
}

func TestIndex(t *testing.T) {
	rejected := []tracking.Rejection{{Index: 0}, {Index: 2}, {Index: 3}, {Index: 6}}
	for place, want := range []int{1, 4, 5, 7, 8} {
		if got := tracking.Index(place, rejected); got != want {
			t.Errorf("the one at %d was at %d, want %d", place, got, want)
		}
	}
}

// model is what Parse is compared with: a strict decoder for any type.
type model struct {
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	At         time.Time         `json:"at"`
	Unit       string            `json:"unit"`
	UnitType   *string           `json:"unit_type"`
	Units      map[string]string `json:"units"`
	Experiment string            `json:"experiment"`
	Variation  string            `json:"variation"`
	Position   int64             `json:"position"`
	Name       string            `json:"name"`
	Value      json.RawMessage   `json:"value"`
	Attributes json.RawMessage   `json:"attributes"`
}

func FuzzParse(f *testing.F) {
	for _, event := range []string{
		with(), exposed("position", "5", "attributes", `{"a":[1,{"b":"c"}]}`), with("value", "1.5e2", "units", `{"d":"é"}`),
		with("unit", `"\ud83d\ude00"`), "null", `{"a":"\ud800"}`, "1", "[[]]", with("attributes", `{"a":1,"a":1}`),
	} {
		f.Add(body(event))
		f.Add(body(with(), event, exposed()))
	}
	f.Add([]byte(`{"events":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, rejected, err := tracking.Parse(bytes.Clone(data), now)
		var batch struct{ Events []json.RawMessage }
		if err != nil {
			var strict struct {
				Events []json.RawMessage `json:"events"`
			}
			if domain.Decode(data, &strict) == nil && strict.Events != nil && len(data) <= tracking.MaxBody && len(strict.Events) <= tracking.MaxEvents {
				t.Fatalf("refused with %v: %q", err, data)
			}
			return
		}
		valid := json.Valid(data)
		if !valid && len(rejected) == 0 {
			t.Fatalf("took what is no JSON: %q", data)
		}
		if !valid {
			return
		}
		if err := json.Unmarshal(data, &batch); err != nil || len(batch.Events) != len(events)+len(rejected) {
			t.Fatalf("%d events and %d rejected of %d: %v", len(events), len(rejected), len(batch.Events), err)
		}
		for place := range events {
			compare(t, &events[place], batch.Events[tracking.Index(place, rejected)])
		}
		for _, r := range rejected {
			var m model
			if domain.Decode(batch.Events[r.Index], &m) == nil && acceptable(&m) {
				t.Fatalf("rejected with %s: %s", r.Problem, batch.Events[r.Index])
			}
		}
	})
}

// compare holds an event that was taken against its JSON.
func compare(t *testing.T, e *tracking.Event, raw json.RawMessage) {
	var m model
	if err := domain.Decode(raw, &m); err != nil {
		t.Fatalf("took %s: %v", raw, err)
	}
	want := tracking.Event{
		ID: e.ID, Type: m.Type, At: m.At.UTC().Truncate(time.Microsecond), Unit: m.Unit, Units: m.Units, Experiment: m.Experiment,
		Variation: m.Variation, Position: m.Position, Name: m.Name,
	}
	if !strings.EqualFold(e.ID.String(), m.ID) || e.Validate() != nil {
		t.Fatalf("took %s as %+v: %v", raw, e, e.Validate())
	}
	if m.UnitType != nil {
		want.UnitType = *m.UnitType
	}
	if m.Value != nil && string(m.Value) != "null" {
		amount, err := tracking.ParseAmount(string(m.Value))
		if err != nil {
			t.Fatalf("took %s: %v", raw, err)
		}
		want.Value = &amount
	}
	if string(m.Attributes) != "null" && string(m.Attributes) != "{}" {
		want.Attributes = m.Attributes
	}
	if diff := cmp.Diff(want, *e); diff != "" {
		t.Fatalf("%s: %s", raw, diff)
	}
}

// acceptable is Validate's opinion of a model.
func acceptable(m *model) bool {
	e := exposure()
	if e.ID.UnmarshalText([]byte(m.ID)) != nil || len(m.ID) != 36 {
		return false
	}
	e.Type, e.At, e.Unit, e.Units, e.Experiment, e.Variation = m.Type, m.At, m.Unit, m.Units, m.Experiment, m.Variation
	e.Position, e.Name, e.Attributes = m.Position, m.Name, m.Attributes
	if m.UnitType != nil && *m.UnitType == "" || len(m.Attributes) > 0 && m.Attributes[0] != '{' && m.Attributes[0] != 'n' {
		return false
	}
	if m.UnitType != nil {
		e.UnitType = *m.UnitType
	}
	if m.Value != nil && string(m.Value) != "null" {
		amount, err := tracking.ParseAmount(string(m.Value))
		if err != nil {
			return false
		}
		e.Value = &amount
	}
	return e.Validate() == nil && now.Sub(m.At) <= tracking.MaxBehind && now.Sub(m.At) >= -tracking.MaxAhead
}

func BenchmarkParse(b *testing.B) {
	var events []string
	for i := range 20 {
		event := exposed("position", "42", "attributes", `{"country":"US","plan":"pro","age":31,"beta":true}`)
		if i%4 != 0 {
			event = with("value", "49.9")
		}
		events = append(events, event)
	}
	data := body(events...)
	b.ReportAllocs()
	for b.Loop() {
		if got, _, err := tracking.Parse(data, now); len(got) != 20 || err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20, "ns/event")
}
