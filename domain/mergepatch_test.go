package domain

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestMergePatchAsInTheRFC(t *testing.T) {
	for _, tt := range []struct{ target, patch, want string }{
		// RFC 7396, appendix A
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		// and what we promise besides
		{`{"z":1,"a":{"y":1,"b":2}}`, `{"n":0,"a":{"b":3},"z":4}`, `{"z":4,"a":{"y":1,"b":3},"n":0}`},
		{` { "a" : [ 1.0 , null ] } `, ` { "b" : { "x" : [ null ] } } `, `{"a":[1.0,null],"b":{"x":[null]}}`},
		{`{"\u0061":1}`, `{"a":2}`, `{"a":2}`},
		{`{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"b":1}}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
	} {
		got, err := MergePatch([]byte(tt.target), []byte(tt.patch))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s patched with %s is %s, %v, want %s", tt.target, tt.patch, got, err, tt.want)
		}
	}
}

func TestMergePatchIsStrict(t *testing.T) {
	for _, tt := range []struct{ name, patch, field string }{
		{"duplicates", `{"a":{"b":1,"b":2}}`, "a.b"},
		{"more after it", `{} {}`, "body"},
		{"nothing", ``, "body"},
		{"NUL", `{"a":"\u0000"}`, "a"},
		{"depth", nested(33), strings.Repeat("[0]", 32)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := MergePatch([]byte(`{}`), []byte(tt.patch))
			var invalid *InvalidError
			if !errors.As(err, &invalid) || invalid.Field != tt.field {
				t.Errorf("got %v, want a fault of %s", err, tt.field)
			}
			if _, err := MergePatch([]byte(tt.patch), []byte(`{}`)); err == nil {
				t.Error("the same target was accepted")
			}
		})
	}
}

// plainMerge is RFC 7396's pseudocode on decoded values.
func plainMerge(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	members, ok := target.(map[string]any)
	if !ok {
		members = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(members, name)
		} else {
			members[name] = plainMerge(members[name], value)
		}
	}
	return members
}

func FuzzMergePatch(f *testing.F) {
	f.Add([]byte(`{"a":{"b":"c"},"d":[1]}`), []byte(`{"a":{"b":null,"e":{"f":null}},"d":2}`))
	f.Add([]byte(`[1]`), []byte(`{"a":null,"b":{}}`))
	f.Add([]byte(`{"a":1}`), []byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, target, patch []byte) {
		got, err := MergePatch(target, patch)
		if checkJSON(target) != nil || checkJSON(patch) != nil {
			if err == nil {
				t.Fatalf("accepted %q and %q", target, patch)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := checkJSON(got); err != nil {
			t.Fatalf("made %q: %v", got, err)
		}
		want := plainMerge(decodePlainly(t, target), decodePlainly(t, patch))
		if !reflect.DeepEqual(decodePlainly(t, got), want) {
			t.Fatalf("%s patched with %s is %s, want %v", target, patch, got, want)
		}
		if compact := jsontext.Value(got).Clone(); compact.Compact() != nil || string(compact) != string(got) {
			t.Fatalf("%q is not compact", got)
		}
	})
}

func decodePlainly(t *testing.T, data []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
