package targeting

import (
	"encoding/json"

	"github.com/zeebo/xxh3"
)

// Attributes are those of one unit, as one program sees them. The zero value is
// of a unit without any; one that is used again allocates nothing. Not for
// concurrent use.
type Attributes struct {
	program *Program
	values  map[string]any
	found   []found  // by path: found is right if its generation is this one
	answers []uint32 // by condition: generation<<1, and 1 if the unit meets it

	generation uint32 // of 31 bits, from 1
}

// Reset takes the attributes of another unit: JSON as Go decodes it, Go's own
// numbers, and []string; anything else counts as null. They must not change
// until the next Reset.
func (a *Attributes) Reset(p *Program, values map[string]any) {
	a.values = values
	if a.program != p {
		a.program = p
		a.found = lengthen(a.found, len(p.paths))
		a.answers = lengthen(a.answers, len(p.starts))
	}
	a.generation++
	if a.generation == 1<<31 {
		clear(a.found)
		clear(a.answers)
		a.generation = 1
	}
}

// lengthen returns s with at least n items. What it holds may stay: it is of
// earlier generations.
func lengthen[T any](s []T, n int) []T {
	if len(s) >= n {
		return s
	}
	return append(s, make([]T, n-len(s))...)
}

// find returns the value at a path.
func (a *Attributes) find(path int32) *found {
	f := &a.found[path]
	if f.generation != a.generation {
		a.look(path, f)
	}
	return f
}

func (a *Attributes) look(path int32, f *found) {
	*f = found{kind: object, raw: a.values}
	f.follow(a.program.paths[path])
	f.generation = a.generation
}

// found is a value as tests see it, with forms of it that are made when first
// asked for.
type found struct {
	generation     uint32
	kind           kind
	truth          bool
	made           forms
	symbol, folded uint32 // see Program.symbol
	number         float64
	packed         uint64 // see packVersion
	text           string
	raw            any // of a list or object: []any, []string or map[string]any
	hash           uint64
}

// forms are the forms of a text that are made.
type forms uint8

const (
	madeHash forms = 1 << iota
	madeSymbol
	madeFolded
	madePacked
)

// set makes f the value v.
func (f *found) set(v any) {
	*f = found{}
	switch v := v.(type) {
	case nil:
	case string:
		f.kind, f.text = text, v
	case float64:
		f.kind, f.number = number, v
	case bool:
		f.kind, f.truth = boolean, v
	case []any, []string:
		f.kind, f.raw = list, v
	case map[string]any:
		f.kind, f.raw = object, v
	default:
		f.setNumber(v)
	}
}

// setNumber takes the numbers that Go has besides float64.
func (f *found) setNumber(v any) {
	f.kind = number
	switch v := v.(type) {
	case json.Number:
		n, err := v.Float64()
		if err != nil && n == 0 { // not one too large, which is infinite
			f.kind = null
		}
		f.number = n
	case int:
		f.number = float64(v)
	case int8:
		f.number = float64(v)
	case int16:
		f.number = float64(v)
	case int32:
		f.number = float64(v)
	case int64:
		f.number = float64(v)
	case uint:
		f.number = float64(v)
	case uint8:
		f.number = float64(v)
	case uint16:
		f.number = float64(v)
	case uint32:
		f.number = float64(v)
	case uint64:
		f.number = float64(v)
	case uintptr:
		f.number = float64(v)
	case float32:
		f.number = float64(v)
	default:
		f.kind = null
	}
}

// len is the length of a list, 0 of anything else.
func (f *found) len() int {
	switch items := f.raw.(type) {
	case []any:
		return len(items)
	case []string:
		return len(items)
	}
	return 0
}

// item makes into, which may be f, the list's item i.
func (f *found) item(i int, into *found) {
	switch items := f.raw.(type) {
	case []any:
		into.set(items[i])
	case []string:
		*into = found{kind: text, text: items[i]}
	}
}

// step is a key of an object, or an index of a list (-1 if it is none).
type step struct {
	name  string
	index int
}

// follow makes f the value at a path from it.
func (f *found) follow(path []step) {
	for _, s := range path {
		members, isObject := f.raw.(map[string]any)
		switch {
		case isObject:
			f.set(members[s.name])
		case f.kind == list && s.name == "length":
			*f = found{kind: number, number: float64(f.len())}
		case 0 <= s.index && s.index < f.len():
			f.item(s.index, f)
		default:
			*f = found{}
			return
		}
	}
}

func (f *found) hashOfText() uint64 {
	if f.made&madeHash == 0 {
		f.hash = xxh3.HashString(f.text)
		f.made |= madeHash
	}
	return f.hash
}

// equals compares deeply, without coercion.
func (v *value) equals(f *found) bool {
	if v.kind != f.kind {
		return false
	}
	var item found
	switch v.kind {
	case list:
		if len(v.items) != f.len() {
			return false
		}
		for i := range v.items {
			f.item(i, &item)
			if !v.items[i].equals(&item) {
				return false
			}
		}
	case object:
		members, _ := f.raw.(map[string]any)
		if len(v.entries) != len(members) {
			return false
		}
		for i := range v.entries {
			member, ok := members[v.entries[i].name]
			item.set(member)
			if !ok || !v.entries[i].value.equals(&item) {
				return false
			}
		}
	}
	return v.truth == f.truth && v.number == f.number && v.text == f.text
}
