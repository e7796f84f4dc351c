package evaluator

import (
	"bytes"
	"fmt"
	"strconv"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/targeting"
)

// reader reads one JSON document by the members that are known, several times as
// fast as a decoder for any type. It is strict in what it returns and lax in
// what it skips; raw values are for their users to check. null is the zero value
// of every type. After a fault it reads nothing more. One that is used again keeps
// what many documents hold side by side.
type reader struct {
	data []byte
	at   int
	err  error

	conditions targeting.Parser
	variations []Variation // of the experiment that is read
	split      []domain.SplitRange

	kept           slab[byte]
	keptVariations slab[Variation]
	keptSplits     slab[domain.SplitRange]
}

// fail notes the first fault, and goes to the end.
func (r *reader) fail(want string) {
	if r.err == nil {
		r.err = fmt.Errorf("invalid JSON, or JSON of another type, near byte %d: want %s", r.at, want)
	}
	r.at = len(r.data)
}

// end returns the first fault; something after the document is one.
func (r *reader) end() error {
	if r.peek() != 0 || r.at < len(r.data) {
		r.fail("the end")
	}
	return r.err
}

// peek returns the next byte that is no white space, 0 at the end.
func (r *reader) peek() byte {
	for r.at < len(r.data) {
		switch c := r.data[r.at]; c {
		case ' ', '\n', '\r', '\t':
			r.at++
		default:
			return c
		}
	}
	return 0
}

// take goes past c, if it is next.
func (r *reader) take(c byte) bool {
	if r.peek() != c || r.at == len(r.data) {
		return false
	}
	r.at++
	return true
}

// null goes past null, if it is next.
func (r *reader) null() bool {
	if r.peek() != 'n' || !bytes.HasPrefix(r.data[r.at:], []byte("null")) {
		return false
	}
	r.at += len("null")
	return true
}

// object calls member, which must read a value, after every name.
func (r *reader) object(member func(name []byte)) {
	r.each('{', '}', "an object", func() {
		name := r.quoted()
		if !r.take(':') {
			r.fail(`":"`)
			return
		}
		member(name)
	})
}

// list calls item, which must read a value, before every value.
func (r *reader) list(item func()) { r.each('[', ']', "a list", item) }

func (r *reader) each(from, to byte, want string, read func()) {
	if r.null() {
		return
	}
	if !r.take(from) {
		r.fail(want)
		return
	}
	if r.take(to) {
		return
	}
	for r.peek() != 0 {
		read()
		c := r.peek()
		if c != ',' && c != to {
			break
		}
		r.at++
		if c == to {
			return
		}
	}
	r.fail(want)
}

func (r *reader) text() string {
	if r.null() {
		return ""
	}
	text := r.kept.keep(r.quoted())
	return unsafe.String(unsafe.SliceData(text), len(text))
}

// quoted reads a text. The bytes may be the document's own.
func (r *reader) quoted() []byte {
	if r.peek() != '"' {
		r.fail("a text")
		return nil
	}
	rest := r.data[r.at+1:]
	for i, c := range rest {
		if c == '"' {
			r.at += i + 2
			return rest[:i]
		}
		if c < ' ' || c == '\\' || c >= 0x80 {
			break
		}
	}
	literal := r.raw()
	text, err := jsontext.AppendUnquote(nil, literal)
	if err != nil {
		r.fail("a text")
	}
	return text
}

// whole reads a whole number.
func (r *reader) whole() int64 {
	if r.null() {
		return 0
	}
	literal := r.raw()
	n, err := strconv.ParseInt(string(literal), 10, 64)
	if err != nil || literal[0] == '+' || n > maxWhole || n < -maxWhole {
		r.fail("a whole number")
	}
	return n
}

func (r *reader) truth() bool {
	if r.null() {
		return false
	}
	switch literal := r.raw(); string(literal) {
	case "true":
		return true
	case "false":
	default:
		r.fail("true or false")
	}
	return false
}

// raw returns the bytes of the next value, which belong to the document.
func (r *reader) raw() []byte {
	r.peek()
	from := r.at
	r.skip()
	return r.data[from:r.at]
}

// skip goes past a value by its quotes and brackets.
func (r *reader) skip() {
	depth := 0
	for {
		switch c := r.peek(); c {
		case 0:
			r.fail("a value")
			return
		case '"':
			r.skipText()
		case '{', '[':
			depth++
			r.at++
		case '}', ']', ',', ':':
			if depth == 0 {
				r.fail("a value")
				return
			}
			if c != ',' && c != ':' {
				depth--
			}
			r.at++
		default:
			r.skipLiteral()
		}
		if depth == 0 {
			return
		}
	}
}

func (r *reader) skipText() {
	for r.at++; r.at < len(r.data); r.at++ {
		end := bytes.IndexByte(r.data[r.at:], '"')
		if end < 0 {
			break
		}
		escape := bytes.IndexByte(r.data[r.at:r.at+end], '\\')
		if escape < 0 {
			r.at += end + 1
			return
		}
		r.at += escape + 1
	}
	r.fail("the end of a text")
}

// skipLiteral goes past a number, true, false or null.
func (r *reader) skipLiteral() {
	for ; r.at < len(r.data); r.at++ {
		switch r.data[r.at] {
		case ' ', '\n', '\r', '\t', ',', ':', ']', '}', '"':
			return
		}
	}
}
