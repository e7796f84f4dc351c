package tracking_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/tracking"
)

func exposure() tracking.Event {
	return tracking.Event{
		ID: uuid.MustParse("0193e1a0-0000-7000-8000-000000000001"), Type: tracking.Exposure,
		At: time.Date(2026, 1, 6, 12, 0, 0, 5e6, time.UTC), Unit: "u1",
		Experiment: "checkout-button", Variation: "treatment", Position: 42,
	}
}

func purchase() tracking.Event {
	return tracking.Event{
		ID: uuid.MustParse("0193e1a0-0000-7000-8000-000000000002"), Type: tracking.Custom,
		At: time.Date(2026, 1, 6, 12, 0, 1, 0, time.UTC), Unit: "u1", Name: "purchase", Value: new(tracking.Amount(0)),
	}
}

func TestEncode(t *testing.T) {
	ofDevice := exposure()
	ofDevice.Unit, ofDevice.UnitType, ofDevice.Position = "d-é", "device", 0
	described := purchase()
	described.Value, described.Attributes = nil, json.RawMessage(`{"currency":"EUR"}`)
	for _, tt := range []struct {
		name  string
		event tracking.Event
		want  string
	}{
		{"exposure", exposure(), `{"id":"0193e1a0-0000-7000-8000-000000000001","type":"exposure","at":"2026-01-06T12:00:00.005Z","unit":"u1","experiment":"checkout-button","variation":"treatment","position":42}`},
		{"another unit type", ofDevice, `{"id":"0193e1a0-0000-7000-8000-000000000001","type":"exposure","at":"2026-01-06T12:00:00.005Z","unit":"d-é","unit_type":"device","experiment":"checkout-button","variation":"treatment"}`},
		{"event worth nothing", purchase(), `{"id":"0193e1a0-0000-7000-8000-000000000002","type":"event","at":"2026-01-06T12:00:01Z","unit":"u1","name":"purchase","value":0}`},
		{"event with attributes", described, `{"id":"0193e1a0-0000-7000-8000-000000000002","type":"event","at":"2026-01-06T12:00:01Z","unit":"u1","name":"purchase","attributes":{"currency":"EUR"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.event.Encode()
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s (%v)\nwant %s", got, err, tt.want)
			}
			var back tracking.Event
			if err := json.Unmarshal(got, &back); err != nil || back.Validate() != nil {
				t.Errorf("does not decode: %v", err)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		event tracking.Event
		spoil func(*tracking.Event)
		want  string
	}{
		{"no id", exposure(), func(e *tracking.Event) { e.ID = uuid.Nil }, "id: "},
		{"no time", exposure(), func(e *tracking.Event) { e.At = time.Time{} }, "at: "},
		{"a time that JSON cannot hold", exposure(), func(e *tracking.Event) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "at: "},
		{"no unit", exposure(), func(e *tracking.Event) { e.Unit = "" }, "unit: "},
		{"a long unit", exposure(), func(e *tracking.Event) { e.Unit = strings.Repeat("u", tracking.MaxUnit+1) }, "unit: "},
		{"a unit that is not UTF-8", exposure(), func(e *tracking.Event) { e.Unit = "\xff" }, "unit: "},
		{"NUL in a unit", exposure(), func(e *tracking.Event) { e.Unit = "u\x00" }, "unit: "},
		{"a long unit type", exposure(), func(e *tracking.Event) { e.UnitType = strings.Repeat("u", 129) }, "unit_type: "},
		{"no experiment", exposure(), func(e *tracking.Event) { e.Experiment = "" }, "experiment: "},
		{"no variation", exposure(), func(e *tracking.Event) { e.Variation = "" }, "variation: "},
		{"a negative position", exposure(), func(e *tracking.Event) { e.Position = -1 }, "position: "},
		{"a named exposure", exposure(), func(e *tracking.Event) { e.Name = "x" }, "type: "},
		{"an exposure with a value", exposure(), func(e *tracking.Event) { e.Value = new(tracking.Amount(1e6)) }, "type: "},
		{"no name", purchase(), func(e *tracking.Event) { e.Name = "" }, "name: "},
		{"a huge value", purchase(), func(e *tracking.Event) { e.Value = new(tracking.Amount(1e18 + 1)) }, "value: "},
		{"a huge negative value", purchase(), func(e *tracking.Event) { e.Value = new(tracking.Amount(-1e18 - 1)) }, "value: "},
		{"a huge position", exposure(), func(e *tracking.Event) { e.Position = 1 << 53 }, "position: "},
		{"a unit of the same type again", exposure(), func(e *tracking.Event) { e.Units = map[string]string{"user_id": "u2"} }, "units: "},
		{"four further units", exposure(), func(e *tracking.Event) {
			e.Units = map[string]string{"a": "1", "b": "1", "c": "1", "d": "1"}
		}, "units: "},
		{"a further unit without id", exposure(), func(e *tracking.Event) { e.Units = map[string]string{"device": ""} }, "units: "},
		{"a further unit without type", exposure(), func(e *tracking.Event) { e.Units = map[string]string{"": "d"} }, "units: "},
		{"an event of an experiment", purchase(), func(e *tracking.Event) { e.Experiment = "x" }, "type: "},
		{"another type", purchase(), func(e *tracking.Event) { e.Type = "click" }, "type: "},
		{"attributes that are not JSON", purchase(), func(e *tracking.Event) { e.Attributes = json.RawMessage(`{"f":}`) }, "attributes: "},
		{"attributes that are a list", purchase(), func(e *tracking.Event) { e.Attributes = json.RawMessage(`[]`) }, "attributes: must be an object"},
		{"two objects of attributes", purchase(), func(e *tracking.Event) { e.Attributes = json.RawMessage(`{}{}`) }, "attributes: must be JSON"},
		{"attributes with a number that no reader keeps", purchase(), func(e *tracking.Event) { e.Attributes = json.RawMessage(`{"n":9007199254740993}`) }, "attributes: whole numbers"},
		{"attributes with NUL", purchase(), func(e *tracking.Event) { e.Attributes = json.RawMessage(`{"n":"\u0000"}`) }, "attributes: must be UTF-8"},
		{"large attributes", purchase(), func(e *tracking.Event) {
			e.Attributes = json.RawMessage(`{"f":"` + strings.Repeat("a", tracking.MaxAttributes) + `"}`)
		}, "attributes: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.event.Validate(); err != nil {
				t.Fatalf("refused before it was spoilt: %v", err)
			}
			tt.spoil(&tt.event)
			if _, err := tt.event.Encode(); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
		})
	}
}
