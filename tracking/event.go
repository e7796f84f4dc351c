// Package tracking holds what units saw and did, as it goes over the wire to
// POST /track. Begin with Event; Parse reads a request, ShardOf spreads units.
package tracking

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The types of an event.
const (
	// Exposure says that a unit was shown a variation.
	Exposure = "exposure"
	// Custom is anything else that a unit did; its name says what.
	Custom = "event"
)

// What one event may hold at most, in bytes. A batch of 500 stays below the
// 5 MiB of a request.
const (
	MaxUnit       = 1 << 10
	MaxName       = 128
	MaxAttributes = 8 << 10
	// MaxUnits is how many further units an event may name.
	MaxUnits = 3
)

// What a request may hold at most.
const (
	MaxBody   = 5 << 20 // bytes
	MaxEvents = 10_000
)

// How far the time of an event may be ahead of the server's clock, and behind.
const (
	MaxAhead  = 24 * time.Hour
	MaxBehind = 400 * 24 * time.Hour
)

// UserID is the type of units whose type is not said.
const UserID = "user_id"

// maxWhole is the largest whole number that every reader of JSON keeps exact.
const maxWhole = 1<<53 - 1

// Event is one fact about a unit. The same ID counts once, however often it is
// sent.
type Event struct {
	ID       uuid.UUID `json:"id"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`
	Unit     string    `json:"unit"`
	UnitType string    `json:"unit_type,omitempty"` // empty is UserID
	// Units are up to three further units, by type, that the event is of too: who
	// was anonymous and is now known.
	Units map[string]string `json:"units,omitempty"`

	// Of an exposure: keys, and the position that the variation was given at; 0
	// is unknown.
	Experiment string `json:"experiment,omitempty"`
	Variation  string `json:"variation,omitempty"`
	Position   int64  `json:"position,omitempty"`

	// Of any other event.
	Name  string  `json:"name,omitempty"`
	Value *Amount `json:"value,omitempty"`

	// Attributes are a JSON object.
	Attributes json.RawMessage `json:"attributes,omitempty"`
}

// Batch is the body of POST /track.
type Batch struct {
	Events []json.RawMessage `json:"events"`
}

// Receipt is the answer to a batch: what is not rejected is stored.
type Receipt struct {
	Accepted int         `json:"accepted"`
	Rejected []Rejection `json:"rejected"`
}

// Rejection says why the event at Index of the batch will never be stored.
type Rejection struct {
	Index   int    `json:"index"`
	Problem string `json:"problem"`
	// Reason is the problem's kind, one of few, for counting.
	Reason Reason `json:"-"`
}

// Reason is a kind of rejection: the field at fault, or one of these.
type Reason string

// Reasons that are not fields.
const (
	// BadForm is an event that is no JSON, or holds what no event has.
	BadForm Reason = "form"
	// BadClock is a time too far ahead or behind.
	BadClock Reason = "clock"
	// Refused is an event that the database refused.
	Refused Reason = "refused"
)

// Stored is what became of a batch's events that nothing was wrong with: as many
// as there were.
type Stored struct {
	New        int
	Duplicates int
	// Refused are those that the database would not have, by their place.
	Refused []Rejection
}

// Why a batch was not stored. The same batch may be stored later.
var (
	ErrFull = errors.New("too many events are waiting to be stored")
	ErrDown = errors.New("events cannot be stored now")
)

// TypeOfUnit is the unit's type, also where it is not said.
func (e *Event) TypeOfUnit() string {
	if e.UnitType == "" {
		return UserID
	}
	return e.UnitType
}

// Encode checks the event and returns its JSON.
func (e *Event) Encode() (json.RawMessage, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if err := CheckAttributes(e.Attributes); err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

// Validate says what is wrong with the event, or nothing; it does not look into
// attributes.
func (e *Event) Validate() error {
	if e.ID == uuid.Nil {
		return errors.New("id: must be a UUID")
	}
	if e.At.IsZero() || e.At.Year() > 9999 {
		return errors.New("at: must be a time")
	}
	if err := checkText("unit", e.Unit, MaxUnit); err != nil {
		return err
	}
	if e.UnitType != "" {
		if err := checkText("unit_type", e.UnitType, MaxName); err != nil {
			return err
		}
	}
	if err := e.checkUnits(); err != nil {
		return err
	}
	if err := e.checkType(); err != nil {
		return err
	}
	return checkSize(e.Attributes)
}

func checkSize(attributes json.RawMessage) error {
	if len(attributes) > MaxAttributes {
		return fmt.Errorf("attributes: must be at most %d bytes, have %d", MaxAttributes, len(attributes))
	}
	return nil
}

// CheckAttributes says what is wrong with the JSON of attributes, or nothing;
// there may be none.
func CheckAttributes(attributes json.RawMessage) error {
	if len(attributes) == 0 {
		return nil
	}
	c := newCursor(string(attributes))
	c.field = "attributes"
	c.object()
	if c.peek() != 0 || c.fault == nil && c.at < len(c.text) {
		c.fail(wantJSON)
	}
	if c.fault != nil {
		return errors.New(c.fault.field + ": " + c.fault.problem)
	}
	return checkSize(attributes)
}

func (e *Event) checkUnits() error {
	if len(e.Units) > MaxUnits {
		return fmt.Errorf("units: must be at most %d", MaxUnits)
	}
	for unitType, unit := range e.Units {
		if unitType == e.TypeOfUnit() {
			return errors.New("units: must be of other types than unit_type")
		}
		if err := checkText("units", unitType, MaxName); err != nil {
			return err
		}
		if err := checkText("units", unit, MaxUnit); err != nil {
			return err
		}
	}
	return nil
}

func (e *Event) checkType() error {
	switch e.Type {
	case Exposure:
		if e.Name != "" || e.Value != nil {
			return errors.New("type: an exposure has neither name nor value")
		}
		if e.Position < 0 || e.Position > maxWhole {
			return errors.New("position: must be a whole number between 0 and 2^53-1")
		}
		if err := checkText("experiment", e.Experiment, MaxName); err != nil {
			return err
		}
		return checkText("variation", e.Variation, MaxName)
	case Custom:
		if e.Experiment != "" || e.Variation != "" || e.Position != 0 {
			return errors.New("type: only an exposure has experiment, variation and position")
		}
		if e.Value != nil && (*e.Value > maxAmount || *e.Value < -maxAmount) {
			return fmt.Errorf("value: %w", errAmount)
		}
		return checkText("name", e.Name, MaxName)
	}
	return fmt.Errorf("type: must be %s or %s", Exposure, Custom)
}

// checkClock says whether the event is too far from now; a zero now is near to
// all.
func (e *Event) checkClock(now time.Time) error {
	if now.IsZero() {
		return nil
	}
	switch age := now.Sub(e.At); {
	case age < -MaxAhead:
		return errors.New("at: must be at most 24 hours ahead of the server's clock")
	case age > MaxBehind:
		return errors.New("at: must be at most 400 days ago")
	}
	return nil
}

// checkText wants UTF-8 that Postgres can hold.
func checkText(field, s string, maximum int) error {
	if s == "" || len(s) > maximum {
		return fmt.Errorf("%s: must be 1 to %d bytes, has %d", field, maximum, len(s))
	}
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return fmt.Errorf("%s: must be UTF-8 without NUL", field)
	}
	return nil
}
