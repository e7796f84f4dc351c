package eventstore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/assaylabs/assay/domain"
)

// renamed is an invented event in its third schema version: the first called
// its member "t", the second "title".
type renamed struct {
	Name string `json:"name"`
}

func (renamed) Type() string { return "thing.renamed" }

func rename(from, to string) upcaster {
	return func(data []byte) ([]byte, error) {
		var members map[string]any
		if err := json.Unmarshal(data, &members); err != nil {
			return nil, err
		}
		value, ok := members[from]
		if !ok {
			return nil, fmt.Errorf("no %s", from)
		}
		delete(members, from)
		members[to] = value
		return json.Marshal(members)
	}
}

func TestUpcasting(t *testing.T) {
	r := registry{}
	register[renamed](r, rename("t", "title"), rename("title", "name"))
	thing := r["thing.renamed"]
	if got := thing.schemaVersion(); got != 3 {
		t.Errorf("schema version %d, want 3", got)
	}
	for version, data := range map[int]string{1: `{"t":"x"}`, 2: `{"title":"x"}`, 3: `{"name":"x"}`} {
		event, err := thing.read("thing.renamed", version, []byte(data))
		if err != nil || event != (renamed{Name: "x"}) {
			t.Errorf("version %d: %+v, %v", version, event, err)
		}
	}
	for _, tt := range []struct {
		name    string
		version int
		data    string
		want    string
	}{
		{"version 0", 0, `{}`, "unknown event type thing.renamed version 0"},
		{"from the future", 4, `{}`, "unknown event type thing.renamed version 4"},
		{"first step fails", 1, `{"title":"x"}`, "upcast thing.renamed version 1: no t"},
		{"second step fails", 2, `{"name":"x"}`, "upcast thing.renamed version 2: no title"},
		{"does not decode", 3, `{"name":1}`, "decode thing.renamed version 3: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			event, err := thing.read("thing.renamed", tt.version, []byte(tt.data))
			if event != nil || err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want %s", event, err, tt.want)
			}
		})
	}
}

func TestUnknownTypes(t *testing.T) {
	var unknown *UnknownTypeError
	if _, err := Decode("thing.renamed", 1, []byte(`{}`)); !errors.As(err, &unknown) || unknown.Type != "thing.renamed" {
		t.Errorf("decode: %v", err)
	}
	if _, _, err := encode(renamed{}); !errors.As(err, &unknown) {
		t.Errorf("encode: %v", err)
	}
}

// What can be decoded can be encoded, and that form is its only one from then
// on: whoever folds a record writes the same bytes.
func FuzzDecode(f *testing.F) {
	for _, e := range samples() {
		data, version, err := encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.Type(), version, data)
	}
	f.Add("experiment.created", 1, []byte(`null`))
	f.Add("experiment.created", 1, []byte(`{"audience":{ "a" : [1.0, 1e400, -0] },"overrides":null}`))
	f.Add("segment.members_changed", 1, []byte(`{"added":["\u0000","\ud83d\ude00"]}`))
	f.Add("day.closed", 1, []byte(`{"date":"2026-02-30"}`))
	f.Add("day.closed", -1, []byte(``))
	f.Fuzz(func(t *testing.T, typ string, version int, data []byte) {
		event, err := Decode(typ, version, data)
		if err != nil {
			if event != nil {
				t.Errorf("an event with the error %v", err)
			}
			return
		}
		if event.Type() != typ {
			t.Fatalf("%s decodes as %s", typ, event.Type())
		}
		first, err := domain.Encode(event)
		if err != nil {
			t.Fatalf("%s %q cannot be encoded: %v", typ, data, err)
		}
		again, err := Decode(typ, version, first)
		if err != nil {
			t.Fatalf("%s %s cannot be decoded: %v", typ, first, err)
		}
		if second, err := domain.Encode(again); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s: %s became %s, %v", typ, first, second, err)
		}
	})
}
