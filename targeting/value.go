package targeting

import (
	"bytes"
	"errors"
	"io"
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
// another way, or what is too deep or too long.
func read(data []byte) (value, error) {
	r := reader{jsontext.NewDecoder(bytes.NewReader(data))}
	v, err := r.value(1)
	if err != nil {
		return value{}, err
	}
	if _, err := r.dec.ReadToken(); err != io.EOF {
		return value{}, fault("", "must be one JSON object with nothing after it")
	}
	return v, nil
}

type reader struct{ dec *jsontext.Decoder }

func (r reader) value(depth int) (value, error) {
	token, err := r.dec.ReadToken()
	if err != nil {
		return value{}, syntaxFault(err)
	}
	switch token.Kind() {
	case 't', 'f':
		return value{kind: boolean, truth: token.Bool()}, nil
	case '0':
		return r.number(token.String())
	case '"':
		s := token.String()
		if strings.ContainsRune(s, 0) {
			return value{}, fault(r.dec.StackPointer(), "must be text without the character U+0000")
		}
		return value{kind: text, text: s}, nil
	case '[', '{':
		if depth > maxDepth {
			return value{}, fault(r.dec.StackPointer(), "must nest at most %d objects and lists", maxDepth)
		}
		if token.Kind() == '[' {
			return r.list(depth)
		}
		return r.object(depth)
	}
	return value{kind: null}, nil
}

func (r reader) number(raw string) (value, error) {
	n, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.Abs(n) > maxNumber {
		return value{}, fault(r.dec.StackPointer(), "must be a number within ±%d, which every language holds exactly", maxNumber)
	}
	return value{kind: number, number: n}, nil
}

func (r reader) list(depth int) (value, error) {
	v := value{kind: list}
	for r.dec.PeekKind() != ']' {
		item, err := r.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		if len(v.items) == maxList {
			return value{}, fault(r.dec.StackPointer().Parent(), "must be a list of at most %d values; a segment holds more", maxList)
		}
		v.items = append(v.items, item)
	}
	return v, r.end()
}

func (r reader) object(depth int) (value, error) {
	v := value{kind: object}
	for r.dec.PeekKind() != '}' {
		token, err := r.dec.ReadToken()
		if err != nil {
			return value{}, syntaxFault(err)
		}
		name := token.String()
		if strings.ContainsRune(name, 0) {
			return value{}, fault(r.dec.StackPointer().Parent(), "must have keys without the character U+0000")
		}
		member, err := r.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.entries = append(v.entries, entry{name, member})
	}
	return v, r.end()
}

// end reads what closes a list or an object.
func (r reader) end() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return syntaxFault(err)
	}
	return nil
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
