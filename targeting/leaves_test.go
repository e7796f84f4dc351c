package targeting

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

func TestLeaves(t *testing.T) {
	for _, tt := range []struct {
		condition string
		want      []string // pointer and test, in turn
	}{
		{`{}`, nil},
		{`{"a":1}`, []string{"/a", `{"a":1}`}},
		{`{"a":{}}`, nil},
		{`{"a":{"b":[1]}}`, []string{"/a", `{"a":{"b":[1]}}`}},
		{`{"a.b/c~d":{"$gt":1,"$lt":9}}`, []string{"/a.b~1c~0d/$gt", `{"a.b/c~d":{"$gt":1}}`, "/a.b~1c~0d/$lt", `{"a.b/c~d":{"$lt":9}}`}},
		{
			`{"$or":[{"a":1},{"$not":{"b":{"$not":{"$in":["x"]}}}}],"$nor":[],"c":null}`,
			[]string{"/$or/0/a", `{"a":1}`, "/$or/1/$not/b/$not/$in", `{"b":{"$in":["x"]}}`, "/c", `{"c":null}`},
		},
		{`{"a":{"$not":"x"}}`, []string{"/a/$not", `{"a":"x"}`}},
		{`{"$groups":{"$all":["x",{"$not":{"$eq":"y"}}]}}`, []string{"/$groups/$all", `{"$groups":{"$all":["x",{"$not":{"$eq":"y"}}]}}`}},
		{`{"a":{"$elemMatch":{"b":1}},"a.b":{"$size":{"$gt":1}}}`, []string{"/a/$elemMatch", `{"a":{"$elemMatch":{"b":1}}}`, "/a.b/$size", `{"a.b":{"$size":{"$gt":1}}}`}},
	} {
		cond, err := Parse([]byte(tt.condition))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, leaf := range cond.Leaves() {
			got = append(got, leaf.Pointer, string(leaf.Condition.Canonical()))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.condition, got, tt.want)
		}
	}
}

// Put together again, what the leaves of a condition give is what the condition
// gives.
func TestLeavesAddUpToTheCondition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, conditions := drawProgram(t)
		starts := make([]map[pointer]int, len(conditions))
		for i, cond := range conditions {
			starts[i] = map[pointer]int{}
			for _, leaf := range cond.Leaves() {
				starts[i][pointer(leaf.Pointer)] = c.Add(leaf.Condition)
			}
		}
		p := c.Compile()
		for range 4 {
			var a Attributes
			a.Reset(p, rapid.MapOfN(rapid.SampledFrom(names()), anyValue(3), 0, 6).Draw(t, "unit"))
			for i, cond := range conditions {
				holds := map[pointer]bool{}
				for at, start := range starts[i] {
					holds[at] = p.Match(start, &a)
				}
				if got, want := together("", jsontext.Value(cond.canonical), holds), p.Match(c.Add(cond), &a); got != want {
					t.Fatalf("%s: the leaves %v make %t, want %t", cond.canonical, holds, got, want)
				}
			}
		}
	})
}

// together is what a condition gives, by its leaves.
func together(at pointer, v jsontext.Value, holds map[pointer]bool) bool {
	all := true
	for _, m := range parts(v) {
		at := at.AppendToken(m.name)
		some, every := len(parts(m.value)) == 0, true
		if operator(m.name).joins() {
			for i, item := range parts(m.value) {
				holds := together(index(at, i), item.value, holds)
				some, every = some || holds, every && holds
			}
		}
		switch operator(m.name) {
		case opAnd:
			all = all && every
		case opOr:
			all = all && some
		case opNor:
			all = all && !some
		case opNot:
			all = all && !together(at, m.value, holds)
		default:
			all = all && attributeHolds(at, m.value, holds)
		}
	}
	return all
}

func attributeHolds(at pointer, v jsontext.Value, holds map[pointer]bool) bool {
	if answer, leaf := holds[at]; leaf {
		return answer
	}
	all := true
	for _, test := range parts(v) {
		at := at.AppendToken(test.name)
		if operator(test.name) == opNot {
			all = all && !attributeHolds(at, test.value, holds)
		} else {
			all = all && holds[at]
		}
	}
	return all
}
