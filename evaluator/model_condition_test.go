package evaluator_test

import (
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// meets is the condition language, interpreted.
func (m model) meets(condition object, at any) bool {
	for name, v := range condition {
		if !m.meetsMember(name, v, at) {
			return false
		}
	}
	return true
}

func (m model) meetsMember(name string, v, at any) bool {
	some := func(list any) bool {
		return slices.ContainsFunc(list.([]any), func(c any) bool { return m.meets(c.(object), at) })
	}
	switch name {
	case "$and":
		return !slices.ContainsFunc(v.([]any), func(c any) bool { return !m.meets(c.(object), at) })
	case "$or":
		return len(v.([]any)) == 0 || some(v)
	case "$nor":
		return len(v.([]any)) > 0 && !some(v)
	case "$not":
		return !m.meets(v.(object), at)
	}
	for _, step := range strings.Split(name, ".") {
		at = member(at, step)
	}
	return m.test(v, at)
}

func member(of any, name string) any {
	switch of := of.(type) {
	case object:
		return of[name]
	case []any:
		if name == "length" {
			return float64(len(of))
		}
		if i, err := strconv.Atoi(name); err == nil && strconv.Itoa(i) == name && i >= 0 && i < len(of) {
			return of[i]
		}
	}
	return nil
}

// test is what stands under an attribute: operators, or a value to equal.
func (m model) test(want, v any) bool {
	operators, ok := want.(object)
	if !ok || !isOperators(operators) {
		return reflect.DeepEqual(want, v)
	}
	for op, operand := range operators {
		if !m.operator(op, operand, v) {
			return false
		}
	}
	return true
}

// isOperators is true of {} too: it asks for nothing.
func isOperators(o object) bool {
	for name := range o {
		return strings.HasPrefix(name, "$")
	}
	return true
}

func (m model) operator(op string, operand, v any) bool {
	list, isList := v.([]any)
	text, isText := v.(string)
	switch op {
	case "$eq":
		return same(operand, v)
	case "$ne":
		return !same(operand, v)
	case "$lt", "$lte", "$gt", "$gte":
		order, ok := compare(v, operand)
		return ok && holds(op[1:], order)
	case "$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte":
		if !isText {
			return op == "$vne"
		}
		return holds(op[2:], compareText(padVersion(text), padVersion(operand.(string))))
	case "$in":
		return isOneOf(v, operand.([]any), same)
	case "$nin":
		return !isOneOf(v, operand.([]any), same)
	case "$ini":
		return isOneOf(v, operand.([]any), sameFolded)
	case "$nini":
		return !isOneOf(v, operand.([]any), sameFolded)
	case "$exists":
		return operand == (v != nil)
	case "$type":
		return operand == typeName(v)
	case "$not":
		return !m.test(operand, v)
	case "$regex":
		return isText && regexp.MustCompile(operand.(string)).MatchString(text)
	case "$regexi":
		return isText && regexp.MustCompile("(?i)"+operand.(string)).MatchString(text)
	case "$cidr":
		addr, err := netip.ParseAddr(text)
		return isText && err == nil && netip.MustParsePrefix(operand.(string)).Contains(addr)
	case "$inGroup":
		return isOneOf(v, m.segments[operand.(string)], same)
	case "$notInGroup":
		return !isOneOf(v, m.segments[operand.(string)], same)
	case "$size":
		return isList && m.test(operand, float64(len(list)))
	case "$all":
		return isList && !slices.ContainsFunc(operand.([]any), func(want any) bool {
			return !slices.ContainsFunc(list, func(item any) bool { return m.test(want, item) })
		})
	case "$elemMatch":
		return slices.ContainsFunc(list, func(item any) bool { return m.element(operand.(object), item) })
	}
	panic("the model does not know " + op)
}

// element tests an element by operators, or its members by a condition.
func (m model) element(want object, item any) bool {
	if isOperators(want) {
		return m.test(want, item)
	}
	return m.meets(want, item)
}

// same is equality of scalars: no list or object is the same as another.
func same(a, b any) bool {
	switch a.(type) {
	case []any, object:
		return false
	}
	switch b.(type) {
	case []any, object:
		return false
	}
	return a == b
}

func sameFolded(a, b any) bool {
	s, isText := a.(string)
	t, isTextToo := b.(string)
	return same(a, b) || isText && isTextToo && strings.EqualFold(s, t)
}

func isOneOf(v any, values []any, equal func(a, b any) bool) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, func(item any) bool {
			_, nested := item.([]any)
			return !nested && isOneOf(item, values, equal)
		})
	}
	return slices.ContainsFunc(values, func(other any) bool { return equal(v, other) })
}

func compare(a, b any) (order int, ok bool) {
	switch a := a.(type) {
	case float64:
		n, ok := b.(float64)
		return slices.Compare([]float64{a}, []float64{n}), ok
	case string:
		s, ok := b.(string)
		return compareText(a, s), ok
	}
	return 0, false
}

// compareText orders as JavaScript does.
func compareText(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

func holds(relation string, order int) bool {
	switch relation {
	case "eq":
		return order == 0
	case "ne":
		return order != 0
	case "lt":
		return order < 0
	case "lte":
		return order <= 0
	case "gt":
		return order > 0
	}
	return order >= 0
}

// padVersion makes a text by whose order versions are ordered.
func padVersion(version string) string {
	if version == "" {
		version = "0"
	}
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "+")
	parts := strings.FieldsFunc(version, func(r rune) bool { return r == '-' || r == '.' })
	if len(parts) == 3 {
		parts = append(parts, "~")
	}
	for i, part := range parts {
		if _, err := strconv.ParseUint(part, 10, 64); err == nil && len(part) < 5 {
			parts[i] = strings.Repeat(" ", 5-len(part)) + part
		}
	}
	return strings.Join(parts, "-")
}

func typeName(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	case object:
		return "object"
	}
	return "null"
}
