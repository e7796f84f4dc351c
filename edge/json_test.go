package edge

import (
	"reflect"
	"testing"

	"github.com/assaylabs/assay/domain"
)

// quick reads an object with the quick reader alone.
func quick(text string) (map[string]any, bool) {
	var p reader
	p.read(text)
	m := map[string]any{}
	p.members(m, 1)
	return m, p.end()
}

func TestQuickReaderTakesPlainRequests(t *testing.T) {
	for _, text := range []string{
		`{}`, " {\t}\r\n", `{"a":1}`, `{"a":-1.5,"b":0,"c":123456789012345}`,
		`{"a":"","b":"é😀","c":true,"d":false,"e":null}`,
		`{"a":{"b":{"c":[1,2,[],{}]}}, "d" : [ "x" , "y" ] }`,
	} {
		got, ok := quick(text)
		if !ok {
			t.Errorf("%s: gave up", text)
		}
		var want map[string]any
		if err := domain.Decode([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v %v", text, got, want, err)
		}
	}
}

func TestQuickReaderGivesUpInDoubt(t *testing.T) {
	for _, text := range []string{
		``, ` `, `[]`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1}x`, `{"a":1}{}`, `{"a" 1}`, `{"a":1 "b":2}`,
		`{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`, `{"a":"\u0000"}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}",
		`{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`, `{"a":-0}`, `{"a":1e999}`, `{"a":9007199254740993}`,
		`{"a":nul}`, `{"a":tru`, `{"a":[1,]}`, `{"a":[}`, `{"a":"`, `{"a":NaN}`, `{'a':1}`, "\xef\xbb\xbf{}",
	} {
		if got, ok := quick(text); ok {
			t.Errorf("%s: read as %#v", text, got)
		}
	}
}

// Whatever the quick reader accepts, domain.Decode accepts with the same values.
func FuzzQuickReader(f *testing.F) {
	for _, text := range []string{
		`{"unit":"u1","attributes":{"country":"US","age":41.5,"tags":["a",1,null]},"experiments":["x"]}`,
		`{"a":[{"b":{}}],"c":-12.25,"d":"é"}`, `{"a":1,"a":2}`, `{"a":1e5}`, "{\"\x00\":1}", `{"a":"` + "\u2028" + `"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := quick(text)
		if !ok {
			return
		}
		var want map[string]any
		if err := domain.Decode([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %#v, want %#v %v", text, got, want, err)
		}
	})
}
