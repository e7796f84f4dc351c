package targeting

import (
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// naive interprets the tree of a condition as its nodes' comments read, with
// nothing in common with what is compiled. segments are lists of values.
type naive struct{ segments map[string][]value }

func (n naive) match(test node, v value) bool {
	matches := func(test node) bool { return n.match(test, v) }
	switch test := test.(type) {
	case allOf:
		return !slices.ContainsFunc(test, func(t node) bool { return !n.match(t, v) })
	case anyOf:
		return len(test) == 0 || slices.ContainsFunc(test, matches)
	case noneOf:
		return len(test) > 0 && !slices.ContainsFunc(test, matches)
	case not:
		return !n.match(test.test, v)
	case field:
		return n.match(test.test, follow(v, test.path))
	case exists:
		return bool(test) == (v.kind != null)
	case typeIs:
		return v.kind == kind(test)
	case size:
		return v.kind == list && n.match(test.test, value{kind: number, number: float64(len(v.items))})
	case elemMatch:
		return slices.ContainsFunc(v.items, func(item value) bool { return item.kind != null && n.match(test.test, item) })
	case each:
		return v.kind == list && !slices.ContainsFunc(test, func(t node) bool {
			return !slices.ContainsFunc(v.items, func(item value) bool { return n.match(t, item) })
		})
	}
	return n.matchPlain(test, v)
}

func (n naive) matchPlain(test node, v value) bool {
	switch test := test.(type) {
	case equals:
		return sameDeep(v, test.operand, test.fold)
	case compare:
		return naiveCompare(test.op, v, test.operand)
	case version:
		return naiveVersion(test.op, v, test.operand)
	case member:
		return oneOf(v, test.values, test.fold) != test.negate
	case inGroup:
		return oneOf(v, n.segments[test.group], false) != test.negate
	case pattern:
		return v.kind == text && test.re.MatchString(v.text)
	case cidr:
		addr, err := netip.ParseAddr(v.text)
		return err == nil && slices.ContainsFunc(test, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
	}
	return false
}

func follow(v value, path []string) value {
	for _, step := range path {
		at := func(e entry) bool { return e.name == step }
		i, err := strconv.Atoi(step)
		switch {
		case v.kind == object && slices.ContainsFunc(v.entries, at):
			v = v.entries[slices.IndexFunc(v.entries, at)].value
		case v.kind == list && step == "length":
			v = value{kind: number, number: float64(len(v.items))}
		case v.kind == list && err == nil && strconv.Itoa(i) == step && 0 <= i && i < len(v.items):
			v = v.items[i]
		default:
			return value{}
		}
	}
	return v
}

// same is equality of JavaScript's === : no list or object is the same as another.
func same(a, b value) bool {
	return a.kind == b.kind && a.kind != list && a.kind != object && a.truth == b.truth && a.number == b.number && a.text == b.text
}

func sameDeep(a, b value, fold bool) bool {
	if a.kind != b.kind || len(a.items) != len(b.items) || len(a.entries) != len(b.entries) {
		return false
	}
	for i := range a.items {
		if !sameDeep(a.items[i], b.items[i], false) {
			return false
		}
	}
	for _, e := range a.entries {
		i := slices.IndexFunc(b.entries, func(other entry) bool { return other.name == e.name })
		if i < 0 || !sameDeep(e.value, b.entries[i].value, false) {
			return false
		}
	}
	return a.kind == list || a.kind == object || same(a, b) || fold && a.kind == text && strings.EqualFold(a.text, b.text)
}

func naiveCompare(op operator, v, operand value) bool {
	if op == opEq || op == opNe {
		return same(v, operand) == (op == opEq)
	}
	if v.kind != operand.kind || v.kind != number && v.kind != text || math.IsNaN(v.number) {
		return false
	}
	order := slices.Compare(utf16.Encode([]rune(v.text)), utf16.Encode([]rune(operand.text)))
	if v.kind == number {
		order = slices.Compare([]float64{v.number}, []float64{operand.number})
	}
	return holds(op, order)
}

func holds(op operator, order int) bool {
	switch op {
	case opLt, opVlt:
		return order < 0
	case opLte, opVlte:
		return order <= 0
	case opGt, opVgt:
		return order > 0
	case opGte, opVgte:
		return order >= 0
	case opVeq:
		return order == 0
	}
	return order != 0
}

func naiveVersion(op operator, v, operand value) bool {
	if v.kind != operand.kind || v.kind != number && v.kind != text {
		return op == opVne
	}
	return holds(op, slices.Compare(utf16.Encode([]rune(padded(v))), utf16.Encode([]rune(padded(operand)))))
}

// padded is the text by whose order versions are ordered.
func padded(v value) string {
	s := v.text
	if v.kind == number {
		s = numberText(v.number)
	}
	if s == "" {
		s = "0"
	}
	s = regexp.MustCompile(`^v|\+[^\n\r\x{2028}\x{2029}]*$`).ReplaceAllString(s, "")
	parts := regexp.MustCompile(`[-.]`).Split(s, -1)
	if len(parts) == 3 {
		parts = append(parts, "~")
	}
	for i, part := range parts {
		if regexp.MustCompile(`^[0-9]+$`).MatchString(part) && len(part) < 5 {
			parts[i] = strings.Repeat(" ", 5-len(part)) + part
		}
	}
	return strings.Join(parts, "-")
}

// numberText writes a number as JavaScript does.
func numberText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case f > math.MaxFloat64:
		return "Infinity"
	case f < -math.MaxFloat64:
		return "-Infinity"
	case f == 0:
		return "0"
	case math.Abs(f) >= 1e-6 && math.Abs(f) < 1e21:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return regexp.MustCompile(`e([+-])0`).ReplaceAllString(strconv.FormatFloat(f, 'e', -1, 64), "e$1")
}

func oneOf(v value, values []value, fold bool) bool {
	if v.kind == list {
		return slices.ContainsFunc(v.items, func(item value) bool { return item.kind != list && oneOf(item, values, fold) })
	}
	return slices.ContainsFunc(values, func(other value) bool {
		return same(v, other) || fold && v.kind == text && other.kind == text && strings.EqualFold(v.text, other.text)
	})
}

// toValue is what a condition sees in a Go value.
func toValue(v any) value {
	switch v := v.(type) {
	case bool:
		return value{kind: boolean, truth: v}
	case string:
		return value{kind: text, text: v}
	case json.Number:
		n, err := v.Float64()
		if errors.Is(err, strconv.ErrSyntax) {
			return value{}
		}
		return value{kind: number, number: n}
	case []any:
		items := make([]value, len(v))
		for i := range v {
			items[i] = toValue(v[i])
		}
		return value{kind: list, items: items}
	case []string:
		items := make([]value, len(v))
		for i := range v {
			items[i] = toValue(v[i])
		}
		return value{kind: list, items: items}
	case map[string]any:
		o := value{kind: object}
		for name, member := range v {
			o.entries = append(o.entries, entry{name, toValue(member)})
		}
		return o
	}
	return goNumber(v)
}

func goNumber(v any) value {
	var n float64
	switch v := v.(type) {
	case float64:
		n = v
	case float32:
		n = float64(v)
	case int:
		n = float64(v)
	case int8:
		n = float64(v)
	case int16:
		n = float64(v)
	case int32:
		n = float64(v)
	case int64:
		n = float64(v)
	case uint:
		n = float64(v)
	case uint8:
		n = float64(v)
	case uint16:
		n = float64(v)
	case uint32:
		n = float64(v)
	case uint64:
		n = float64(v)
	case uintptr:
		n = float64(v)
	default:
		return value{kind: null}
	}
	return value{kind: number, number: n}
}
