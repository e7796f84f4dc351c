package tracking

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds the nesting of attributes.
const maxDepth = 32

// fault is what is wrong with an event, and where.
type fault struct {
	field, problem string
	reason         Reason // the field where empty
}

// What would be right, where something is not.
const (
	wantText  = "must be a string"
	wantPlain = "must be UTF-8 without NUL"
	wantJSON  = "must be JSON"
)

// cursor reads one JSON text, strictly. After a fault it reads nothing more until
// skip. Strings that it returns may be parts of the text.
type cursor struct {
	text string
	at   int
	// dirty says that the text is not UTF-8 throughout.
	dirty bool
	// field is the member that is being read.
	field string
	fault *fault
	// names are of the objects that are open in attributes, the innermost last.
	names []string
}

func newCursor(text string) *cursor {
	return &cursor{text: text, dirty: !utf8.ValidString(text)}
}

// fail notes the first fault.
func (c *cursor) fail(problem string) { c.failAs("", problem) }

func (c *cursor) failAs(reason Reason, problem string) {
	if c.fault == nil {
		c.fault = &fault{c.field, problem, reason}
	}
}

// peek is the byte that the next token begins with; 0 at the end and after a
// fault.
func (c *cursor) peek() byte {
	if c.fault != nil {
		return 0
	}
	for c.at < len(c.text) {
		switch b := c.text[c.at]; b {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return b
		}
	}
	return 0
}

// open goes past b, which must be next.
func (c *cursor) open(b byte, want string) {
	if c.peek() != b {
		c.fail(want)
		return
	}
	c.at++
}

// more says whether an object or array, which closing ends, has another member.
// first is true before the first one.
func (c *cursor) more(closing byte, first *bool) bool {
	b := c.peek()
	switch {
	case b == closing && b != 0:
		c.at++
		return false
	case *first:
		*first = false
	case b == ',':
		c.at++
	default:
		c.failAs(BadForm, wantJSON)
	}
	return c.fault == nil
}

// null goes past null, if it is next.
func (c *cursor) null() bool {
	if c.peek() != 'n' || !strings.HasPrefix(c.text[c.at:], "null") {
		return false
	}
	c.at += len("null")
	return true
}

// string reads a text that Postgres can hold.
func (c *cursor) string() string {
	c.open('"', wantText)
	if c.fault != nil {
		return ""
	}
	for i := c.at; i < len(c.text); i++ {
		switch b := c.text[i]; {
		case b == '"':
			s := c.text[c.at:i]
			c.at = i + 1
			if c.dirty && !utf8.ValidString(s) {
				c.fail(wantPlain)
			}
			return s
		case b == '\\':
			return c.escaped()
		case b < ' ':
			c.failAs(BadForm, wantJSON)
			return ""
		}
	}
	c.failAs(BadForm, wantJSON)
	return ""
}

// escaped is string for one that has escapes.
func (c *cursor) escaped() string {
	end := c.at
	for end < len(c.text) && c.text[end] != '"' {
		if c.text[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(c.text) {
		c.failAs(BadForm, wantJSON)
		return ""
	}
	literal := c.text[c.at-1 : end+1]
	c.at = end + 1
	s, err := jsontext.AppendUnquote(nil, literal)
	if err != nil || strings.IndexByte(string(s), 0) >= 0 {
		c.fail(wantPlain)
	}
	return string(s)
}

// number reads the text of a number.
func (c *cursor) number(want string) string {
	b := c.peek()
	from := c.at
	if b == '-' {
		c.at++
	}
	whole := c.digits()
	ok := whole == 1 || whole > 1 && c.text[c.at-whole] != '0'
	if c.at < len(c.text) && c.text[c.at] == '.' {
		c.at++
		ok = c.digits() > 0 && ok
	}
	if c.at < len(c.text) && c.text[c.at]|' ' == 'e' {
		c.at++
		if c.at < len(c.text) && (c.text[c.at] == '+' || c.text[c.at] == '-') {
			c.at++
		}
		ok = c.digits() > 0 && ok
	}
	if !ok {
		c.fail(want)
		return ""
	}
	return c.text[from:c.at]
}

func (c *cursor) digits() (n int) {
	for c.at < len(c.text) && c.text[c.at]-'0' <= 9 {
		c.at++
		n++
	}
	return n
}

// whole reads a number from 0 to 2^53-1.
func (c *cursor) whole() int64 {
	const want = "must be a whole number between 0 and 2^53-1"
	n, err := strconv.ParseInt(c.number(want), 10, 64)
	if err != nil || n < 0 || n > maxWhole {
		c.fail(want)
	}
	return n
}

// object checks an object of any members, and returns its text.
func (c *cursor) object() string {
	if c.peek() != '{' {
		c.fail("must be an object")
		return ""
	}
	from := c.at
	c.members(1)
	return c.text[from:c.at]
}

// value checks a value that lies so deep.
func (c *cursor) value(depth int) {
	if depth > maxDepth {
		c.fail("must be nested at most " + strconv.Itoa(maxDepth) + " deep")
		return
	}
	switch c.peek() {
	case '"':
		c.string()
	case '{':
		c.members(depth)
	case '[':
		c.at++
		for first := true; c.more(']', &first); {
			c.value(depth + 1)
		}
	case 't':
		c.word("true")
	case 'f':
		c.word("false")
	case 'n':
		c.word("null")
	default:
		c.anyNumber()
	}
}

func (c *cursor) word(w string) {
	if !strings.HasPrefix(c.text[c.at:], w) {
		c.failAs(BadForm, wantJSON)
		return
	}
	c.at += len(w)
}

// anyNumber checks a number that every reader of JSON keeps.
func (c *cursor) anyNumber() {
	text := c.number(wantJSON)
	if len(text) <= 15 && strings.IndexByte(text, 'e') < 0 && strings.IndexByte(text, 'E') < 0 {
		return
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		c.fail("numbers must be within the range of a 64-bit float")
	case !strings.ContainsAny(text, ".eE") && (f > maxWhole || f < -maxWhole):
		c.fail("whole numbers must be between -(2^53-1) and 2^53-1")
	}
}

// members checks the object that is next.
func (c *cursor) members(depth int) {
	c.at++
	mine := len(c.names)
	for first := true; c.more('}', &first); {
		name := c.string()
		c.open(':', wantJSON)
		c.names = append(c.names, name)
		c.value(depth + 1)
	}
	if repeats(c.names[mine:]) {
		c.fail("duplicate field")
	}
	c.names = c.names[:mine]
}

// repeats says whether a name is there twice.
func repeats(names []string) bool {
	if len(names) > 16 {
		known := make(map[string]struct{}, len(names))
		for _, name := range names {
			known[name] = struct{}{}
		}
		return len(known) < len(names)
	}
	for i, name := range names {
		for _, other := range names[:i] {
			if name == other {
				return true
			}
		}
	}
	return false
}

// skip goes past a value by its quotes and brackets, whatever else is in it. It
// is false where these do not match.
func (c *cursor) skip() bool {
	c.fault, c.names = nil, c.names[:0]
	depth := 0
	for c.peek() != 0 {
		switch c.text[c.at] {
		case '"':
			if !c.skipText() {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return true
			}
			depth--
		case ',':
			if depth == 0 {
				return true
			}
		}
		c.at++
	}
	return false
}

func (c *cursor) skipText() bool {
	for c.at++; c.at < len(c.text); c.at++ {
		switch c.text[c.at] {
		case '\\':
			c.at++
		case '"':
			c.at++
			return true
		}
	}
	return false
}
