package tally

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/google/uuid"
)

// format is the first byte of a history's binary form.
const format = 1

// errHistory says that bytes are no history.
var errHistory = errors.New("history: malformed")

// Append appends the history's one binary form: the same facts, the same bytes.
// In it:
//
//	format, 1 if a bot
//	sets of attributes, each once, sorted
//	phases: experiment, phase, set of attributes from 1 on or 0;
//	    variations: key, epoch, time, id
//	misses: experiment, phase, key, kind, day, count
//	names of events: name; events: time since the one before × 4 + kind of value, value
//
// Numbers are varints, and counts stand before lists.
func (h *History) Append(b []byte) []byte {
	h.settle()
	b = append(b, format, 0)
	if h.bot {
		b[len(b)-1] = 1
	}
	b = h.appendExposures(b)
	b = binary.AppendUvarint(b, uint64(len(h.misses)))
	for i := range h.misses {
		m := &h.misses[i]
		b = binary.AppendUvarint(append(b, m.experiment[:]...), uint64(m.phase))
		b = append(appendText(b, m.variation), byte(m.kind))
		b = binary.AppendUvarint(binary.AppendVarint(b, m.day), uint64(m.count))
	}
	return h.appendEvents(b)
}

func (h *History) appendExposures(b []byte) []byte {
	var sets [][]byte
	phases := 0
	for i := range h.exposures {
		e := &h.exposures[i]
		if len(e.Attributes) > 0 {
			sets = append(sets, e.Attributes)
		}
		if i == 0 || h.exposures[i-1].phaseOrder(e.Experiment, e.Phase) != 0 {
			phases++
		}
	}
	slices.SortFunc(sets, bytes.Compare)
	sets = slices.CompactFunc(sets, bytes.Equal)
	b = binary.AppendUvarint(b, uint64(len(sets)))
	for _, set := range sets {
		b = appendText(b, set)
	}
	b = binary.AppendUvarint(b, uint64(phases))
	for rest := h.exposures; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].phaseOrder(rest[0].Experiment, rest[0].Phase) == 0 {
			n++
		}
		b = appendPhase(b, rest[:n], sets)
		rest = rest[n:]
	}
	return b
}

func appendPhase(b []byte, exposures []Exposure, sets [][]byte) []byte {
	first := &exposures[earliest(exposures)]
	b = binary.AppendUvarint(append(b, first.Experiment[:]...), uint64(first.Phase))
	set := 0
	if len(first.Attributes) > 0 {
		set, _ = slices.BinarySearchFunc(sets, first.Attributes, bytes.Compare)
		set++
	}
	b = binary.AppendUvarint(b, uint64(set))
	b = binary.AppendUvarint(b, uint64(len(exposures)))
	for i := range exposures {
		e := &exposures[i]
		b = binary.AppendUvarint(appendText(b, e.Variation), uint64(e.Epoch))
		b = append(binary.AppendVarint(b, e.At), e.ID[:]...)
	}
	return b
}

// The kinds of values, in the two lowest bits of an event's time.
const (
	noValue    = iota
	wholes     // the value is in ones
	hundredths // in hundredths
	millionths
)

func (h *History) appendEvents(b []byte) []byte {
	names := 0
	for i := range h.events {
		if i == 0 || h.events[i-1].name != h.events[i].name {
			names++
		}
	}
	b = binary.AppendUvarint(b, uint64(names))
	for rest := h.events; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].name == rest[0].name {
			n++
		}
		b = binary.AppendUvarint(appendText(b, rest[0].name), uint64(n))
		last := int64(0)
		for _, e := range rest[:n] {
			b = e.append(b, last)
			last = e.at
		}
		rest = rest[n:]
	}
	return b
}

func (e *event) append(b []byte, last int64) []byte {
	kind, value := int64(noValue), int64(0)
	switch {
	case !e.has:
	case e.value%1_000_000 == 0:
		kind, value = wholes, e.value/1_000_000
	case e.value%10_000 == 0:
		kind, value = hundredths, e.value/10_000
	default:
		kind, value = millionths, e.value
	}
	b = binary.AppendVarint(b, (e.at-last)<<2|kind)
	if e.has {
		b = binary.AppendVarint(b, value)
	}
	return b
}

// Decoder reads histories. It makes each name once, and keeps some thousands.
// Not safe for concurrent use.
type Decoder struct{ names map[string]string }

// maxNames is how many names are kept.
const maxNames = 10_000

func (d *Decoder) name(b []byte) string {
	if name, ok := d.names[string(b)]; ok {
		return name
	}
	if d.names == nil || len(d.names) == maxNames {
		d.names = map[string]string{}
	}
	name := string(b)
	d.names[name] = name
	return name
}

// Decode makes h what Append wrote. It shares b.
func (d *Decoder) Decode(b []byte, h *History) error {
	h.Reset()
	r := reader{rest: b, fault: errHistory}
	version, bot := r.byte(), r.byte()
	if version != format || bot > 1 {
		return errHistory
	}
	h.bot = bot == 1
	d.exposures(&r, h)
	d.misses(&r, h)
	d.events(&r, h)
	if r.err == nil && len(r.rest) > 0 {
		r.fail()
	}
	return r.err
}

// leastPhase, leastVariation and leastMiss are how many bytes each has at least.
const (
	leastPhase     = 16 + 3
	leastVariation = 3 + 16
	leastMiss      = 16 + 5
)

func (d *Decoder) exposures(r *reader, h *History) {
	sets := make([][]byte, 0, 4)
	for range r.count(1) {
		sets = append(sets, r.text())
	}
	for range r.count(leastPhase) {
		experiment, phase, set := r.id(), int(r.uvarint()), r.uvarint()
		start := len(h.exposures)
		for range r.count(leastVariation) {
			h.exposures = append(h.exposures, Exposure{
				Experiment: experiment, Phase: phase,
				Variation: d.name(r.text()), Epoch: int(r.uvarint()), At: r.varint(), ID: r.id(),
			})
		}
		of := h.exposures[start:]
		if set == 0 {
			continue
		}
		if len(of) == 0 || set > uint64(len(sets)) {
			r.fail()
			return
		}
		of[earliest(of)].Attributes = sets[set-1]
	}
}

func (d *Decoder) misses(r *reader, h *History) {
	for range r.count(leastMiss) {
		h.misses = append(h.misses, miss{
			experiment: r.id(), phase: int(r.uvarint()), variation: d.name(r.text()),
			kind: Miss(r.byte()), day: r.varint(), count: int64(r.uvarint()),
		})
	}
}

func (d *Decoder) events(r *reader, h *History) {
	for range r.count(3) {
		name, at := d.name(r.text()), int64(0)
		for range r.count(1) {
			head := r.varint()
			at += head >> 2
			e := event{name: name, at: at, has: head&3 != noValue}
			switch head & 3 {
			case wholes:
				e.value = r.varint() * 1_000_000
			case hundredths:
				e.value = r.varint() * 10_000
			case millionths:
				e.value = r.varint()
			}
			h.events = append(h.events, e)
		}
	}
}

func (r *reader) id() uuid.UUID {
	id, _ := uuid.FromBytes(r.bytes(16)) // of another length: r has failed
	return id
}
