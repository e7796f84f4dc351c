package targeting

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseRefuses(t *testing.T) {
	nested := func(depth int) string {
		return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
	}
	ones := strings.TrimSuffix(strings.Repeat("1,", 1001), ",")
	tests := []struct {
		name, condition, pointer, problem string
	}{
		{"nothing", ``, "", "must be a JSON object"},
		{"white space", " \n", "", "must be a JSON object"},
		{"null", `null`, "", "must be an object"},
		{"a list", `[]`, "", "must be an object"},
		{"a text", `"x"`, "", "must be an object"},
		{"a number", `1`, "", "must be an object"},
		{"true", `true`, "", "must be an object"},
		{"two values", `{} {}`, "", "nothing after it"},
		{"trailing text", `{}x`, "", "nothing after it"},
		{"an object cut off", `{"a":`, "/a", "unexpected EOF"},
		{"a trailing comma in a list", `{"a":[1,]}`, "/a", "must be valid JSON"},
		{"a trailing comma in an object", `{"a":1,}`, "", "must be valid JSON"},
		{"an unquoted key", `{a:1}`, "", "must be valid JSON"},
		{"NaN", `{"a":[NaN]}`, "/a/0", "must be valid JSON"},
		{"a leading zero", `{"a":01}`, "", "must be valid JSON"},

		{"a repeated key", `{"a":1,"a":2}`, "/a", "must be given once"},
		{"a repeated operator", `{"a":{"$gt":1,"$gt":2}}`, "/a/$gt", "must be given once"},
		{"a repeated key, escaped", `{"b":{"a":1,"\u0061":2}}`, "/b/a", "must be given once"},
		{"invalid UTF-8 in a value", "{\"a\":[1,\"\xff\"]}", "/a/1", "invalid UTF-8"},
		{"invalid UTF-8 in a key", "{\"a\":{\"\xff\":1}}", "/a", "invalid UTF-8"},
		{"a lone surrogate", `{"a":"\ud800"}`, "/a", "surrogate"},
		{"NUL in a value", `{"a":["b","c\u0000"]}`, "/a/1", "U+0000"},
		{"NUL in a key", `{"a":{"b\u0000":1}}`, "/a", "U+0000"},
		{"raw NUL", "{\"a\":\"\x00\"}", "/a", "must be valid JSON"},
		{"a whole number of 2^53", `{"a":[0,9007199254740992]}`, "/a/1", "±9007199254740991"},
		{"a whole number of -2^53", `{"a":-9007199254740992}`, "/a", "±9007199254740991"},
		{"a large number in another notation", `{"a":{"$gt":1e16}}`, "/a/$gt", "±9007199254740991"},
		{"a number beyond double precision", `{"a":1e400}`, "/a", "±9007199254740991"},
		{"17 objects deep", nested(17), strings.Repeat("/a", 16), "at most 16"},
		{"17 lists and objects deep", `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, "/a" + strings.Repeat("/0", 15), "at most 16"},
		{"100,000 objects deep, cut off", strings.Repeat(`{"a":`, 100_000), strings.Repeat("/a", 16), "at most 16"},
		{"a list of 1,001 values", `{"a":{"$in":[` + ones + `]}}`, "/a/$in", "at most 1000"},
		{"1,001 values to equal", `{"a":[` + ones + `]}`, "/a", "at most 1000"},
		{"1,001 conditions", `{"$or":[` + strings.ReplaceAll(ones, "1", "{}") + `]}`, "/$or", "at most 1000"},

		{"an unknown operator", `{"country":{"$inn":["US"]}}`, "/country/$inn", "must be one of $eq"},
		{"an unknown operator, its key escaped in the pointer", `{"a/b~c":{"$x/y":1}}`, "/a~1b~0c/$x~1y", "must be one of"},
		{"an unknown operator under $not", `{"$not":{"a":{"$not":{"$regx":"x"}}}}`, "/$not/a/$not/$regx", "must be one of"},
		{"an unknown operator on conditions", `{"$and":[{},{"$xor":[]}]}`, "/$and/1/$xor", "must be an attribute or one of $and"},
		{"an operator of other systems", `{"$savedGroup":{"id":"x"}}`, "/$savedGroup", "must be an attribute or one of"},
		{"an operator without attribute", `{"$in":["US"]}`, "/$in", "must stand under an attribute"},
		{"an operator spelled in capitals", `{"a":{"$IN":[]}}`, "/a/$IN", "must be one of"},
		{"only a dollar sign", `{"a":{"$":1}}`, "/a/$", "must be one of"},
		{"$or under an attribute", `{"name":{"$or":[{"name":"x"}]}}`, "/name/$or", "must stand outside"},
		{"$and under a $not of a value", `{"name":{"$not":{"$and":[]}}}`, "/name/$not/$and", "must stand outside"},
		{"$nor in $size", `{"a":{"$size":{"$nor":[]}}}`, "/a/$size/$nor", "must stand outside"},
		{"operators beside plain keys", `{"a":{"$gt":1,"b":2}}`, "/a", "not both"},
		{"plain keys beside operators", `{"a":{"$not":{"b":2,"$gt":1}}}`, "/a/$not", "not both"},
		{"operators within a value to equal", `{"a":{"b":{"$gt":1}}}`, "/a/b/$gt", "dotted path"},
		{"operators within a list to equal", `{"a":[{"b":[{"$gt":1}]}]}`, "/a/0/b/0/$gt", "dotted path"},

		{"an unknown operator within an operand", `{"a":{"$eq":{"$foo":1}}}`, "/a/$eq/$foo", "must be a plain key"},
		{"an operator within an operand", `{"a":{"$ne":[{"b":{"$gt":1}}]}}`, "/a/$ne/0/b/$gt", "must be a plain key"},
		{"an operator within a list of operands", `{"a":{"$in":["x",{"$regex":"y"}]}}`, "/a/$in/1/$regex", "must be a plain key"},

		{"$and of an object", `{"$and":{}}`, "/$and", "must be a list of conditions"},
		{"$or of a text", `{"$or":"x"}`, "/$or", "must be a list of conditions"},
		{"$nor of null", `{"$nor":null}`, "/$nor", "must be a list of conditions"},
		{"$or of a text in a list", `{"$or":[{},"x"]}`, "/$or/1", "must be an object"},
		{"$not of a list", `{"$not":[]}`, "/$not", "must be an object"},
		{"$not of null", `{"$not":null}`, "/$not", "must be an object"},
		{"$in of a number", `{"a":{"$in":1}}`, "/a/$in", "must be a list"},
		{"$nin of a text", `{"a":{"$nin":"x"}}`, "/a/$nin", "must be a list"},
		{"$ini of an object", `{"a":{"$ini":{}}}`, "/a/$ini", "must be a list"},
		{"$nini of null", `{"a":{"$nini":null}}`, "/a/$nini", "must be a list"},
		{"$all of a text", `{"a":{"$all":"x"}}`, "/a/$all", "must be a list"},
		{"$alli of a number", `{"a":{"$alli":1}}`, "/a/$alli", "must be a list"},
		{"$all of an unknown operator", `{"a":{"$all":[1,{"$x":1}]}}`, "/a/$all/1/$x", "must be one of"},
		{"$exists of a number", `{"a":{"$exists":1}}`, "/a/$exists", "must be true or false"},
		{"$exists of a text", `{"a":{"$exists":"true"}}`, "/a/$exists", "must be true or false"},
		{"$type of no type", `{"a":{"$type":"int"}}`, "/a/$type", "must be one of"},
		{"$type undefined", `{"a":{"$type":"undefined"}}`, "/a/$type", "must be one of"},
		{"$type of a number", `{"a":{"$type":2}}`, "/a/$type", "must be one of"},
		{"$size of a text", `{"a":{"$size":"1"}}`, "/a/$size", "must be a whole number"},
		{"$size below 0", `{"a":{"$size":-1}}`, "/a/$size", "must be a whole number"},
		{"$size of a fraction", `{"a":{"$size":1.5}}`, "/a/$size", "must be a whole number"},
		{"$size of a plain object", `{"a":{"$size":{"b":1}}}`, "/a/$size", "must be a whole number"},
		{"$size of both", `{"a":{"$size":{"$gt":1,"b":1}}}`, "/a/$size", "not both"},
		{"$elemMatch of a text", `{"a":{"$elemMatch":"x"}}`, "/a/$elemMatch", "must be an object"},
		{"$elemMatch of an unknown operator", `{"a":{"$elemMatch":{"$x":1}}}`, "/a/$elemMatch/$x", "must be one of"},
		{"$elemMatch of operators beside plain keys", `{"a":{"$elemMatch":{"$gt":1,"b":2}}}`, "/a/$elemMatch/$gt", "must stand under an attribute"},
		{"$regex of a number", `{"a":{"$regex":1}}`, "/a/$regex", "must be a regular expression as text"},
		{"$regexi of a list", `{"a":{"$regexi":[]}}`, "/a/$regexi", "must be a regular expression as text"},
		{"$veq of a boolean", `{"a":{"$veq":true}}`, "/a/$veq", "must be a version"},
		{"$vne of a list", `{"a":{"$vne":["1.0"]}}`, "/a/$vne", "must be a version"},
		{"$vgt of null", `{"a":{"$vgt":null}}`, "/a/$vgt", "must be a version"},
		{"$vgte of an object", `{"a":{"$vgte":{}}}`, "/a/$vgte", "must be a version"},
		{"$vlt of false", `{"a":{"$vlt":false}}`, "/a/$vlt", "must be a version"},
		{"$vlte of null", `{"a":{"$vlte":null}}`, "/a/$vlte", "must be a version"},
		{"$inGroup of a list", `{"id":{"$inGroup":["a"]}}`, "/id/$inGroup", "must be the key of a segment"},
		{"$notInGroup of a number", `{"id":{"$notInGroup":1}}`, "/id/$notInGroup", "must be the key of a segment"},
		{"$cidr of a number", `{"ip":{"$cidr":10}}`, "/ip/$cidr", "must be an IP prefix"},
		{"$cidr of an object", `{"ip":{"$cidr":{}}}`, "/ip/$cidr", "must be an IP prefix"},
		{"$cidr of no text", `{"ip":{"$cidr":""}}`, "/ip/$cidr", "must be an IP prefix"},
		{"$cidr of a name", `{"ip":{"$cidr":["10.0.0.0/8","localhost"]}}`, "/ip/$cidr/1", "must be an IP prefix"},
		{"$cidr of too many bits", `{"ip":{"$cidr":["10.0.0.0/33"]}}`, "/ip/$cidr/0", "must be an IP prefix"},
		{"$cidr of leading zeros", `{"ip":{"$cidr":"010.0.0.0/8"}}`, "/ip/$cidr", "must be an IP prefix"},
		{"$cidr of an address with a zone", `{"ip":{"$cidr":"fe80::1%eth0"}}`, "/ip/$cidr", "must be an IP prefix"},
		{"$cidr of a list within a list", `{"ip":{"$cidr":[["10.0.0.0/8"]]}}`, "/ip/$cidr/0", "must be an IP prefix"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkRefused(t, tt.condition, tt.pointer, tt.problem) })
	}
}

func checkRefused(t *testing.T, condition, pointer, problem string) {
	t.Helper()
	got, err := Parse([]byte(condition))
	var fault *ParseError
	if !errors.As(err, &fault) {
		t.Fatalf("error %v, want a *ParseError", err)
	}
	if got != nil {
		t.Error("a condition beside the error")
	}
	if fault.Pointer != pointer {
		t.Errorf("pointer %q, want %q (%s)", fault.Pointer, pointer, fault.Problem)
	}
	if !strings.Contains(fault.Problem, problem) || !strings.HasPrefix(fault.Problem, "must ") {
		t.Errorf("problem %q, want it to say what must be: %q", fault.Problem, problem)
	}
	if fault.Error() != "condition"+pointer+": "+fault.Problem {
		t.Errorf("error reads %q", fault)
	}
}

func TestParseRefusesPatterns(t *testing.T) {
	unbounded := []string{
		`(a+)+`, `(a*)*`, `(?:a*)*`, `(a|b+)*`, `(?:a{2,})+`, `(?:a+){3,}`, `(?:(?:a+)?)*`, `((a+){2})+`,
		`(?:a+|a+)+`, `(?i:a+)+`, `(?:a+?)+?`, `(?:|a+)+`, `(?:^*)*`, `x(y(a+b)*z)?`, `(?P<n>\w+\s?)*$`,
		`(?:[^\x00-\x{10FFFF}]*)*`,
	}
	for _, re := range unbounded {
		checkRefused(t, fmt.Sprintf(`{"a":{"$regex":%q}}`, re), "/a/$regex", "without bound")
	}
	for _, re := range []string{`[`, `(`, `a**`, `*`, `(?=a)`, `(?<!a)b`, `\1`, `a{1001}`, `(?:a{1000}){1000}`, `/???***[)`} {
		checkRefused(t, fmt.Sprintf(`{"a":{"$regexi":%q}}`, re), "/a/$regexi", "RE2")
	}
	checkRefused(t, `{"a":{"$regex":"`+strings.Repeat("é", 257)+`"}}`, "/a/$regex", "at most 256 characters")
	for _, re := range []string{`a+b+`, `(?:\d+\.){3}`, `(a+)?`, `\(a+\)+`, `[(a+)+]+`, `\Q(a+)+\E`, `(?:a{1,9})+`, `^\w+@\w+$`, strings.Repeat("é", 256), ""} {
		if _, err := Parse(fmt.Appendf(nil, `{"a":{"$regex":%q}}`, re)); err != nil {
			t.Errorf("%s is refused: %v", re, err)
		}
	}
}

func TestParseAcceptsUpToTheLimits(t *testing.T) {
	ones := strings.TrimSuffix(strings.Repeat("1,", 1000), ",")
	for name, condition := range map[string]string{
		"16 deep":                   strings.Repeat(`{"a":`, 16) + "1" + strings.Repeat("}", 16),
		"16 deep, side by side":     `{"a":{"b":{"c":[[]]}},"d":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`,
		"1,000 values":              `{"a":{"$in":[` + ones + `]}}`,
		"2^53-1":                    `{"a":[9007199254740991,-9007199254740991]}`,
		"small numbers":             `{"a":[1e-400,-0,0.1,1E3]}`,
		"an attribute of no name":   `{"":1}`,
		"a pair of surrogates":      `{"a":"\ud83d\ude00"}`,
		"null, compared in any way": `{"a":null,"b":{"$eq":null},"c":{"$not":null},"d":{"$in":[null]}}`,
	} {
		if _, err := Parse([]byte(condition)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseBuildsTheTree(t *testing.T) {
	num := func(n float64) value { return value{kind: number, number: n} }
	str := func(s string) value { return value{kind: text, text: s} }
	at := func(path string, test node) node { return field{strings.Split(path, "."), test} }
	tests := []struct {
		condition string
		want      node
	}{
		{`{}`, allOf{}},
		{`{"a":1}`, at("a", equals{operand: num(1)})},
		{`{"a.b.0":"x"}`, at("a.b.0", equals{operand: str("x")})},
		{`{"a":1,"b":null}`, allOf{at("a", equals{operand: num(1)}), at("b", equals{})}},
		{`{"a":{"b":[true]}}`, at("a", equals{operand: value{kind: object, entries: []entry{
			{"b", value{kind: list, items: []value{{kind: boolean, truth: true}}}},
		}}})},
		{`{"a":{}}`, at("a", allOf{})},
		{`{"a":{"$gt":1,"$lte":2}}`, at("a", allOf{compare{opGt, num(1)}, compare{opLte, num(2)}})},
		{`{"$and":[{"a":1},{"b":2}]}`, allOf{at("a", equals{operand: num(1)}), at("b", equals{operand: num(2)})}},
		{`{"$or":[{"a":1}],"$nor":[]}`, allOf{anyOf{at("a", equals{operand: num(1)})}, noneOf{}}},
		{`{"$not":{"a":{"$not":{"$ne":1}}}}`, not{at("a", not{compare{opNe, num(1)}})}},
		{`{"a":{"$not":5}}`, at("a", not{equals{operand: num(5)}})},
		{`{"$groups":{"$elemMatch":{"$eq":"a"}}}`, at("$groups", elemMatch{compare{opEq, str("a")}})},
		{`{"a":{"$in":[1]}}`, at("a", member{values: []value{num(1)}})},
		{`{"a":{"$nin":[1]}}`, at("a", member{values: []value{num(1)}, negate: true})},
		{`{"a":{"$ini":["X"]}}`, at("a", member{values: []value{str("X")}, fold: true})},
		{`{"a":{"$nini":["X"]}}`, at("a", member{values: []value{str("X")}, fold: true, negate: true})},
		{`{"a":{"$all":["x",{"$gt":1}]}}`, at("a", each{equals{operand: str("x")}, compare{opGt, num(1)}})},
		{`{"a":{"$alli":["x",{"$eq":"y"}]}}`, at("a", each{equals{str("x"), true}, compare{opEq, str("y")}})},
		{`{"a":{"$exists":true}}`, at("a", exists(true))},
		{`{"a":{"$exists":false}}`, at("a", exists(false))},
		{`{"a":{"$type":"null"}}`, at("a", typeIs(null))},
		{`{"a":{"$type":"boolean"}}`, at("a", typeIs(boolean))},
		{`{"a":{"$type":"number"}}`, at("a", typeIs(number))},
		{`{"a":{"$type":"string"}}`, at("a", typeIs(text))},
		{`{"a":{"$type":"array"}}`, at("a", typeIs(list))},
		{`{"a":{"$type":"object"}}`, at("a", typeIs(object))},
		{`{"a":{"$size":2}}`, at("a", size{equals{operand: num(2)}})},
		{`{"a":{"$size":{"$gt":2}}}`, at("a", size{compare{opGt, num(2)}})},
		{`{"a":{"$elemMatch":{"b":1}}}`, at("a", elemMatch{at("b", equals{operand: num(1)})})},
		{`{"a":{"$elemMatch":{"$or":[{"b":1}]}}}`, at("a", elemMatch{anyOf{at("b", equals{operand: num(1)})}})},
		{`{"a":{"$elemMatch":{"$not":{"$eq":1}}}}`, at("a", elemMatch{not{compare{opEq, num(1)}}})},
		{`{"a":{"$elemMatch":{"$not":{"b":1},"c":2}}}`, at("a", elemMatch{allOf{
			not{at("b", equals{operand: num(1)})}, at("c", equals{operand: num(2)}),
		}})},
		{`{"a":{"$vgte":"2.3.0"}}`, at("a", version{opVgte, str("2.3.0")})},
		{`{"a":{"$veq":2}}`, at("a", version{opVeq, num(2)})},
		{`{"id":{"$inGroup":"beta"}}`, at("id", inGroup{group: "beta"})},
		{`{"id":{"$notInGroup":"beta"}}`, at("id", inGroup{group: "beta", negate: true})},
		{`{"ip":{"$cidr":"10.1.2.3/8"}}`, at("ip", cidr{netip.MustParsePrefix("10.0.0.0/8")})},
		{`{"ip":{"$cidr":[]}}`, at("ip", cidr{})},
		{`{"ip":{"$cidr":["1.2.3.4","2001:db8::1","2001:DB8::/32","::ffff:1.2.3.4","::ffff:10.0.0.0/104"]}}`, at("ip", cidr{
			netip.MustParsePrefix("1.2.3.4/32"), netip.MustParsePrefix("2001:db8::1/128"), netip.MustParsePrefix("2001:db8::/32"),
			netip.MustParsePrefix("1.2.3.4/32"), netip.MustParsePrefix("10.0.0.0/8"),
		})},
	}
	for _, tt := range tests {
		c, err := Parse([]byte(tt.condition))
		if err != nil {
			t.Errorf("%s: %v", tt.condition, err)
			continue
		}
		if !reflect.DeepEqual(c.root, tt.want) {
			t.Errorf("%s\n got %#v\nwant %#v", tt.condition, c.root, tt.want)
		}
	}
}

func TestParserKeepsNothingOfEarlierConditions(t *testing.T) {
	var p Parser
	sources := []string{`{"a":[1,{"b":["x","\n"]}],"c":{"$in":[1,2]}}`, `{"z":{"$inGroup":"g"},"y":[[2]]}`, `{"a":1}`}
	var parsed []*Condition
	for _, source := range sources {
		for _, bad := range []string{`{"q":[7,{"r":[8,9007199254740992]}]}`, `{"q":[7,{"r":`, `{"q":{"$in":[1],"$x":2}}`} {
			if _, err := p.Parse([]byte(bad)); err == nil {
				t.Errorf("%s is parsed", bad)
			}
		}
		c, err := p.Parse([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, c)
	}
	for i, source := range sources {
		if want, err := Parse([]byte(source)); err != nil || !reflect.DeepEqual(parsed[i], want) {
			t.Errorf("%s\n got %#v\nwant %#v, %v", source, parsed[i], want, err)
		}
	}
}

func TestParseCompilesPatterns(t *testing.T) {
	for op, want := range map[string]bool{"$regex": false, "$regexi": true} {
		c, err := Parse([]byte(`{"a":{"` + op + `":"^mob|tab$"}}`))
		if err != nil {
			t.Fatal(err)
		}
		re := c.root.(field).test.(pattern).re
		if !re.MatchString("mobile") || re.MatchString("a mobile") || re.MatchString("MOBILE") != want {
			t.Errorf("%s compiled to %s", op, re)
		}
	}
}

func TestGroups(t *testing.T) {
	c, err := Parse([]byte(`{"$or":[{"id":{"$inGroup":"b"}},{"$not":{"id":{"$notInGroup":"a"}}}],"x":{"$elemMatch":{"$inGroup":"b"}},"y":{"$all":[{"$inGroup":"c"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Groups(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("groups %q", got)
	}
	c.Groups()[0] = "changed"
	if c.Groups()[0] != "a" {
		t.Error("a caller changed the condition")
	}
	if c, _ := Parse([]byte(`{}`)); len(c.Groups()) != 0 {
		t.Error("groups of a condition without any")
	}
}

func TestCanonical(t *testing.T) {
	source := []byte(" { \"z\" : 1.0 ,\n\t\"\\u0061\\/\": [ true , \"\\u00e9\" ] } ")
	c, err := Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	clear(source)
	const want = `{"z":1.0,"a/":[true,"é"]}`
	if got := string(c.Canonical()); got != want {
		t.Errorf("canonical %s, want %s", got, want)
	}
	clear(c.Canonical())
	if got := string(c.Canonical()); got != want {
		t.Error("a caller changed the condition")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a.b":{"$in":["x",null,1e3]}}`, `{"$or":[{"a":{"$regex":"^(a|b+)c*$"}},{"$not":{"b":{"$size":{"$gt":1}}}}]}`,
		`{"ip":{"$cidr":["10.0.0.0/8","::1"]}}`, `{"a":{"$elemMatch":{"$nor":[{"b":{"$inGroup":"g"}}]}}}`,
		`{"a":{"$alli":["\u00e9",{"$veq":"1.2"}]}}`, `{"a":{"$type":"null","$exists":false}}`, "{\"\\u0061\":\"\xff\"}", `{"a":{"b":1,"$gt":2}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			var fault *ParseError
			if !errors.As(err, &fault) || !strings.HasPrefix(fault.Problem, "must ") {
				t.Fatalf("error %v", err)
			}
			if !utf8.ValidString(err.Error()) || fault.Pointer != "" && fault.Pointer[0] != '/' {
				t.Fatalf("error %q", err)
			}
			return
		}
		again, err := Parse(c.Canonical())
		if err != nil {
			t.Fatalf("the canonical form is refused: %v", err)
		}
		if string(again.Canonical()) != string(c.Canonical()) || !slices.Equal(again.Groups(), c.Groups()) {
			t.Fatalf("%s became %s", c.Canonical(), again.Canonical())
		}
	})
}
