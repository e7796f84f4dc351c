package targeting

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Leaf is one test within a condition: of one attribute, by one operator, or for
// being equal.
type Leaf struct {
	// Pointer is where the test stands in the condition.
	Pointer string
	// Condition is the test alone. What stands around it, such as $not, is not in it.
	Condition *Condition
}

// Leaves takes the condition apart into its tests, in the order in which they are
// written. $all, $size and $elemMatch are one each, with all that is in them.
func (c *Condition) Leaves() []Leaf {
	var l leaves
	l.condition("", jsontext.Value(c.canonical))
	return l
}

type leaves []Leaf

func (l *leaves) condition(at pointer, v jsontext.Value) {
	for _, m := range parts(v) {
		at := at.AppendToken(m.name)
		switch op := operator(m.name); {
		case op.joins():
			for i, item := range parts(m.value) {
				l.condition(index(at, i), item.value)
			}
		case op == opNot:
			l.condition(at, m.value)
		default:
			l.attribute(at, m)
		}
	}
}

// attribute adds the tests of one attribute.
func (l *leaves) attribute(at pointer, m part) {
	tests := parts(m.value)
	if m.value.Kind() != '{' || len(tests) > 0 && !isOperator(tests[0].name) {
		l.add(at, m)
		return
	}
	for _, test := range tests {
		at := at.AppendToken(test.name)
		if operator(test.name) == opNot {
			l.attribute(at, part{m.name, test.value})
		} else {
			l.add(at, part{m.name, test.object()})
		}
	}
}

func (l *leaves) add(at pointer, m part) {
	condition, _ := Parse(m.object()) // a part of a condition is one
	*l = append(*l, Leaf{string(at), condition})
}

// part is a member of an object, or an item of a list, which has no name.
type part struct {
	name  string
	value jsontext.Value
}

// object is the object that has the part alone.
func (m part) object() jsontext.Value {
	b, _ := jsontext.AppendQuote([]byte{'{'}, m.name) // it was read from JSON
	b = append(append(b, ':'), m.value...)
	return append(b, '}')
}

// parts takes apart an object or a list, which are valid; anything else has none.
func parts(v jsontext.Value) (all []part) {
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	kind := d.PeekKind()
	if kind != '{' && kind != '[' {
		return nil
	}
	_, _ = d.ReadToken()
	for next := d.PeekKind(); next != '}' && next != ']'; next = d.PeekKind() {
		var p part
		if kind == '{' {
			name, _ := d.ReadToken()
			p.name = name.String()
		}
		value, err := d.ReadValue()
		if err != nil {
			return all
		}
		p.value = value.Clone()
		all = append(all, p)
	}
	return all
}
