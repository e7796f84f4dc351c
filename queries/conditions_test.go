package queries

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
)

func TestCheckCondition(t *testing.T) {
	s := newStack(t)
	for _, body := range []string{`{"name":"Beta","ids":["u1","u2"]}`, `{"name":"Empty"}`} {
		if _, err := s.commands.CreateResource(t.Context(), commands.Call{}, domain.KindSegment, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	s.settle(t)
	for _, tt := range []struct {
		condition, attributes string // attributes "" for none
		want                  string
	}{
		{`{}`, ``, `true [] <nil> []`},
		{`{}`, `{}`, `true [] true []`},
		{`{"country":"US"}`, ``, `true [] <nil> []`},
		{`{"country":"US","age":{"$gt":17,"$lt":65}}`, `{"country":"US","age":70}`, `true [] false [{/country true} {/age/$gt true} {/age/$lt false}]`},
		{`{"$or":[{"a":1},{"$not":{"a":2}}]}`, `{"a":2}`, `true [] false [{/$or/0/a false} {/$or/1/$not/a true}]`},
		{`{"id":{"$inGroup":"beta"},"x":{"$notInGroup":"empty"}}`, `{"id":"u2","x":["u1"]}`, `true [] true [{/id/$inGroup true} {/x/$notInGroup true}]`},
		{`{"id":{"$inGroup":"beta"}}`, `{"id":"u3"}`, `true [] false [{/id/$inGroup false}]`},
		{
			`{"a":{"$inGroup":"nobody"},"$or":[{"b":{"$elemMatch":{"$inGroup":"gone"}}}]}`, `{}`,
			`false [{/a/$inGroup names a segment that does not exist: nobody} {/$or/0/b/$elemMatch names a segment that does not exist: gone}] <nil> []`,
		},
		{`[]`, `{}`, `false [{ must be an object}] <nil> []`},
		{`{"a":{"$in":"US"}}`, `{}`, `false [{/a/$in must be a list of values}] <nil> []`},
	} {
		var attributes map[string]any
		if tt.attributes != "" {
			attributes = decode[map[string]any](t, []byte(tt.attributes))
		}
		got, err := s.CheckCondition([]byte(tt.condition), attributes)
		matches := "<nil>"
		if got.Matches != nil {
			matches = fmt.Sprint(*got.Matches)
		}
		if text := fmt.Sprintf("%t %v %s %v", got.Valid, got.Errors, matches, got.Explanation); err != nil || text != tt.want {
			t.Errorf("%s of %s: %s, %v, want %s", tt.condition, tt.attributes, text, err, tt.want)
		}
	}
}

func TestCheckConditionIsBounded(t *testing.T) {
	s := newStack(t)
	s.create(t, `{"name":"a"}`)
	s.settle(t)
	texts := make([]any, maxTexts+1)
	for i := range texts {
		texts[i] = fmt.Sprint(i)
	}
	var invalid *domain.InvalidError
	if _, err := s.CheckCondition([]byte(`{}`), map[string]any{"a": texts}); !errors.As(err, &invalid) || invalid.Field != "attributes" {
		t.Errorf("%d texts: %v", len(texts), err)
	}
	many := `{"a":1}` + strings.Repeat(`,{"a":1}`, 599)
	got, err := s.CheckCondition([]byte(`{"$and":[`+many+`],"$or":[`+many+`]}`), map[string]any{"a": 1.0})
	if err != nil || !got.Valid || !*got.Matches || len(got.Explanation) != 1000 {
		t.Errorf("%d tests explained, %v", len(got.Explanation), err)
	}
}
