package targeting

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

type pointer = jsontext.Pointer

// kind is the type of a JSON value.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

// value is a JSON value; the fields that are not its kind's are zero.
type value struct {
	kind    kind
	truth   bool
	number  float64
	text    string
	items   []value
	entries []entry // in the order of the source, names unique
}

type entry struct {
	name  string
	value value
}

// read decodes one JSON value and refuses what some language would read in
// another way, or what is too deep or too long. It returns the canonical JSON
// too, of which the texts are parts.
func (r *reader) read(data []byte) (v value, canonical string, err error) {
	formatted, err := jsontext.AppendFormat(r.formatted[:0], data)
	if err != nil {
		return value{}, "", refusal(data)
	}
	canonical = string(formatted)
	*r = reader{formatted, canonical, r.items[:0], r.entries[:0]}
	v, err = r.value(1)
	return v, canonical, err
}

// refusal says why data is not one JSON value.
func refusal(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := dec.ReadToken(); err != nil {
			return syntaxFault(err)
		}
		switch depth := dec.StackDepth(); {
		case depth > maxDepth:
			return tooDeep(dec.StackPointer())
		case depth == 0:
			return fault("", "must be one JSON object with nothing after it")
		}
	}
}

func tooDeep(at pointer) error {
	return fault(at, "must nest at most %d objects and lists", maxDepth)
}

// reader reads one condition after another. rest is canonical JSON, which it
// knows to be valid. What is read of lists and objects that go on is in items and
// entries.
type reader struct {
	formatted []byte
	rest      string
	items     []value
	entries   []entry
}

func (r *reader) value(depth int) (value, error) {
	switch c := r.rest[0]; c {
	case 'n':
		r.rest = r.rest[len("null"):]
		return value{kind: null}, nil
	case 't':
		r.rest = r.rest[len("true"):]
		return value{kind: boolean, truth: true}, nil
	case 'f':
		r.rest = r.rest[len("false"):]
		return value{kind: boolean}, nil
	case '"':
		s := r.text()
		if strings.IndexByte(s, 0) >= 0 {
			return value{}, fault("", "must be text without the character U+0000")
		}
		return value{kind: text, text: s}, nil
	case '[', '{':
		if depth > maxDepth {
			return value{}, tooDeep("")
		}
		r.rest = r.rest[1:]
		if c == '[' {
			return r.list(depth)
		}
		return r.object(depth)
	}
	return r.number()
}

func (r *reader) number() (value, error) {
	end := 0
	for end < len(r.rest) && r.rest[end] != ',' && r.rest[end] != ']' && r.rest[end] != '}' {
		end++
	}
	n, err := strconv.ParseFloat(r.rest[:end], 64)
	if err != nil || math.Abs(n) > maxNumber {
		return value{}, fault("", "must be a number within ±%d, which every language holds exactly", maxNumber)
	}
	r.rest = r.rest[end:]
	return value{kind: number, number: n}, nil
}

func (r *reader) text() string {
	end, escaped := 1, false
	for ; r.rest[end] != '"'; end++ {
		if r.rest[end] == '\\' {
			escaped = true
			end++
		}
	}
	s := r.rest[1:end]
	if escaped {
		unquoted, _ := jsontext.AppendUnquote(nil, r.rest[:end+1]) // valid, so without error
		s = string(unquoted)
	}
	r.rest = r.rest[end+1:]
	return s
}

func (r *reader) list(depth int) (value, error) {
	before := len(r.items)
	for !r.closes() {
		n := len(r.items) - before
		item, err := r.value(depth + 1)
		if err != nil {
			return value{}, within(strconv.Itoa(n), err)
		}
		if n == maxList {
			return value{}, fault("", "must be a list of at most %d values; a segment holds more", maxList)
		}
		r.items = append(r.items, item)
	}
	v := value{kind: list, items: append([]value(nil), r.items[before:]...)}
	r.items = r.items[:before]
	return v, nil
}

func (r *reader) object(depth int) (value, error) {
	before := len(r.entries)
	for !r.closes() {
		name := r.text()
		if strings.IndexByte(name, 0) >= 0 {
			return value{}, fault("", "must have keys without the character U+0000")
		}
		r.rest = r.rest[len(":"):]
		member, err := r.value(depth + 1)
		if err != nil {
			return value{}, within(name, err)
		}
		r.entries = append(r.entries, entry{name, member})
	}
	v := value{kind: object, entries: append([]entry(nil), r.entries[before:]...)}
	r.entries = r.entries[:before]
	return v, nil
}

// closes goes past what comes before the next item or member, or past the end of
// a list or an object, and reports which.
func (r *reader) closes() bool {
	c := r.rest[0]
	if c == ',' || c == ']' || c == '}' {
		r.rest = r.rest[1:]
	}
	return c == ']' || c == '}'
}

// within moves a fault into the item or member where it is.
func within(name string, err error) error {
	var f *ParseError
	if errors.As(err, &f) {
		f.Pointer = string(pointer("").AppendToken(name)) + f.Pointer
	}
	return err
}

func syntaxFault(err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return fault("", "must be a JSON object")
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return fault(syntax.JSONPointer, "must be given once; the key is repeated")
	}
	return fault(syntax.JSONPointer, "must be valid JSON in UTF-8: %v", syntax.Err)
}
