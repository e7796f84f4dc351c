package tally

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxValue is how many bytes of an attribute are kept.
	maxValue = 100
	// maxAttributes is how many bytes of all attributes of an exposure are kept,
	// names included.
	maxAttributes = 1 << 10
	// None is the value of a dimension where the exposure had none.
	None = "(none)"
	// Other is the value of a dimension's cells that hold all values but those with
	// most units.
	Other = "(other)"
)

// attribute is one whose value is a text, a number or a boolean.
type attribute struct{ name, value string }

// AppendAttributes appends what is kept of an exposure's attributes, a JSON object:
// in the order of names, those that are texts, numbers or booleans, as long as
// there is room.
func AppendAttributes(b, object []byte) []byte {
	room := maxAttributes
	for _, a := range scalars(object) {
		if size := len(a.name) + len(a.value); size <= room {
			b = appendText(appendText(b, a.name), a.value)
			room -= size
		}
	}
	return b
}

// scalars returns an object's attributes in the order of names. Intake lets
// nothing in that is not an object; of such there are none.
func scalars(object []byte) []attribute {
	d := jsontext.NewDecoder(bytes.NewBuffer(object))
	if d.PeekKind() != '{' {
		return nil
	}
	_, _ = d.ReadToken()
	var all []attribute
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil
		}
		a := attribute{name: strings.Clone(name.String())}
		switch d.PeekKind() {
		case '"', '0', 't', 'f':
			value, err := d.ReadToken()
			if err != nil {
				return nil
			}
			a.value = Cut(value.String())
			all = append(all, a)
		default:
			if d.SkipValue() != nil {
				return nil
			}
		}
	}
	slices.SortFunc(all, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	return all
}

// Cut returns what is kept of a dimension's value: as many whole characters as
// there is room for.
func Cut(value string) string {
	if len(value) <= maxValue {
		return strings.Clone(value)
	}
	n := maxValue
	for !utf8.RuneStart(value[n]) {
		n--
	}
	return strings.Clone(value[:n])
}

// valueOf returns a dimension's value among what AppendAttributes wrote.
func valueOf(attributes []byte, dimension string) string {
	r := reader{rest: attributes, fault: errHistory}
	for len(r.rest) > 0 {
		name, value := r.text(), r.text()
		if r.err == nil && string(name) == dimension {
			return string(value)
		}
	}
	return None
}
