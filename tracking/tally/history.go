package tally

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// MaxEvents is how many events, exposures aside, a unit may have before it is a
// bot.
const MaxEvents = 10_000

// microsPerDay is a day in the unit of all times here.
const microsPerDay = 24 * 3600 * 1_000_000

// History is what is known of one unit. It is a set of facts: their order is of
// no account. Its zero value is that of a unit without any. Not safe for
// concurrent use.
type History struct {
	exposures []Exposure // sorted by experiment, phase and variation, one of each
	misses    []miss     // sorted, one of each
	events    []event    // sorted by name, then time
	bot       bool
	unsettled bool // events were added and not sorted in yet
}

// Exposure is one that the ledger agrees with. Times are microseconds since 1970.
type Exposure struct {
	Experiment uuid.UUID
	Phase      int
	Variation  string
	Epoch      int
	At         int64
	ID         uuid.UUID
	// Attributes are in the form of AppendAttributes.
	Attributes []byte
}

// event is any other fact. Of none without a value value is 0.
type event struct {
	name  string
	at    int64
	value int64 // millionths
	has   bool
}

// Miss is what becomes of an exposure that is not used.
type Miss byte

// The misses.
const (
	Disagreed Miss = iota
	Overrode
)

// miss counts exposures of a day that are not used.
type miss struct {
	experiment uuid.UUID
	phase      int
	variation  string
	kind       Miss
	day        int64
	count      int64
}

func compareID(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// phaseOrder compares the phases of two exposures.
func (e *Exposure) phaseOrder(experiment uuid.UUID, phase int) int {
	return cmp.Or(compareID(e.Experiment, experiment), cmp.Compare(e.Phase, phase))
}

// before says whether e is earlier than o: it decides then.
func (e *Exposure) before(o *Exposure) bool {
	return cmp.Or(cmp.Compare(e.At, o.At), compareID(e.ID, o.ID)) < 0
}

// Expose adds an exposure. It says whether that tells anything new.
func (h *History) Expose(e Exposure) bool {
	i, found := slices.BinarySearchFunc(h.exposures, e, func(a, b Exposure) int {
		return cmp.Or(a.phaseOrder(b.Experiment, b.Phase), strings.Compare(a.Variation, b.Variation))
	})
	if found && !e.before(&h.exposures[i]) {
		return false
	}
	if found {
		h.exposures[i] = e
	} else {
		h.exposures = slices.Insert(h.exposures, i, e)
	}
	h.keepAttributes(e.Experiment, e.Phase)
	return true
}

// keepAttributes forgets those that do not decide.
func (h *History) keepAttributes(experiment uuid.UUID, phase int) {
	all := h.ofPhase(experiment, phase)
	first := earliest(all)
	for i := range all {
		if i != first {
			all[i].Attributes = nil
		}
	}
}

// ofPhase are the exposures of a phase.
func (h *History) ofPhase(experiment uuid.UUID, phase int) []Exposure {
	from, _ := slices.BinarySearchFunc(h.exposures, phase, func(e Exposure, phase int) int { return e.phaseOrder(experiment, phase) })
	to := from
	for to < len(h.exposures) && h.exposures[to].phaseOrder(experiment, phase) == 0 {
		to++
	}
	return h.exposures[from:to]
}

func earliest(exposures []Exposure) int {
	first := 0
	for i := range exposures {
		if exposures[i].before(&exposures[first]) {
			first = i
		}
	}
	return first
}

// Miss counts an exposure that is not used.
func (h *History) Miss(kind Miss, experiment uuid.UUID, phase int, variation string, at int64) {
	m := miss{experiment, phase, variation, kind, dayOf(at), 1}
	i, found := slices.BinarySearchFunc(h.misses, m, miss.compare)
	if found {
		h.misses[i].count++
	} else {
		h.misses = slices.Insert(h.misses, i, m)
	}
}

func (m miss) compare(o miss) int {
	return cmp.Or(compareID(m.experiment, o.experiment), cmp.Compare(m.phase, o.phase),
		strings.Compare(m.variation, o.variation), cmp.Compare(m.kind, o.kind), cmp.Compare(m.day, o.day))
}

// Happen adds an event; value is in millionths, has false where there is none.
func (h *History) Happen(name string, at, value int64, has bool) {
	if h.bot {
		return
	}
	if len(h.events) == MaxEvents {
		h.bot, h.events = true, nil
		return
	}
	h.events = append(h.events, event{name, at, value, has})
	h.unsettled = true
}

// settle sorts in what was added.
func (h *History) settle() {
	if h.unsettled {
		slices.SortFunc(h.events, event.compare)
		h.unsettled = false
	}
}

func (e event) compare(o event) int {
	if c := cmp.Or(strings.Compare(e.name, o.name), cmp.Compare(e.at, o.at), cmp.Compare(e.value, o.value)); c != 0 {
		return c
	}
	switch {
	case e.has == o.has:
		return 0
	case o.has:
		return -1
	}
	return 1
}

// named are the events of a name, in order of time.
func (h *History) named(name string) []event {
	h.settle()
	from, _ := slices.BinarySearchFunc(h.events, name, func(e event, name string) int { return strings.Compare(e.name, name) })
	n, _ := slices.BinarySearchFunc(h.events[from:], name, func(e event, name string) int {
		if e.name == name {
			return -1
		}
		return 1
	})
	return h.events[from : from+n]
}

// Phases yields each phase that the history has something to tell of.
func (h *History) Phases(yield func(experiment uuid.UUID, phase int) bool) {
	var last *Exposure
	for i := range h.exposures {
		if e := &h.exposures[i]; last == nil || last.phaseOrder(e.Experiment, e.Phase) != 0 {
			if !yield(e.Experiment, e.Phase) {
				return
			}
			last = e
		}
	}
	for i := range h.misses {
		m := &h.misses[i]
		if i > 0 && h.misses[i-1].experiment == m.experiment && h.misses[i-1].phase == m.phase {
			continue
		}
		if len(h.ofPhase(m.experiment, m.phase)) == 0 && !yield(m.experiment, m.phase) {
			return
		}
	}
}

// Bot says whether the unit has had too many events; they are forgotten.
func (h *History) Bot() bool { return h.bot }

// Reset forgets everything but the room that it takes.
func (h *History) Reset() {
	*h = History{exposures: h.exposures[:0], misses: h.misses[:0], events: h.events[:0]}
}

// dayOf is the UTC day of a time, counted from 1970.
func dayOf(at int64) int64 {
	day := at / microsPerDay
	if at%microsPerDay < 0 {
		day--
	}
	return day
}
