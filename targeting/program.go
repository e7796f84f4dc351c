package targeting

import "encoding/json"

// Compiler collects conditions that are matched against one unit.
type Compiler struct {
	segments   map[string]*Members
	conditions []*Condition
	known      map[string]int // canonical JSON to index
}

// NewCompiler begins a program whose $inGroup and $notInGroup look into
// segments, by key; a segment that is not there has no members.
func NewCompiler(segments map[string]*Members) *Compiler {
	return &Compiler{segments: segments, known: make(map[string]int)}
}

// Add returns the condition's index in the program. Conditions of the same
// canonical JSON have the same.
func (c *Compiler) Add(cond *Condition) int {
	key := string(cond.canonical)
	i, ok := c.known[key]
	if !ok {
		i = len(c.conditions)
		c.known[key] = i
		c.conditions = append(c.conditions, cond)
	}
	return i
}

// Compile returns the program of what was added so far.
func (c *Compiler) Compile() *Program {
	return &Program{segments: c.segments, conditions: c.conditions[:len(c.conditions):len(c.conditions)]}
}

// Program is conditions ready to be matched. It is immutable and may be shared
// by goroutines.
type Program struct {
	segments   map[string]*Members
	conditions []*Condition
}

// Len is the number of conditions: their indexes are below it.
func (p *Program) Len() int { return len(p.conditions) }

// Match reports whether the unit meets condition i. It never fails, whatever
// the attributes hold.
func (p *Program) Match(i int, a *Attributes) bool {
	return naive{p.segments}.match(p.conditions[i].root, a.unit)
}

// Attributes are those of one unit, as one program sees them. The zero value is
// ready for Reset; one that is used again allocates nothing. Not for concurrent
// use.
type Attributes struct{ unit value }

// Reset takes the attributes of another unit: JSON as Go decodes it, Go's own
// numbers and []string. They must not change until the next Reset.
func (a *Attributes) Reset(p *Program, values map[string]any) { a.unit = toValue(values) }

// Members is the ids of one segment. It is immutable and may be shared by
// goroutines.
type Members struct {
	ids     map[string]bool
	numbers []value
}

// NewMembers returns the segment of the ids; repeated ones count once.
func NewMembers(ids []string) *Members {
	m := &Members{ids: make(map[string]bool, len(ids))}
	for _, id := range ids {
		m.ids[id] = true
	}
	return m
}

// Has reports whether the id, the same bytes, is in the segment.
func (m *Members) Has(id string) bool { return m.ids[id] }

// Len is the number of ids.
func (m *Members) Len() int { return len(m.ids) }

func toValue(v any) value {
	switch v := v.(type) {
	case bool:
		return value{kind: boolean, truth: v}
	case string:
		return value{kind: text, text: v}
	case json.Number:
		n, _ := v.Float64()
		return value{kind: number, number: n}
	case []any:
		items := make([]value, len(v))
		for i := range v {
			items[i] = toValue(v[i])
		}
		return value{kind: list, items: items}
	case []string:
		items := make([]value, len(v))
		for i := range v {
			items[i] = toValue(v[i])
		}
		return value{kind: list, items: items}
	case map[string]any:
		o := value{kind: object}
		for name, member := range v {
			o.entries = append(o.entries, entry{name, toValue(member)})
		}
		return o
	}
	return goNumber(v)
}

func goNumber(v any) value {
	var n float64
	switch v := v.(type) {
	case float64:
		n = v
	case float32:
		n = float64(v)
	case int:
		n = float64(v)
	case int8:
		n = float64(v)
	case int16:
		n = float64(v)
	case int32:
		n = float64(v)
	case int64:
		n = float64(v)
	case uint:
		n = float64(v)
	case uint8:
		n = float64(v)
	case uint16:
		n = float64(v)
	case uint32:
		n = float64(v)
	case uint64:
		n = float64(v)
	default:
		return value{kind: null}
	}
	return value{kind: number, number: n}
}

func newMembers(values []value) *Members {
	m := NewMembers(nil)
	for _, v := range values {
		if v.kind == text {
			m.ids[v.text] = true
		} else {
			m.numbers = append(m.numbers, v)
		}
	}
	return m
}
