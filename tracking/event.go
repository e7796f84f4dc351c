// Package tracking holds what units saw and did, as it goes over the wire to
// POST /track. Begin with Event.
package tracking

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
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
)

// Event is one fact about a unit. The same ID counts once, however often it is
// sent.
type Event struct {
	ID       uuid.UUID `json:"id"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`
	Unit     string    `json:"unit"`
	UnitType string    `json:"unit_type,omitempty"` // empty is user_id
	// Units are up to three further units of other types that the event is of
	// too: who was anonymous and is now known.
	Units map[string]string `json:"units,omitempty"`

	// Of an exposure: keys, and the position that the variation was given at; 0
	// is unknown.
	Experiment string `json:"experiment,omitempty"`
	Variation  string `json:"variation,omitempty"`
	Position   int64  `json:"position,omitempty"`

	// Of any other event.
	Name  string   `json:"name,omitempty"`
	Value *float64 `json:"value,omitempty"`

	Attributes map[string]any `json:"attributes,omitempty"`
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
}

// Encode checks the event and returns its JSON.
func (e *Event) Encode() (json.RawMessage, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

// Validate says what is wrong with the event, or nothing.
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
	if err := e.checkType(); err != nil {
		return err
	}
	return e.checkAttributes()
}

func (e *Event) checkType() error {
	switch e.Type {
	case Exposure:
		if e.Name != "" || e.Value != nil {
			return errors.New("type: an exposure has neither name nor value")
		}
		if e.Position < 0 {
			return errors.New("position: must not be negative")
		}
		if err := checkText("experiment", e.Experiment, MaxName); err != nil {
			return err
		}
		return checkText("variation", e.Variation, MaxName)
	case Custom:
		if e.Experiment != "" || e.Variation != "" || e.Position != 0 {
			return errors.New("type: only an exposure has experiment, variation and position")
		}
		if e.Value != nil && (math.IsNaN(*e.Value) || math.IsInf(*e.Value, 0)) {
			return errors.New("value: must be finite")
		}
		return checkText("name", e.Name, MaxName)
	}
	return fmt.Errorf("type: must be %s or %s", Exposure, Custom)
}

func (e *Event) checkAttributes() error {
	if len(e.Attributes) == 0 {
		return nil
	}
	encoded, err := json.Marshal(e.Attributes)
	if err != nil {
		return fmt.Errorf("attributes: must be JSON: %w", err)
	}
	if len(encoded) > MaxAttributes {
		return fmt.Errorf("attributes: must be at most %d bytes, have %d", MaxAttributes, len(encoded))
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
