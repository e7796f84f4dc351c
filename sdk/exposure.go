package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/tracking"
)

// Exposure is what OnExposure is told: the unit, what it was shown, and where
// that was decided. Its ID is that which the server gets.
type Exposure = tracking.Event

// Event is something that a unit did: what metrics count.
type Event struct {
	Name string
	// Unit is the id, UnitType its type: user_id when empty.
	Unit, UnitType string
	// Units are up to three further units, by type, that the event is of too: who
	// was anonymous and is now known.
	Units map[string]string
	// Value is what the event is worth, where it is worth anything: new(49.9). It
	// is kept in millionths.
	Value *float64
	// Attributes go with the event, as JSON of at most 8 KiB.
	Attributes map[string]any
	// ID makes an event that is tracked twice count once; the zero value is a new
	// one. At is when it happened: now when zero.
	ID uuid.UUID
	At time.Time
}

// Track queues an event for the server and never blocks. The error says why it
// was dropped; it is counted in Stats too.
func (c *Client) Track(e Event) error {
	if c == nil {
		return ErrNotReady
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	tracked := &tracking.Event{
		ID: e.ID, Type: tracking.Custom, At: e.At.UTC(), Unit: e.Unit, UnitType: e.UnitType, Units: e.Units, Name: e.Name,
	}
	return c.reporter.add(tracked, e.describe(tracked))
}

// describe gives what is tracked its value and attributes.
func (e *Event) describe(tracked *tracking.Event) error {
	if e.Value != nil {
		amount, err := tracking.AmountOf(*e.Value)
		if err != nil {
			return fmt.Errorf("value: %w", err)
		}
		tracked.Value = &amount
	}
	if len(e.Attributes) > 0 {
		encoded, err := json.Marshal(e.Attributes)
		if err != nil {
			return fmt.Errorf("attributes: must be JSON: %w", err)
		}
		tracked.Attributes = encoded
	}
	return nil
}

// expose reports that the unit is shown the variation, unless that was reported
// lately.
func (c *Client) expose(v *view, e *evaluator.Experiment, variation string, unit Unit) {
	id, ok := e.UnitID(unit.ID, unit.Attributes)
	if !ok {
		return
	}
	now := time.Now()
	what := sighting{experiment: e.ID(), unit: id, variation: variation, phase: e.Phase()}
	if !c.seen.first(what, now) {
		return
	}
	exposure := Exposure{
		Type: tracking.Exposure, At: now.UTC(), Unit: strings.Clone(id),
		Experiment: e.Key(), Variation: variation, Position: v.snapshot.Position(),
	}
	if e.UnitType() != tracking.UserID {
		exposure.UnitType = e.UnitType()
	}
	if !c.cfg.HideAttributes {
		exposure.Attributes = shown(unit.Attributes)
	}
	err := c.reporter.add(&exposure, nil)
	if errors.Is(err, ErrQueueFull) {
		c.seen.forget(what) // so that the next one gets its chance
	}
	if c.cfg.OnExposure != nil {
		c.cfg.OnExposure(exposure)
	}
}

// shown is the JSON of a unit's attributes; none where the server would not take
// them, since half of them could lead it to another variation.
func shown(attributes map[string]any) json.RawMessage {
	if len(attributes) == 0 {
		return nil
	}
	encoded, err := json.Marshal(attributes)
	if err != nil || tracking.CheckAttributes(encoded) != nil {
		return nil
	}
	return encoded
}
