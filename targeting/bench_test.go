package targeting

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
)

// someone has the eight attributes of the benchmarks.
func someone() map[string]any {
	return map[string]any{
		"country": "US", "app_version": "2.10.3", "plan": "pro", "age": 34.0, "os": "iOS",
		"email": "someone@example.com", "tags": []any{"early", "mobile", "paying"}, "employee": false,
	}
}

// audience returns a condition of n tests that someone meets, so that none is
// left out, and that differs for every i.
func audience(i, n int) string {
	tests := []string{
		fmt.Sprintf(`"country":{"$in":["US","CA","c%d"]}`, i),
		fmt.Sprintf(`"app_version":{"$vgte":"2.3.%d"}`, i),
		fmt.Sprintf(`"plan":{"$ne":"free%d"}`, i),
		fmt.Sprintf(`"age":{"$gt":18,"$lt":%d}`, 100+i),
		fmt.Sprintf(`"os":{"$in":["iOS","o%d"]}`, i),
	}
	all := "{"
	for j, test := range tests[:n] {
		if j > 0 {
			all += ","
		}
		all += test
	}
	return all + "}"
}

func audiences(count, tests int) [][]byte {
	sources := make([][]byte, count)
	for i := range sources {
		sources[i] = []byte(audience(i, tests))
	}
	return sources
}

func parseAudiences(t testing.TB, sources [][]byte) []*Condition {
	t.Helper()
	conditions := make([]*Condition, len(sources))
	for i, source := range sources {
		cond, err := Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		conditions[i] = cond
	}
	return conditions
}

func compileAudiences(conditions []*Condition) *Program {
	c := NewCompiler(nil)
	for _, cond := range conditions {
		c.Add(cond)
	}
	return c.Compile()
}

// BenchmarkMatchAll matches 1,000 distinct audiences, all met, for one unit.
func BenchmarkMatchAll(b *testing.B) {
	for _, tests := range []int{1, 2, 3, 5} {
		b.Run(fmt.Sprintf("tests=%d", tests), func(b *testing.B) {
			p := compileAudiences(parseAudiences(b, audiences(1000, tests)))
			unit := someone()
			var a Attributes
			a.Reset(p, unit)
			b.ReportAllocs()
			for b.Loop() {
				a.Reset(p, unit)
				for i := range p.Len() {
					if !p.Match(i, &a) {
						b.Fatal("not met")
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(p.Len()), "ns/audience")
		})
	}
}

// BenchmarkMatch matches one condition whose attribute is already found.
func BenchmarkMatch(b *testing.B) {
	for _, op := range operators() {
		b.Run(op.name, func(b *testing.B) {
			p, a := prepare(b, op.condition, op.unit)
			b.ReportAllocs()
			for b.Loop() {
				clear(a.answers)
				p.Match(0, a)
			}
		})
	}
}

func prepare(t testing.TB, condition string, unit map[string]any) (*Program, *Attributes) {
	t.Helper()
	cond, err := Parse([]byte(condition))
	if err != nil {
		t.Fatal(err)
	}
	c := NewCompiler(segments())
	c.Add(cond)
	p := c.Compile()
	var a Attributes
	a.Reset(p, unit)
	return p, &a
}

type operatorCase struct {
	name, condition string
	unit            map[string]any
}

func operators() []operatorCase {
	many := make([]string, 1000)
	for i := range many {
		many[i] = "value-" + strconv.Itoa(i)
	}
	list, _ := json.Marshal(many)
	x := func(v any) map[string]any { return map[string]any{"x": v} }
	nested := map[string]any{"x": map[string]any{"y": []any{"a", map[string]any{"z": 1.0}}}}
	strange := map[string]any{"x": "1.0.0-Ünïcode.\U0001f600+build"}
	return []operatorCase{
		{"everyone", `{}`, nil},
		{"missing", `{"x":{"$in":["a","b"]}}`, nil},
		{"plain text", `{"x":"mobile"}`, x("mobile")},
		{"plain number", `{"x":3}`, x(3)},
		{"plain json.Number", `{"x":3}`, x(json.Number("3"))},
		{"plain list", `{"x":["a","b",1]}`, x([]any{"a", "b", 1})},
		{"plain []string", `{"x":["a","b"]}`, x([]string{"a", "b"})},
		{"plain object", `{"x":{"y":["a",{"z":1}]}}`, nested},
		{"path", `{"x.y.1.z":1,"x.y.length":2}`, nested},
		{"$eq", `{"x":{"$eq":"mobile"}}`, x("mobile")},
		{"$ne", `{"x":{"$ne":true}}`, x(false)},
		{"$gt $lt of numbers", `{"x":{"$gt":1,"$lt":9}}`, x(uint8(5))},
		{"$gte $lte of texts", `{"x":{"$gte":"2026-01-01","$lte":"2026-12-31"}}`, x("2026-06-15")},
		{"$veq", `{"x":{"$veq":"1.2.3"}}`, x("v1.2.3+build")},
		{"$vgte", `{"x":{"$vgte":"2.3.0"}}`, x("2.10.3")},
		{"$vgte of pre-releases", `{"x":{"$vgte":"2.3.0-beta.2"}}`, x("2.3.0-beta.11")},
		{"$vlt beyond ASCII", `{"x":{"$vlt":"1.0.0-Ünïcode.\uffff"}}`, strange},
		{"$vne of numbers", `{"x":{"$vne":2}}`, x(1e-7)},
		{"$in of 3", `{"x":{"$in":["a","b","mobile"]}}`, x("mobile")},
		{"$in of 1,000", `{"x":{"$in":` + string(list) + `}}`, x("value-777")},
		{"$nin of mixed values", `{"x":{"$nin":[1,2,3,null,true,"a"]}}`, x(4)},
		{"$in of a list", `{"x":{"$in":["a","b"]}}`, x([]any{"c", 1, nil, "b"})},
		{"$in of a []string", `{"x":{"$in":["a","b"]}}`, x([]string{"c", "b"})},
		{"$ini", `{"x":{"$ini":["MOBILE","Straße"]}}`, x("STRAßE")},
		{"$nini of a list", `{"x":{"$nini":["MOBILE","Straße"]}}`, x([]any{"web", "ÉCRAN"})},
		{"$all", `{"x":{"$all":["a","b",{"$regex":"c"}]}}`, x([]any{"b", "a", "abc"})},
		{"$alli", `{"x":{"$alli":["É","b"]}}`, x([]string{"B", "é"})},
		{"$not $and $or $nor", `{"$not":{"$and":[{"$or":[{"x":1},{"x":2}]},{"$nor":[{"x":2}]}]}}`, x(3)},
		{"$exists $type", `{"x":{"$exists":true,"$type":"object"}}`, nested},
		{"$size", `{"x":{"$size":{"$gt":1}}}`, x([]any{1, 2})},
		{"$elemMatch", `{"x":{"$elemMatch":{"$gt":3}}}`, x([]any{1, nil, "a", 4})},
		{"$elemMatch of objects", `{"x.y":{"$elemMatch":{"z":{"$lt":2},"q.r":null}}}`, nested},
		{"$regex", `{"x":{"$regex":"(Mobile|Tablet)"}}`, x("Mozilla/5.0 (Linux; Android 15) Mobile Safari/537.36")},
		{"$regex anchored", `{"x":{"$regex":"@example\\.com$"}}`, x("someone@example.com")},
		{"$regexi", `{"x":{"$regexi":"^(mob|tab)[a-z]+$"}}`, x("MobilE")},
		{"$inGroup", `{"x":{"$inGroup":"beta"}}`, x("1.2.3")},
		{"$notInGroup", `{"x":{"$notInGroup":"unknown"}}`, x("1.2.3")},
		{"$cidr", `{"x":{"$cidr":["10.0.0.0/8","2001:db8::/32"]}}`, x("10.1.2.3")},
		{"$cidr of IPv6", `{"x":{"$cidr":["10.0.0.0/8","2001:db8::/32"]}}`, x("2001:db8::ff00:42:8329")},
		{"$cidr of no address", `{"x":{"$cidr":"10.0.0.0/8"}}`, x("10.1.2.300")},
	}
}

// BenchmarkCompile makes 1,000 distinct audiences of three tests ready.
func BenchmarkCompile(b *testing.B) {
	sources := audiences(1000, 3)
	conditions := parseAudiences(b, sources)
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parseAudiences(b, sources)
		}
	})
	b.Run("compile", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			compileAudiences(conditions)
		}
	})
}

func BenchmarkMembers(b *testing.B) {
	ids := make([]string, 1_000_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("%08x-0000-4000-8000-%012x", i*2654435761, i)
	}
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NewMembers(ids)
		}
	})
	m := NewMembers(ids)
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if !m.Has(ids[i*7919%len(ids)]) {
				b.Fatal("lost")
			}
		}
	})
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if m.Has("00000000-0000-4000-8000-ffffffffffff") {
				b.Fatal("false")
			}
		}
	})
}
