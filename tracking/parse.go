package tracking

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Parse reads the body of POST /track as it came at that time. Events that
// something is wrong with are left out and named; the others keep their order. It
// takes what the JSON says and nothing else: no unknown or repeated members, no
// text that is not UTF-8 or holds NUL, null for a value or attributes alone.
// Times are cut off at the microsecond; with a zero now they may be any. The error says why there is no batch at
// all. Nothing of body is kept.
func Parse(body []byte, now time.Time) ([]Event, []Rejection, error) {
	if len(body) > MaxBody {
		return nil, nil, fmt.Errorf("body: must be at most %d bytes", MaxBody)
	}
	p := parser{cursor: newCursor(string(body)), now: now}
	if p.body(); p.err != nil {
		return nil, nil, p.err
	}
	return p.events, p.rejected, nil
}

// Index turns the place of an event that Parse returned into its index in the
// body.
func Index(place int, rejected []Rejection) int {
	for _, r := range rejected {
		if r.Index > place {
			break
		}
		place++
	}
	return place
}

type parser struct {
	*cursor
	now      time.Time
	count    int // of all events of the batch
	events   []Event
	rejected []Rejection
	amounts  []Amount // where values lie: one piece of memory for many
	err      error
}

var errBody = errors.New(`body: must be JSON: {"events":[…]}`)

func (p *parser) body() {
	seen := false
	p.open('{', wantJSON)
	for first := true; p.more('}', &first); {
		switch name := p.string(); {
		case p.fault != nil:
		case name != "events":
			p.err = fmt.Errorf("%s: unknown field", clip(name))
			return
		case seen:
			p.err = errors.New("events: duplicate field")
			return
		}
		seen = true
		p.open(':', wantJSON)
		if p.list(); p.err != nil {
			return
		}
	}
	switch {
	case p.fault != nil, p.peek() != 0, p.at < len(p.text):
		p.err = errBody
	case !seen:
		p.err = errors.New("events: must be there")
	}
}

// list reads the events.
func (p *parser) list() {
	if p.peek() != '[' {
		if p.fault == nil {
			p.err = errors.New("events: must be an array")
		}
		return
	}
	p.at++
	for first := true; p.more(']', &first); p.count++ {
		if p.count == MaxEvents {
			p.err = fmt.Errorf("events: must be at most %d", MaxEvents)
			return
		}
		p.next()
		if p.err != nil {
			return
		}
	}
}

// next reads an event, or rejects it.
func (p *parser) next() {
	switch p.peek() {
	case 0, ',', ':', ']', '}':
		p.err = errBody
		return
	}
	from := p.at
	if len(p.events) == cap(p.events) {
		// An event is hardly ever smaller than a hundred bytes.
		p.events = slices.Grow(p.events, min(MaxEvents, 1+(len(p.text)-from)/200))
	}
	p.events = p.events[:len(p.events)+1]
	e := &p.events[len(p.events)-1]
	p.field = "event"
	p.event(e)
	f := p.fault
	if f == nil {
		f = p.check(e)
	}
	if f == nil {
		return
	}
	*e = Event{}
	p.events = p.events[:len(p.events)-1]
	p.rejected = append(p.rejected, Rejection{p.count, clip(f.field) + ": " + f.problem, reasonOf(f)})
	if p.fault == nil {
		return
	}
	p.at = from
	if !p.skip() {
		p.err = errBody
	}
}

// check is what Validate says, and the clock.
func (p *parser) check(e *Event) *fault {
	err, reason := e.Validate(), Reason("")
	if err == nil {
		err, reason = e.checkClock(p.now), BadClock
	}
	if err == nil {
		return nil
	}
	field, problem, _ := strings.Cut(err.Error(), ": ")
	return &fault{field, problem, reason}
}

func reasonOf(f *fault) Reason {
	if f.reason != "" {
		return f.reason
	}
	if f.field == "event" {
		return BadForm
	}
	return Reason(f.field)
}

// clip bounds what a problem repeats of what was sent.
func clip(name string) string {
	if len(name) > MaxName {
		name = name[:MaxName]
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}

// The members of an event, as bits.
const (
	hasID = 1 << iota
	hasType
	hasAt
	hasUnit
	hasUnitType
	hasUnits
	hasExperiment
	hasVariation
	hasPosition
	hasName
	hasValue
	hasAttributes
)

// event reads one event into e, which is empty.
func (p *parser) event(e *Event) {
	p.open('{', "must be an object")
	seen := 0
	for first := true; p.more('}', &first); {
		p.field = "event"
		p.field = p.string()
		p.open(':', wantJSON)
		if p.fault != nil {
			return
		}
		bit := p.member(e)
		if seen&bit != 0 {
			p.failAs(BadForm, "duplicate field")
		}
		seen |= bit
	}
	if e.UnitType == "" && seen&hasUnitType != 0 {
		p.field = "unit_type"
		p.fail("must be 1 to " + strconv.Itoa(MaxName) + " bytes, has 0")
	}
}

// member reads the member whose name was read, and tells which it is.
func (p *parser) member(e *Event) int {
	switch p.field {
	case "id":
		e.ID = p.id()
		return hasID
	case "type":
		e.Type = p.string()
		return hasType
	case "at":
		e.At = p.time()
		return hasAt
	case "unit":
		e.Unit = p.string()
		return hasUnit
	case "unit_type":
		e.UnitType = p.string()
		return hasUnitType
	case "units":
		e.Units = p.units()
		return hasUnits
	case "experiment":
		e.Experiment = p.string()
		return hasExperiment
	case "variation":
		e.Variation = p.string()
		return hasVariation
	case "position":
		e.Position = p.whole()
		return hasPosition
	case "name":
		e.Name = p.string()
		return hasName
	case "value":
		e.Value = p.amount()
		return hasValue
	case "attributes":
		e.Attributes = p.attributes()
		return hasAttributes
	}
	p.failAs(BadForm, "unknown field")
	return 0
}

// id reads a UUID in its canonical form.
func (p *parser) id() uuid.UUID {
	text := p.string()
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len("0193e1a0-0000-7000-8000-000000000001") {
		p.fail("must be a UUID")
	}
	return id
}

func (p *parser) time() time.Time {
	text := p.string()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || !strictTime(text) {
		p.fail("must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z")
	}
	return at.UTC().Truncate(time.Microsecond)
}

// strictTime refuses what package time takes for RFC 3339 and is not: hours of
// one digit, a comma before the fraction, offsets of a day and more.
func strictTime(text string) bool {
	if len(text) < len("2006-01-02T15:04:05Z") || text[13] != ':' || text[19] == ',' {
		return false
	}
	offset := text[len(text)-len("15:04"):]
	return text[len(text)-1] == 'Z' || offset[:2] <= "23" && offset[3:] <= "59"
}

func (p *parser) amount() *Amount {
	if p.null() {
		return nil
	}
	a, err := ParseAmount(p.number(errAmount.Error()))
	if err != nil {
		p.fail(err.Error())
	}
	if len(p.amounts) == cap(p.amounts) {
		p.amounts = make([]Amount, 0, 64)
	}
	p.amounts = append(p.amounts, a)
	return &p.amounts[len(p.amounts)-1]
}

func (p *parser) attributes() []byte {
	if p.null() {
		return nil
	}
	if text := p.object(); len(text) > len("{}") {
		return []byte(text)
	}
	return nil
}

func (p *parser) units() map[string]string {
	if p.peek() != '{' {
		p.fail("must be an object")
		return nil
	}
	p.at++
	units := make(map[string]string, MaxUnits)
	for first := true; p.more('}', &first); {
		unitType := p.string()
		p.open(':', wantJSON)
		before := len(units)
		units[unitType] = p.string()
		if len(units) == before {
			p.fail("duplicate field")
		}
		if len(units) > MaxUnits {
			p.fail("must be at most " + strconv.Itoa(MaxUnits))
		}
	}
	return units
}
