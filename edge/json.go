package edge

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxNested is how deep the quick reader follows; domain.Decode takes 32.
	maxNested = 16
	// exactDigits is how many digits every float64 and whole number keeps.
	exactDigits = 15
)

// reader reads JSON of the plain kind that nearly all requests are, in one pass.
// It accepts nothing that domain.Decode refuses, and gives the same values; where
// it is in doubt (an escape, a large number, a duplicate name, any fault) it
// gives up, and domain.Decode decides and says why. Strings are parts of text.
type reader struct {
	text string
	at   int
	// failed says that it gave up; what was read until then is worth nothing.
	failed bool
}

// read begins a text.
func (p *reader) read(text string) {
	*p = reader{text: text, failed: !utf8.ValidString(text)}
}

// fail gives up.
func (p *reader) fail() { p.failed = true }

// end says whether the whole text has been read and understood.
func (p *reader) end() bool {
	p.space()
	return !p.failed && p.at == len(p.text)
}

func (p *reader) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next is the byte that the next token begins with; 0 at the end.
func (p *reader) next() byte {
	p.space()
	if p.failed || p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *reader) open(c byte) {
	if p.next() != c {
		p.fail()
		return
	}
	p.at++
}

// more says whether an object or array, which close ends, has another member.
// first is true before the first one.
func (p *reader) more(closing byte, first *bool) bool {
	c := p.next()
	switch {
	case c == closing:
		p.at++
		return false
	case *first:
		*first = false
	case c == ',':
		p.at++
	default:
		p.fail()
	}
	return !p.failed
}

// name reads the name of a member and its colon.
func (p *reader) name() string {
	name := p.string()
	p.open(':')
	return name
}

func (p *reader) string() string {
	p.open('"')
	if p.failed {
		return ""
	}
	rest := p.text[p.at:]
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == '"':
			p.at += i + 1
			return rest[:i]
		case c < ' ' || c == '\\':
			p.fail()
			return ""
		}
	}
	p.fail()
	return ""
}

// members reads the object that begins here into m.
func (p *reader) members(m map[string]any, depth int) {
	p.open('{')
	for first := true; p.more('}', &first); {
		name := p.name()
		before := len(m)
		m[name] = p.value(depth)
		if len(m) == before { // a duplicate
			p.fail()
		}
	}
}

// value reads a value that lies so deep.
func (p *reader) value(depth int) any {
	if depth > maxNested {
		p.fail()
		return nil
	}
	switch c := p.next(); c {
	case '"':
		return p.string()
	case '{':
		m := map[string]any{}
		p.members(m, depth+1)
		return m
	case '[':
		return p.elements(depth + 1)
	case 't':
		return p.literal("true", true)
	case 'f':
		return p.literal("false", false)
	case 'n':
		return p.literal("null", nil)
	}
	return p.number()
}

func (p *reader) elements(depth int) []any {
	p.open('[')
	all := []any{}
	for first := true; p.more(']', &first); {
		all = append(all, p.value(depth))
	}
	return all
}

func (p *reader) literal(word string, value any) any {
	if !strings.HasPrefix(p.text[p.at:], word) {
		p.fail()
	}
	p.at += len(word)
	return value
}

// number reads whole numbers and decimal fractions; it leaves exponents, and
// what is not surely exact, to others.
func (p *reader) number() any {
	if p.failed {
		return nil
	}
	start := p.at
	if p.at < len(p.text) && p.text[p.at] == '-' {
		p.at++
	}
	digits := p.at
	whole := p.digits()
	leadingZero := p.at-digits > 1 && p.text[digits] == '0'
	if p.at == digits || leadingZero || p.at-digits > exactDigits {
		p.fail()
		return nil
	}
	if p.at < len(p.text) && strings.IndexByte(".eE", p.text[p.at]) >= 0 {
		return p.fraction(start)
	}
	switch {
	case digits == start:
		return float64(whole)
	case whole == 0: // -0
		p.fail()
	}
	return float64(-whole)
}

func (p *reader) fraction(start int) any {
	point := p.at
	p.at++
	p.digits()
	after := p.at - point - 1
	if p.text[point] != '.' || after == 0 || after > exactDigits || p.at < len(p.text) && p.text[p.at]|' ' == 'e' {
		p.fail()
		return nil
	}
	value, err := strconv.ParseFloat(p.text[start:p.at], 64)
	if err != nil {
		p.fail()
	}
	return value
}

// digits reads digits; the value is right for up to 18 of them.
func (p *reader) digits() (value int64) {
	for p.at < len(p.text) && p.text[p.at]-'0' <= 9 {
		value = value*10 + int64(p.text[p.at]-'0')
		p.at++
	}
	return value
}

// strings reads an array of strings onto all.
func (p *reader) strings(all []string) []string {
	p.open('[')
	for first := true; p.more(']', &first); {
		all = append(all, p.string())
	}
	return all
}
