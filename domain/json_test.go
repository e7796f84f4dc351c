package domain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// sample has a member of each kind that documents are made of.
type sample struct {
	Header
	Name   string            `json:"name"`
	On     bool              `json:"on"`
	Count  int               `json:"count"`
	Size   uint8             `json:"size"`
	Share  float64           `json:"share"`
	At     time.Time         `json:"at"`
	Day    Date              `json:"day"`
	Other  uuid.UUID         `json:"other"`
	Tags   []string          `json:"tags"`
	Map    map[string]string `json:"map"`
	Arms   []arm             `json:"arms"`
	Layer  *arm              `json:"layer"`
	Maybe  *int              `json:"maybe"`
	Value  jsontext.Value    `json:"value"`
	Old    json.RawMessage   `json:"old"`
	Any    any               `json:"any"`
	Secret int               `json:"-"`
}

type arm struct {
	Key    string `json:"key"`
	Weight int    `json:"weight"`
}

func nested(levels int) string {
	return strings.Repeat("[", levels) + strings.Repeat("]", levels)
}

func TestDecodeRefuses(t *testing.T) {
	const text = "text must be valid UTF-8 without NUL"
	for name, tt := range map[string]struct{ doc, field, problem string }{
		"nothing":                {``, "body", "must be a JSON document, is empty"},
		"white space":            {" \n", "body", "must be a JSON document, is empty"},
		"half a document":        {`{"name":`, "name", "not valid JSON: unexpected EOF at byte 8"},
		"half a literal":         {`tru`, "body", "not valid JSON: unexpected EOF at byte 3"},
		"not JSON":               {`{"arms":[{"key":x}]}`, "arms[0].key", "not valid JSON: invalid character 'x' at start of value at byte 16"},
		"a comma too many":       {`{"name":"x",}`, "body", "not valid JSON: invalid character ',' at start of value at byte 11"},
		"a name without quotes":  {`{name:"x"}`, "body", "not valid JSON: invalid character 'a' in literal null (expecting 'u') at byte 2"},
		"NaN":                    {`{"share":NaN}`, "share", "not valid JSON: invalid character 'N' at start of value at byte 9"},
		"a byte order mark":      {"\ufeff{}", "body", "not valid JSON: invalid character '\\ufeff' at start of value at byte 0"},
		"two documents":          {`{} {}`, "body", "one JSON document expected, found more after it"},
		"rubbish after it":       {`{}x`, "body", "one JSON document expected, found more after it"},
		"another kind":           {`[]`, "body", "must be an object"},
		"null":                   {`null`, "body", "must be an object"},
		"unknown field":          {`{"arms":[{"key":"a"},{"colour":1}]}`, "arms[1].colour", "unknown field"},
		"unknown empty field":    {`{"":1}`, `""`, "unknown field"},
		"another case":           {`{"Name":"x"}`, "Name", "unknown field"},
		"a field not in JSON":    {`{"Secret":1}`, "Secret", "unknown field"},
		"duplicate field":        {`{"arms":[{"key":"a","key":"b"}]}`, "arms[0].key", "duplicate field"},
		"duplicate by escape":    {`{"name":"a","n\u0061me":"b"}`, "name", "duplicate field"},
		"duplicate in raw":       {`{"value":{"a":[1,{"b":1,"b":2}]}}`, "value.a[1].b", "duplicate field"},
		"duplicate map key":      {`{"map":{"u1":"a","u1":"b"}}`, "map.u1", "duplicate field"},
		"number for string":      {`{"name":1}`, "name", "must be a string"},
		"object for string":      {`{"tags":[{"a":1}]}`, "tags[0]", "must be a string"},
		"null for string":        {`{"name":null}`, "name", "must be a string"},
		"null in a list":         {`{"tags":["a",null]}`, "tags[1]", "must be a string"},
		"null in a map":          {`{"map":{"u1":null}}`, "map.u1", "must be a string"},
		"string for bool":        {`{"on":"true"}`, "on", "must be true or false"},
		"null for bool":          {`{"on":null}`, "on", "must be true or false"},
		"string for int":         {`{"arms":[{"weight":"1"}]}`, "arms[0].weight", "must be a whole number between -(2^53-1) and 2^53-1"},
		"half for int":           {`{"count":1.5}`, "count", "must be a whole number between -(2^53-1) and 2^53-1"},
		"exponent for int":       {`{"count":1e3}`, "count", "must be a whole number between -(2^53-1) and 2^53-1"},
		"null for int":           {`{"count":null}`, "count", "must be a whole number between -(2^53-1) and 2^53-1"},
		"2^53":                   {`{"count":9007199254740992}`, "count", "must be a whole number between -(2^53-1) and 2^53-1"},
		"-2^53 in raw":           {`{"value":[-9007199254740992]}`, "value[0]", "must be a whole number between -(2^53-1) and 2^53-1"},
		"2^64 in any":            {`{"any":{"n":18446744073709551616}}`, "any.n", "must be a whole number between -(2^53-1) and 2^53-1"},
		"below 0 for uint":       {`{"size":-1}`, "size", "must be a whole number between 0 and 2^53-1"},
		"1e400":                  {`{"count":1e400}`, "count", "must be a number within the range of a 64-bit float"},
		"1e400 in raw":           {`{"value":1e400}`, "value", "must be a number within the range of a 64-bit float"},
		"string for float":       {`{"share":"0.5"}`, "share", "must be a number"},
		"object for array":       {`{"tags":{}}`, "tags", "must be an array"},
		"null for array":         {`{"tags":null}`, "tags", "must be an array"},
		"array for object":       {`{"arms":[[]]}`, "arms[0]", "must be an object"},
		"array for map":          {`{"map":[]}`, "map", "must be an object"},
		"null for map":           {`{"map":null}`, "map", "must be an object"},
		"string for pointer":     {`{"layer":"x"}`, "layer", "must be an object"},
		"string for int pointer": {`{"maybe":"x"}`, "maybe", "must be a whole number between -(2^53-1) and 2^53-1"},
		"not a time":             {`{"at":"yesterday"}`, "at", "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z"},
		"number for time":        {`{"at":1}`, "at", "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z"},
		"null for time":          {`{"created_at":null}`, "created_at", "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z"},
		"not a day":              {`{"day":"2026-02-30"}`, "day", "must be a day as YYYY-MM-DD"},
		"number for day":         {`{"day":1}`, "day", "must be a string"},
		"not a uuid":             {`{"other":"x"}`, "other", "must be a UUID"},
		"a uuid in braces":       {`{"id":"{0193e1a2-7b3c-7def-8123-456789abcdef}"}`, "id", "must be a UUID"},
		"a uuid without hyphens": {`{"id":"0193e1a27b3c7def8123456789abcdef"}`, "id", "must be a UUID"},
		"number for uuid":        {`{"other":123456789012345}`, "other", "must be a UUID"},
		"object for uuid":        {`{"other":{}}`, "other", "must be a UUID"},
		"null for uuid":          {`{"id":null}`, "id", "must be a UUID"},
		"NUL":                    {`{"name":"a\u0000b"}`, "name", text},
		"NUL in a name":          {`{"map":{"a\u0000b":"x"}}`, "map.a\x00b", text},
		"NUL in raw":             {`{"value":["\u0000"]}`, "value[0]", text},
		"NUL as a byte":          {"{\"name\":\"a\x00b\"}", "name", `not valid JSON: invalid character '\x00' in string (expecting non-control character) at byte 10`},
		"invalid UTF-8":          {"{\"name\":\"a\xffb\"}", "name", text},
		"invalid UTF-8 name":     {"{\"a\xffb\":1}", "body", text},
		"lone surrogate":         {`{"name":"\ud800"}`, "name", text},
		"surrogates swapped":     {`{"value":{"a":"\udc00\ud800"}}`, "value.a", text},
		"33 levels":              {`{"value":` + nested(32) + `}`, "value" + strings.Repeat("[0]", 31), "nested deeper than 32 levels"},
		"10000 levels":           {nested(10_000), strings.Repeat("[0]", 32), "nested deeper than 32 levels"},
		"long names":             {`{"` + strings.Repeat("é", 500) + `":1}`, strings.Repeat("é", 128) + "…", "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			var v sample
			err := Decode([]byte(tt.doc), &v)
			var invalid *InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v, want an InvalidError", err)
			}
			if invalid.Field != tt.field || invalid.Problem != tt.problem {
				t.Errorf("got  %q: %q\nwant %q: %q", invalid.Field, invalid.Problem, tt.field, tt.problem)
			}
		})
	}
}

func TestDecodeReadsEveryKind(t *testing.T) {
	id := uuid.MustParse("0193e1a2-7b3c-7def-8123-456789abcdef")
	doc := ` {"id":"0193E1A2-7b3c-7def-8123-456789abcdef","key":"k","name":"\\u0000 é \ud83d\ude00","on":true,
		"count":-9007199254740991,"size":255,"share":1e-3,"at":"2026-01-31T12:00:00.5+01:00","day":"2026-01-31",
		"other":"0193e1a2-7b3c-7def-8123-456789abcdef","tags":["a",""],"map":{"":"x"},
		"arms":[{"key":"a","weight":0}],"layer":null,"maybe":null,
		"value": {"b" : 1.0, "a":[null, 1e3]},"old":null,"any":{"x":[null,1]}} `
	var got sample
	if err := Decode([]byte(doc), &got); err != nil {
		t.Fatal(err)
	}
	if !got.At.Equal(time.Date(2026, 1, 31, 11, 0, 0, 5e8, time.UTC)) {
		t.Errorf("at is %s", got.At)
	}
	got.At = time.Time{}
	want := sample{
		Header: Header{ID: id, Key: "k"}, Name: `\u0000 é 😀`, On: true, Count: -maxWhole, Size: 255, Share: 1e-3,
		Day: DateOf(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)), Other: id, Tags: []string{"a", ""},
		Map: map[string]string{"": "x"}, Arms: []arm{{Key: "a"}},
		Value: jsontext.Value(`{"b" : 1.0, "a":[null, 1e3]}`), Old: json.RawMessage(`null`),
		Any: map[string]any{"x": []any{nil, 1.0}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodeOfOneValue(t *testing.T) {
	var (
		text    string
		number  int
		value   any
		raw     jsontext.Value
		members map[string]jsontext.Value
	)
	for doc, v := range map[string]any{
		`"x"`: &text, `7`: &number, `null`: &value, ` [1]`: &raw, `{"a":null}`: &members, nested(maxDepth): &raw,
	} {
		if err := Decode([]byte(doc), v); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
	if text != "x" || number != 7 || string(members["a"]) != "null" {
		t.Errorf("got %q, %d, %q", text, number, members)
	}
}

func TestDecodeLaysOverWhatIsThere(t *testing.T) {
	v := sample{Name: "old", Tags: []string{"a", "b"}, Count: 3}
	if err := Decode([]byte(`{"name":"new","tags":["c"]}`), &v); err != nil {
		t.Fatal(err)
	}
	if v.Name != "new" || len(v.Tags) != 1 || v.Count != 3 {
		t.Errorf("got %+v", v)
	}
}

func TestEncode(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"maps are sorted", map[string]int{"b": 1, "a": 2, "é": 3}, `{"a":2,"b":1,"é":3}`},
		{"html is not escaped", "<a href='x'>&\u2028", `"<a href='x'>&` + "\u2028" + `"`},
		{"zero stamps are left out", Header{Key: "k"}, `{"id":"00000000-0000-0000-0000-000000000000","key":"k"}`},
		{"nil is empty", arrays{}, `{"list":[],"map":{}}`},
		{"raw values are compacted", jsontext.Value(`{ "b" : 1.0, "a" : "\u00e9/" }`), `{"b":1.0,"a":"é/"}`},
		{"times", time.Date(2026, 1, 31, 12, 0, 0, 5000, time.UTC), `"2026-01-31T12:00:00.000005Z"`},
		{"days", Date(0), `"1970-01-01"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Encode(tt.v)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
	for _, v := range []any{"\xff", math.NaN(), math.Inf(1)} {
		if got, err := Encode(v); err == nil {
			t.Errorf("%q should not be encoded, got %s", v, got)
		}
	}
}

type arrays struct {
	List []int          `json:"list"`
	Map  map[string]int `json:"map"`
}

func TestErrorsTellWhereAndWhat(t *testing.T) {
	first, second := Invalid("a", "must be %d", 1), Invalid("b", "is missing")
	all := fmt.Errorf("create: %w", InvalidErrors{first, second})
	if got, want := all.Error(), "create: a: must be 1; b: is missing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var found *InvalidError
	if !errors.As(all, &found) || found != first || !errors.Is(all, error(second)) {
		t.Errorf("found %v", found)
	}
	if got := (&VersionError{Want: 2, Have: 3}).Error(); got != "expected version 2, is at version 3" {
		t.Error(got)
	}
	if got := (&ConflictError{Problem: "key is taken"}).Error(); got != "key is taken" {
		t.Error(got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"name":"x","count":1,"tags":["a"],"arms":[{"key":"a","weight":1}]}`,
		`{"value":{"a":[1.5,null,"\u0000"]},"any":[1e400],"at":"2026-01-31T12:00:00Z"}`,
		`{"id":"0193e1a2-7b3c-7def-8123-456789abcdef","layer":null,"map":{"u":"v"}}`,
		`{"name":"\ud800"}`, nested(40), `{"a":1,"a":2}`, "{\"name\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v sample
		if err := Decode(data, &v); err != nil {
			checkRefusal(t, err)
			return
		}
		// What is accepted is one document for every reader, and survives.
		if !json.Valid(data) || !utf8.Valid(data) {
			t.Fatalf("accepted %q", data)
		}
		once, err := Encode(&v)
		if err != nil {
			t.Fatal(err)
		}
		var again sample
		if err := Decode(once, &again); err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice, err := Encode(&again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s, %v", once, twice, err)
		}
	})
}

// checkRefusal holds every refusal to its form, and to silence about Go.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	invalid, ok := err.(*InvalidError)
	if !ok {
		t.Fatalf("got %T: %v", err, err)
	}
	if invalid.Field == "" || invalid.Problem == "" || !utf8.ValidString(invalid.Error()) ||
		strings.Contains(invalid.Problem, "domain.") || strings.Contains(invalid.Problem, "json:") {
		t.Fatalf("unfit for a caller: %q: %q", invalid.Field, invalid.Problem)
	}
}
