package targeting

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestMatchAgreesWithTheTree compares what is compiled with naive on conditions
// and units drawn from the same few names and values, so that they often meet.
// One Attributes serves all units and programs in turn.
func TestMatchAgreesWithTheTree(t *testing.T) {
	var a Attributes
	answers := make(map[bool]int)
	check := func(t *rapid.T) {
		c, conditions := drawProgram(t)
		p := c.Compile()
		for range rapid.IntRange(1, 4).Draw(t, "units") {
			unit := rapid.MapOfN(rapid.SampledFrom(names()), anyValue(3), 0, 6).Draw(t, "unit")
			a.Reset(p, unit)
			for _, cond := range conditions {
				i := c.Add(cond)
				want := naive{naiveSegments()}.match(cond.root, toValue(unit))
				if got, again := p.Match(i, &a), p.Match(i, &a); got != want || again != want {
					t.Fatalf("%s on %#v is %t, then %t; want %t", cond.canonical, unit, got, again, want)
				}
				if got := p.MatchOnce(i, unit); got != want {
					t.Fatalf("%s on %#v is %t once, want %t", cond.canonical, unit, got, want)
				}
				answers[want]++
			}
		}
	}
	for range 4 {
		rapid.Check(t, check)
	}
	if answers[true]*10 < answers[false] || answers[false]*10 < answers[true] {
		t.Errorf("%d units met a condition and %d did not: one of them is hardly tried", answers[true], answers[false])
	}
}

func drawProgram(t *rapid.T) (*Compiler, []*Condition) {
	c := NewCompiler(segments())
	var conditions []*Condition
	for range rapid.IntRange(1, 5).Draw(t, "conditions") {
		source, err := json.Marshal(conditionOf(3).Draw(t, "condition"))
		if err != nil {
			t.Fatal(err)
		}
		cond, err := Parse(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		c.Add(cond)
		conditions = append(conditions, cond)
	}
	return c, conditions
}

func segmentIDs() map[string][]string {
	return map[string][]string{"beta": {"US", "s", "1.2.3", "US"}, "empty": {}, "asked": {"us", "s", ""}}
}

func segments() map[string]*Members {
	segments := make(map[string]*Members)
	for key, ids := range segmentIDs() {
		segments[key] = NewMembers(ids)
	}
	segments["asked"] = MembersWho(func(id string) bool { return slices.Contains(segmentIDs()["asked"], id) })
	return segments
}

func naiveSegments() map[string][]value {
	segments := make(map[string][]value)
	for key, ids := range segmentIDs() {
		segments[key] = toValue(ids).items
	}
	return segments
}

func names() []string { return []string{"a", "b", "c", "0", "length", ""} }

func paths() *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(append(names(), "01", "-1")), 1, 3), func(names []string) string {
		return strings.Join(names, ".")
	})
}

func someTexts() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{
		"", "US", "us", "uS", "s", "ſ", "k", "\u212a", "σ", "ς", "Σ", "ǅ", "\uffff", "\U0001f600", "\ue000x", "a\U0001f600",
		"1.2.3", "v1.2.3", "1.2.3+b", "1.2.3-beta", "1.2", "1..2", "01.2.3", "1.2.99999", "1.2.100000", "v", "vv1.0.0", "1-2-3",
		"1.2.3+a\nb", "1.2.3\u2028+b", "10000.0.0", "9999.0.0", "1.2.3.4", "-1", "1.0.0-\U0001f600", "1.0.0-\uffff", "0", "1e",
		"10.1.2.3", "10.1.2.3 ", "::ffff:10.1.2.3", "fe80::1", "fe80::1%eth0", "::", "11.0.0.0", "FE80:0:0::1",
	}), rapid.StringN(0, 3, 8), rapid.StringMatching(`v?[0-9]{0,6}([.-][0-9a]{0,6}){0,3}(\+[a\n]?)?`))
}

func someNumbers() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 2, 3, -1, 1.5, 1e-7, 5e-324, 1e15}), rapid.Float64Range(-3, 3))
}

// anyValue draws what an attribute may hold.
func anyValue(depth int) *rapid.Generator[any] {
	plain := []*rapid.Generator[any]{
		someTexts().AsAny(), someTexts().AsAny(), someNumbers().AsAny(), rapid.Bool().AsAny(),
		rapid.SampledFrom([]any{
			nil, math.NaN(), math.Inf(1), math.Inf(-1), 1e21, 1.7e308, -1e-9, int(1), int8(2), int16(3), int32(-1), int64(math.MinInt64), uint(1), uint8(2),
			uint16(3), uint32(1), uint64(math.MaxUint64), uintptr(1), float32(1.5), json.Number("1"), json.Number("1e400"), json.Number("x"),
			json.Number("0.5"),
			struct{}{},
			[]int{1},
			[]string(nil), []any(nil), map[string]any(nil),
		}),
	}
	if depth == 0 {
		return rapid.OneOf(plain...)
	}
	return rapid.OneOf(append(plain,
		rapid.SliceOfN(anyValue(depth-1), 0, 4).AsAny(),
		rapid.SliceOfN(someTexts(), 0, 4).AsAny(),
		rapid.MapOfN(rapid.SampledFrom(names()), anyValue(depth-1), 0, 3).AsAny(),
	)...)
}

// operand draws a value that Parse takes.
func operand(depth int) *rapid.Generator[any] {
	plain := []*rapid.Generator[any]{someTexts().Filter(noNUL).AsAny(), someNumbers().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil)}
	if depth > 0 {
		plain = append(plain, rapid.SliceOfN(operand(depth-1), 0, 3).AsAny(), rapid.MapOfN(rapid.SampledFrom(names()), operand(depth-1), 1, 2).AsAny())
	}
	return rapid.OneOf(plain...)
}

func noNUL(s string) bool { return !strings.Contains(s, "\x00") }

func conditionOf(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		c := make(map[string]any)
		for range rapid.IntRange(0, 2).Draw(t, "attributes") {
			c[paths().Draw(t, "path")] = testOf(depth, false).Draw(t, "test")
		}
		if depth > 0 && rapid.Bool().Draw(t, "joins") {
			op := rapid.SampledFrom([]string{"$and", "$or", "$nor"}).Draw(t, "operator")
			c[op] = rapid.SliceOfN(conditionOf(depth-1), 0, 3).Draw(t, "joined")
		}
		if depth > 0 && rapid.IntRange(0, 3).Draw(t, "negates") == 0 {
			c["$not"] = conditionOf(depth-1).Draw(t, "negated")
		}
		return c
	})
}

// testOf draws operators on a value or, unless only they will do, a value.
func testOf(depth int, onlyOperators bool) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		if !onlyOperators && rapid.Bool().Draw(t, "plain") {
			return operand(2).Draw(t, "value")
		}
		tests := make(map[string]any)
		for range rapid.IntRange(0, 2).Draw(t, "operators") {
			op, value := drawOperator(t, depth)
			tests[op] = value
		}
		return tests
	})
}

func drawOperator(t *rapid.T, depth int) (string, any) {
	from := func(ops ...string) string { return rapid.SampledFrom(ops).Draw(t, "operator") }
	choices := 9
	if depth > 0 {
		choices = 13
	}
	switch rapid.IntRange(1, choices).Draw(t, "operators") {
	case 1:
		return from("$eq", "$ne"), operand(1).Draw(t, "value")
	case 2:
		return from("$lt", "$lte", "$gt", "$gte"), operand(0).Draw(t, "value")
	case 3:
		return from("$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte"), someTexts().Filter(noNUL).Draw(t, "version")
	case 4:
		return from("$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte"), someNumbers().Draw(t, "version")
	case 5:
		return from("$in", "$nin", "$ini", "$nini"), rapid.SliceOfN(operand(1), 0, 9).Draw(t, "values")
	case 6:
		return "$exists", rapid.Bool().Draw(t, "exists")
	case 7:
		return "$type", from("null", "boolean", "number", "string", "array", "object")
	case 8:
		return from("$regex", "$regexi"), from("^u", "s$", "[0-9]+", "", "σ|k")
	case 9:
		if rapid.Bool().Draw(t, "group") {
			return from("$inGroup", "$notInGroup"), from("beta", "empty", "asked", "unknown")
		}
		networks := rapid.SampledFrom([]string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "::/0", "fe80::/10", "::ffff:11.0.0.0/104", "0.0.0.0/0"})
		return "$cidr", rapid.SliceOfN(networks, 0, 4).Draw(t, "networks")
	case 10:
		return "$not", testOf(depth-1, false).Draw(t, "negated")
	case 11:
		return from("$all", "$alli"), rapid.SliceOfN(testOf(depth-1, false), 0, 3).Draw(t, "each")
	case 12:
		if rapid.Bool().Draw(t, "number") {
			return "$size", rapid.IntRange(0, 3).Draw(t, "size")
		}
		return "$size", testOf(depth-1, true).Draw(t, "size")
	default:
		if rapid.Bool().Draw(t, "members") {
			// Alone, $not would be an operator on the element.
			return "$elemMatch", map[string]any{"$and": []any{conditionOf(depth-1).Draw(t, "element")}}
		}
		return "$elemMatch", testOf(depth-1, true).Draw(t, "element")
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":1}`, `{"a":1}`},
		{`{"a.b.0":{"$in":["x",null,1e3]}}`, `{"a":{"b":[1000]}}`},
		{`{"$or":[{"a":{"$regex":"^(a|b+)c*$"}},{"$not":{"b":{"$size":{"$gt":1}}}}]}`, `{"a":"ab","b":[[],[]]}`},
		{`{"ip":{"$cidr":["10.0.0.0/8","::1","10.2.0.0/16"]}}`, `{"ip":"::ffff:10.2.3.4"}`},
		{`{"a":{"$elemMatch":{"$nor":[{"b":{"$inGroup":"beta"}}]}}}`, `{"a":[null,{"b":["US"]},{"b":"s"}]}`},
		{`{"a":{"$alli":["É",{"$veq":"1.2"}],"$ini":["k"]}}`, `{"a":["é","v1.2+3","K"]}`},
		{`{"v":{"$vgte":"1.2.3-rc.1","$vlt":"2.0.0"}}`, `{"v":"1.10.99999"}`},
		{`{"v":{"$vne":2,"$lt":1e3}}`, `{"v":1e-7}`},
		{`{"a":{"b":[1,{"c":null}]},"d":{"$type":"object","$exists":true}}`, `{"a":{"b":[1,{"c":null}]},"d":{}}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, condition, attributes []byte) {
		cond, err := Parse(condition)
		var unit map[string]any
		if err != nil || json.Unmarshal(attributes, &unit) != nil {
			return
		}
		c := NewCompiler(segments())
		i := c.Add(cond)
		p := c.Compile()
		var a Attributes
		a.Reset(p, unit)
		if want, got := (naive{naiveSegments()}).match(cond.root, toValue(unit)), p.Match(i, &a); got != want {
			t.Fatalf("%s on %s is %t, want %t", condition, attributes, got, want)
		} else if p.MatchOnce(i, unit) != want {
			t.Fatalf("%s on %s is %t once, want %t", condition, attributes, !want, want)
		}
	})
}

func TestMatchOfDeepAndLargeValues(t *testing.T) {
	deep := any("x")
	for range 100_000 {
		deep = []any{deep}
	}
	wide := make([]any, 100_000)
	unit := map[string]any{"deep": deep, "wide": wide, "text": strings.Repeat("é", 1<<20)}
	for condition, want := range map[string]bool{
		`{"deep":[[["x"]]]}`:                        false,
		`{"deep":{"$elemMatch":{"$type":"array"}}}`: true,
		`{"deep.0.0.0.0":{"$size":1}}`:              true,
		`{"wide":{"$in":["x",null]}}`:               true,
		`{"wide":{"$elemMatch":{"$eq":null}}}`:      false,
		`{"wide.99999":{"$exists":false}}`:          true,
		`{"text":{"$vgt":"1.0.0"}}`:                 true,
		`{"text":{"$ini":["É"]}}`:                   false,
		`{"text":{"$cidr":"::/0"}}`:                 false,
	} {
		if got := match(t, condition, unit); got != want {
			t.Errorf("%s is %t", condition, got)
		}
	}
}

// match compiles one condition alone and matches one unit.
func match(t testing.TB, condition string, unit map[string]any) bool {
	t.Helper()
	cond, err := Parse([]byte(condition))
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	c := NewCompiler(segments())
	i := c.Add(cond)
	p := c.Compile()
	var a Attributes
	a.Reset(p, unit)
	return p.Match(i, &a)
}

// TestMatch is of what the specification's vectors leave out.
func TestMatch(t *testing.T) {
	many := make([]any, 30)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	tests := []struct {
		condition string
		x         any
		want      bool
	}{
		{`{"x":{"$lt":1}}`, math.NaN(), false},
		{`{"x":{"$gte":1}}`, math.NaN(), false},
		{`{"x":{"$ne":1}}`, math.NaN(), true},
		{`{"x":{"$type":"number","$nin":[1,2,3,4,5,6,7,8,9,10,11,12,13]}}`, math.NaN(), true},
		{`{"x":0}`, math.Copysign(0, -1), true},
		{`{"x":{"$gt":9007199254740991}}`, uint64(math.MaxUint64), true},
		{`{"x":{"$gt":9007199254740991}}`, json.Number("1e400"), true},
		{`{"x":null}`, json.Number("one"), true},
		{`{"x":null}`, struct{}{}, true},
		{`{"x":{"$in":[true,false]}}`, true, true},
		{`{"x":{"$in":[false,true]}}`, false, true},
		{`{"x":{"$in":[false]}}`, true, false},
		{`{"x":{"$in":[13,12,11,10,9,8,7,6,5,4,3,2,1]}}`, 13, true},
		{`{"x":{"$in":[13,12,11,10,9,8,7,6,5,4,3,2,1]}}`, 1, true},
		{`{"x":{"$in":[[1],{"a":1}]}}`, []any{[]any{1}, map[string]any{"a": 1}}, false},
		{`{"x":{"$all":[]}}`, []any{}, true},
		{`{"x":{"$all":[]}}`, "a", false},
		{`{"x":{"$all":[null]}}`, []any{nil}, true},
		{`{"x":{"$elemMatch":{"$eq":null}}}`, []any{nil}, false},
		{`{"x":{"$elemMatch":{}}}`, []string{""}, true},
		{`{"x.0":1,"x.length":1}`, []any{1}, true},
		{`{"x.00":null,"x.-0":null,"x.+0":null,"x.1":null,"x.0.0":null}`, []any{1}, true},
		{`{"x.0":"a"}`, []string{"a"}, true},
		{`{"x.length":null}`, map[string]any{}, true},
		{`{"x.length":null}`, "text", true},
		{`{"x":{"a":null}}`, map[string]any{"b": nil}, false},
		{`{"x":{"$ini":["\u212a"]},"$nor":[{"x":{"$nini":["K"]}},{"x":"k"}]}`, "K", true},
		{`{"x":{"$ini":["k"]}}`, "\u212a", true},
		{`{"x":{"$ini":["us"]},"$or":[{"x":{"$ini":["US"]}}]}`, "Us", true},
		{`{"x":{"$alli":["S","é"]}}`, []string{"É", "ſ"}, true},
		{`{"x":{"$lt":"\uffff"}}`, "\U0001f600", true},
		{`{"x":{"$gt":"\ud83d\ude00"}}`, "\ue000", true},
		{`{"x":{"$lt":"\ud83d\ude00"}}`, "\ud7ff", true},
		{`{"x":{"$vlt":"1.0.0-\uffff"}}`, "1.0.0-\U0001f600", true},
		{`{"x":{"$veq":"1.2.3"}}`, "1.02.3", false},
		{`{"x":{"$vgt":"1.02.3"}}`, "1.2.3", false},
		{`{"x":{"$vgt":"1.2.99999"}}`, "1.2.100000", false}, // six digits are compared as text
		{`{"x":{"$vgt":"2.0.0"}}`, "100000.0.0", true},
		{`{"x":{"$veq":"1.2"}}`, "1.2+a\u2028+b", false},
		{`{"x":{"$veq":"1.2+a\u2028"}}`, "1.2+a\u2028+b", true},
		{`{"x":{"$vlt":"2"}}`, 1, false},
	}
	for _, tt := range tests {
		if got := match(t, tt.condition, map[string]any{"x": tt.x}); got != tt.want {
			t.Errorf("%s on %#v is %t", tt.condition, tt.x, got)
		}
	}
	list, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(many)
	reversed, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range many {
		if !match(t, fmt.Sprintf(`{"x":{"$in":%s},"$or":[{"x":{"$in":%s}}]}`, list, reversed), map[string]any{"x": x}) {
			t.Errorf("%v is not in both lists", x)
		}
	}
}

func TestMatchAddresses(t *testing.T) {
	const office = `{"ip":{"$cidr":["10.0.0.0/8","10.1.0.0/16","192.168.1.7","2001:db8::/32","::ffff:172.16.0.0/108"]}}`
	for ip, want := range map[any]bool{
		"10.0.0.0": true, "10.255.255.255": true, "11.0.0.0": false, "9.255.255.255": false,
		"192.168.1.7": true, "192.168.1.8": false, "172.31.0.1": true, "172.32.0.1": false,
		"::ffff:10.1.2.3": true, "::ffff:0a01:0203": true, "2001:DB8::1": true, "2001:db9::1": false, "2001:db8::1%eth0": false,
		"10.0.0.1/32": false, " 10.0.0.1": false, "10.0.1": false, "010.0.0.1": false, "": false, nil: false, 10.0: false,
	} {
		if got := match(t, office, map[string]any{"ip": ip}); got != want {
			t.Errorf("%v is %t", ip, got)
		}
	}
	if match(t, `{"ip":{"$cidr":[]}}`, map[string]any{"ip": "10.0.0.1"}) {
		t.Error("an address in no network")
	}
}

func TestAddSharesEqualConditions(t *testing.T) {
	c := NewCompiler(nil)
	var indexes []int
	for _, source := range []string{`{"a":1}`, ` { "a" : 1 } `, `{"b":1}`, `{"a":1}`} {
		cond, err := Parse([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		indexes = append(indexes, c.Add(cond))
	}
	if fmt.Sprint(indexes) != "[0 0 1 0]" || c.Compile().Len() != 2 {
		t.Errorf("indexes %v, %d conditions", indexes, c.Compile().Len())
	}
}

func TestAttributesOutliveGenerationsAndPrograms(t *testing.T) {
	small, large := NewCompiler(nil), NewCompiler(nil)
	for i := range 20 {
		cond, err := Parse(fmt.Appendf(nil, `{"a%d":%d}`, i, i))
		if err != nil {
			t.Fatal(err)
		}
		large.Add(cond)
		if i < 2 {
			small.Add(cond)
		}
	}
	p, q := small.Compile(), large.Compile()
	var a Attributes
	check := func(p *Program, want bool) {
		t.Helper()
		if p.Match(0, &a) != want || p.Match(1, &a) {
			t.Errorf("generation %d: wrong", a.generation)
		}
	}
	check(p, false) // the zero value
	met := map[string]any{"a0": 0}
	a.Reset(p, met)
	check(p, true)
	check(q, true) // another program sees the same unit
	a.generation = 0
	a.Reset(p, met)
	check(p, true) // stays as found and answered in generation 1
	a.generation = 1<<31 - 1
	a.Reset(p, nil)
	check(p, false)
	if a.generation != 1 {
		t.Errorf("generation %d has no room beside the answer", a.generation)
	}
}

func TestProgramIsShared(t *testing.T) {
	p := compileAudiences(parseAudiences(t, audiences(50, 5)))
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			var a Attributes
			for n := range 50 {
				unit := someone()
				met := (g+n)%2 == 0
				if !met {
					unit["plan"] = "free" + strconv.Itoa(n)
				}
				a.Reset(p, unit)
				for i := range p.Len() {
					if got := p.Match(i, &a); got != (met || i != n) {
						t.Errorf("audience %d on %v is %t", i, unit, got)
					}
				}
			}
		})
	}
	wait.Wait()
}
