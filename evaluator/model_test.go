package evaluator_test

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// model is the algorithm as docs/assignment.md has it, on decoded JSON. It
// shares no code with the evaluator and cares for nothing but being plain.
type model struct {
	experiments map[string]object
	layers      map[string]object
	segments    map[string][]any
	holdouts    []any
}

type object = map[string]any

func newModel(document []byte) (model, error) {
	var d struct {
		Experiments, Layers, Segments []object
		Holdouts                      []any
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return model{}, err
	}
	m := model{map[string]object{}, map[string]object{}, map[string][]any{}, d.Holdouts}
	for _, e := range d.Experiments {
		m.experiments[e["key"].(string)] = e
	}
	for _, l := range d.Layers {
		m.layers[l["key"].(string)] = l
	}
	for _, g := range d.Segments {
		m.segments[g["key"].(string)] = g["ids"].([]any)
	}
	return m, nil
}

// subject is whom the model assigns.
type subject struct {
	id         string
	attributes object
}

// unit is the subject's id of a unit type, empty for none.
func (s subject) unit(unitType string) string {
	id := s.id
	if unitType != "user_id" {
		id = ""
		switch v := s.attributes[unitType].(type) {
		case string:
			id = v
		case float64:
			if n := int64(v); float64(n) == v && n <= 1<<53-1 && n >= -(1<<53-1) {
				id = strconv.FormatInt(n, 10)
			}
		}
	}
	if !utf8.ValidString(id) {
		return ""
	}
	return id
}

func (m model) evaluate(key string, s subject) (variation, reason string) {
	e, ok := m.experiments[key]
	if !ok {
		return "", "NOT_FOUND"
	}
	control := e["variations"].([]any)[0].(object)["key"].(string)
	unit := s.unit(e["unit_type"].(string))
	switch {
	case e["status"] != "active":
		return control, "INACTIVE"
	case unit == "":
		return control, "NO_UNIT"
	}
	if v, ok := e["overrides"].(object)[unit]; ok {
		return v.(string), "OVERRIDE"
	}
	for _, h := range m.holdouts {
		if h := h.(object); inScope(h, e) && heldOut(h, s) {
			return control, "HOLDOUT"
		}
	}
	if !m.meets(e["audience"].(object), s.attributes) {
		return control, "AUDIENCE"
	}
	for _, p := range e["prerequisites"].([]any) {
		v, why := m.evaluate(p.(object)["experiment"].(string), s)
		if why != "SPLIT" && why != "OVERRIDE" || !slices.Contains(p.(object)["variations"].([]any), any(v)) {
			return control, "PREREQUISITE"
		}
	}
	if !m.inLayer(e, unit, s) {
		return control, "LAYER"
	}
	if v, ok := splitOf(e, unit); ok {
		return v, "SPLIT"
	}
	return control, "TRAFFIC"
}

func inScope(h, e object) bool {
	tags, keys := h["tags"].([]any), h["experiments"].([]any)
	if len(tags) == 0 && len(keys) == 0 {
		return true
	}
	return slices.Contains(keys, e["key"]) ||
		slices.ContainsFunc(e["tags"].([]any), func(tag any) bool { return slices.Contains(tags, tag) })
}

func heldOut(h object, s subject) bool {
	unit := s.unit(h["unit_type"].(string))
	high, _ := points(unit, h["salt"].(string))
	return unit != "" && high < h["share_ppm"].(float64)
}

func (m model) inLayer(e object, unit string, s subject) bool {
	place, ok := e["layer"].(object)
	if !ok {
		return true
	}
	l := m.layers[place["key"].(string)]
	if l["mode"] == "ordered" {
		for _, key := range l["order"].([]any) {
			if key == e["key"] {
				return true
			}
			other, ok := m.experiments[key.(string)]
			if !ok || other["status"] != "active" {
				continue
			}
			if _, taken := splitOf(other, unit); taken && m.meets(other["audience"].(object), s.attributes) {
				return false
			}
		}
		return false
	}
	high, _ := points(unit, l["salt"].(string))
	slots, _ := place["slots"].([]any)
	return slices.ContainsFunc(slots, func(r any) bool {
		return r.(object)["from"].(float64) <= high && high < r.(object)["to"].(float64)
	})
}

// splitOf returns the variation that an experiment's own hash gives; ok is
// false where its traffic does not reach the unit.
func splitOf(e object, unit string) (variation string, ok bool) {
	salt, traffic := e["salt"].(string), e["traffic_ppm"].(float64)
	high, low := points(unit, salt)
	if e["hash"] == "gb2" {
		high = float64(growthBook(salt, unit)) * 100
	}
	for _, r := range e["split"].([]any) {
		r := r.(object)
		from, to := r["from"].(float64), r["to"].(float64)
		if high < from || high >= to {
			continue
		}
		taken := low < traffic
		if e["hash"] == "gb2" {
			taken = (high-from)*1_000_000 < (to-from)*traffic
		}
		return r["variation"].(string), taken
	}
	return "", false
}

// points are the two slots that the assignment hash makes of a unit and a salt.
func points(unit, salt string) (high, low float64) {
	message := binary.LittleEndian.AppendUint64(nil, xxh3.Hash([]byte(unit)))
	message = binary.LittleEndian.AppendUint64(message, xxh3.Hash([]byte(salt)))
	h := xxh3.Hash(message)
	return float64((h >> 32) * 1_000_000 >> 32), float64((h & 0xffffffff) * 1_000_000 >> 32)
}

// growthBook is GrowthBook's hash, version 2, times 10,000.
func growthBook(seed, unit string) uint32 {
	once := fnv32a(utf16.Encode([]rune(seed + unit)))
	return fnv32a(utf16.Encode([]rune(strconv.FormatUint(uint64(once), 10)))) % 10_000
}

func fnv32a(units []uint16) uint32 {
	h := uint32(0x811c9dc5)
	for _, u := range units {
		h = (h ^ uint32(u)) * 0x01000193
	}
	return h
}
