package evaluator

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/assaylabs/assay/targeting"
)

// Unit is a unit prepared for one snapshot. The zero value is ready for
// Prepare; one that is used again allocates nothing. Not for concurrent use.
type Unit struct {
	snapshot   *Snapshot
	values     map[string]any
	attributes targeting.Attributes
	// generation tells what was found for this unit from what was found for
	// earlier ones, which stays where it is.
	generation uint32
	ids        []identity // by unit type
	layers     []memo     // the unit's slot, or which place of an ordered layer took it
	holdouts   []memo     // 1: held out
	given      []memo     // by required experiment: variation + 1, or 0
}

// memo is what was found once for a unit.
type memo struct{ generation, value uint32 }

// identity is a unit's id of one type.
type identity struct {
	generation uint32
	valid      bool
	half       unitHalf
	id         string
	digits     [20]byte // room for an id that is a number
}

// Prepare makes u the unit with that id (its user_id) and attributes, which
// must not change while u is used. The cost does not depend on how many
// attributes there are.
func (s *Snapshot) Prepare(u *Unit, id string, attributes map[string]any) {
	if u.snapshot != s {
		u.bind(s)
	}
	u.generation++
	if u.generation == 0 {
		u.bind(s)
		u.generation = 1
	}
	u.values = attributes
	u.attributes.Reset(s.program, attributes)
	u.ids[0].set(u.generation, id)
}

// bind makes room for what the snapshot asks of a unit.
func (u *Unit) bind(s *Snapshot) {
	u.snapshot = s
	u.generation = 0
	u.ids = cleared(u.ids, len(s.unitTypes))
	u.layers = cleared(u.layers, len(s.layers))
	u.holdouts = cleared(u.holdouts, len(s.holdouts))
	u.given = cleared(u.given, s.requirable)
}

// belong prepares u anew where it was prepared for another snapshot.
func (u *Unit) belong(s *Snapshot) {
	if u.snapshot == s {
		return
	}
	id := "" // of type 0, user_id, which every snapshot has
	if u.snapshot != nil {
		id = u.ids[0].id
	}
	s.Prepare(u, id, u.values)
}

func cleared[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n)
	}
	list = list[:n]
	clear(list)
	return list
}

func isUnit(id string) bool { return id != "" && utf8.ValidString(id) }

// set takes the id, or what stands for it in an attribute.
func (i *identity) set(generation uint32, id string) {
	i.generation, i.id = generation, id
	i.valid = isUnit(id)
	if i.valid {
		i.half = newUnitHalf(id)
	}
}

// identify returns the unit's id of a type.
func (u *Unit) identify(unitType int32) *identity {
	i := &u.ids[unitType]
	if i.generation != u.generation {
		i.set(u.generation, i.textOf(u.values[u.snapshot.unitTypes[unitType]]))
	}
	return i
}

// UnitID returns the id that the experiment knows a unit by: id for user_id, else
// the attribute of its unit type. ok is false where that is no unit.
func (e *Experiment) UnitID(id string, attributes map[string]any) (unit string, ok bool) {
	if e.UnitType() != userID {
		id = new(identity).textOf(attributes[e.UnitType()])
	}
	return id, isUnit(id)
}

// maxWhole is the largest whole number that every language holds exactly.
const maxWhole = 1<<53 - 1

// textOf makes an id of an attribute: a text as it is, a whole number in
// decimal, nothing of anything else.
func (i *identity) textOf(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	n, ok := whole(v)
	if !ok {
		return ""
	}
	// The text lives in i, for as long as the unit, so that it costs no
	// allocation.
	digits := strconv.AppendInt(i.digits[:0], n, 10)
	return unsafe.String(&digits[0], len(digits))
}

// whole returns the whole number within ±maxWhole that v is.
func whole(v any) (n int64, ok bool) {
	r := reflect.ValueOf(v)
	switch {
	case !r.IsValid():
		return 0, false
	case r.CanInt():
		n = r.Int()
		return n, -maxWhole <= n && n <= maxWhole
	case r.CanUint():
		return int64(r.Uint()), r.Uint() <= maxWhole
	case r.CanFloat():
		f := r.Float()
		return int64(f), f == math.Trunc(f) && math.Abs(f) <= maxWhole
	}
	if literal, is := v.(json.Number); is {
		f, err := literal.Float64()
		return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) <= maxWhole
	}
	return 0, false
}
