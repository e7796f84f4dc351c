package targeting

import (
	"slices"
	"strings"
)

// Parse checks a condition and returns it ready to be compiled. Every error is
// a *ParseError. {} is the condition that everyone meets.
func Parse(data []byte) (*Condition, error) { return new(Parser).Parse(data) }

// Parser parses one condition after another, for less than Parse does. The zero
// value is ready. Not for concurrent use.
type Parser struct{ reader reader }

// Parse is the function Parse.
func (r *Parser) Parse(data []byte) (*Condition, error) {
	v, canonical, err := r.reader.read(data)
	if err != nil {
		return nil, err
	}
	var p parser
	root, err := p.condition("", v)
	if err != nil {
		return nil, err
	}
	slices.Sort(p.groups)
	return &Condition{root: root, groups: slices.Compact(p.groups), canonical: canonical}, nil
}

// parser collects the segments that the tests refer to as it builds the tree.
type parser struct{ groups []string }

// condition parses an object of attributes and of operators that join conditions.
func (p *parser) condition(at pointer, v value) (node, error) {
	if v.kind != object {
		return nil, fault(at, "must be an object")
	}
	tests := make([]node, 0, len(v.entries))
	for _, e := range v.entries {
		test, err := p.clause(at.AppendToken(e.name), e)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return all(tests), nil
}

func (p *parser) clause(at pointer, e entry) (node, error) {
	op := operator(e.name)
	switch {
	case op.joins():
		return p.join(at, op, e.value)
	case op == opNot:
		test, err := p.condition(at, e.value)
		return not{test}, err
	case !isOperator(e.name) || e.name == "$groups":
		// $groups is an attribute: GrowthBook's SDKs set it, and its test
		// vectors hold conditions on it.
		test, err := p.test(at, e.value, false)
		return field{strings.Split(e.name, "."), test}, err
	case op.testsValue():
		return nil, fault(at, `must stand under an attribute, as in {"country":{"$in":["US"]}}`)
	}
	return nil, fault(at, "must be an attribute or one of %s", conditionOperators)
}

func (p *parser) join(at pointer, op operator, v value) (node, error) {
	tests, err := p.every(at, v, "conditions", p.condition)
	if err != nil {
		return nil, err
	}
	switch op {
	case opOr:
		return anyOf(tests), nil
	case opNor:
		return noneOf(tests), nil
	}
	return all(tests), nil
}

// every parses each item of a list.
func (p *parser) every(at pointer, v value, of string, parse func(pointer, value) (node, error)) ([]node, error) {
	if v.kind != list {
		return nil, fault(at, "must be a list of %s", of)
	}
	tests := make([]node, 0, len(v.items))
	for i, item := range v.items {
		test, err := parse(index(at, i), item)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return tests, nil
}

// test parses what stands at a path: an object of operators, or a plain value
// to equal, text in any case if fold.
func (p *parser) test(at pointer, v value, fold bool) (node, error) {
	if v.kind != object {
		return equals{v, fold}, plain(at, v)
	}
	ops := 0
	for _, e := range v.entries {
		if isOperator(e.name) {
			ops++
		}
	}
	switch ops {
	case len(v.entries):
		return p.operators(at, v)
	case 0:
		return equals{v, fold}, plain(at, v)
	}
	return nil, fault(at, "must have either operators ($…) or plain keys, not both")
}

// plain refuses operators within a value to compare with: they would be taken
// for names, and never match.
func plain(at pointer, v value) error {
	for i, item := range v.items {
		if err := plain(index(at, i), item); err != nil {
			return err
		}
	}
	for _, e := range v.entries {
		if isOperator(e.name) {
			return fault(at.AppendToken(e.name), `must be a plain key within a value to compare with; operators stand under a dotted path, as in {"a.b":{"$gt":1}}`)
		}
		if err := plain(at.AppendToken(e.name), e.value); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) operators(at pointer, v value) (node, error) {
	tests := make([]node, 0, len(v.entries))
	for _, e := range v.entries {
		test, err := p.operator(at.AppendToken(e.name), operator(e.name), e.value)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return all(tests), nil
}

func isOperator(name string) bool { return strings.HasPrefix(name, "$") }
