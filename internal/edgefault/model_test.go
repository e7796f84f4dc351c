package edgefault

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/zeebo/xxh3"
)

// The model assigns by the words of docs/assignment.md, slowly, from what the
// ledger's own feed says: it shares no code with the programs.

// config is an experiment as an event tells it.
type config struct {
	Key        string `json:"key"`
	Salt       string `json:"salt"`
	TrafficPPM uint64 `json:"traffic_ppm"`
	Variations []struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	} `json:"variations"`
	Split []struct {
		Variation string `json:"variation"`
		From      uint64 `json:"from"`
		To        uint64 `json:"to"`
	} `json:"split"`
	Audience struct {
		Country string `json:"country"`
	} `json:"audience"`
	Overrides map[string]string `json:"overrides"`

	active bool
}

// record is one of GET /events.
type record struct {
	Position int64           `json:"position"`
	Stream   string          `json:"stream"`
	Type     string          `json:"type"`
	Data     json.RawMessage `json:"data"`
}

// model is all experiments by stream, at each position from 0.
type model []map[string]config

func newModel(t testing.TB, records []record) model {
	t.Helper()
	m := model{{}}
	for i, r := range records {
		if r.Position != int64(i+1) {
			t.Fatalf("record %d has position %d", i+1, r.Position)
		}
		now := maps.Clone(m[i])
		c, known := now[r.Stream]
		switch r.Type {
		case "experiment.created", "experiment.changed":
			next := config{active: known && c.active}
			if err := json.Unmarshal(r.Data, &next); err != nil {
				t.Fatal(err)
			}
			now[r.Stream] = next
		case "experiment.status_changed":
			var change struct {
				New string `json:"new_status"`
			}
			if err := json.Unmarshal(r.Data, &change); err != nil {
				t.Fatal(err)
			}
			c.active = change.New == "active"
			now[r.Stream] = c
		case "experiment.deleted":
			delete(now, r.Stream)
		}
		m = append(m, now)
	}
	return m
}

// assignment is what a user is told of one experiment.
type assignment struct {
	Variation string          `json:"variation"`
	Value     json.RawMessage `json:"value"`
	Reason    string          `json:"reason"`
}

func (c config) assign(unit, country string) assignment {
	to := func(variation, reason string) assignment {
		i := slices.IndexFunc(c.Variations, func(v struct {
			Key   string          `json:"key"`
			Value json.RawMessage `json:"value"`
		},
		) bool {
			return v.Key == variation
		})
		return assignment{variation, c.Variations[i].Value, reason}
	}
	control := c.Variations[0].Key
	hi, lo := points(unit, c.Salt)
	switch variation, overridden := c.Overrides[unit]; {
	case !c.active:
		return to(control, "INACTIVE")
	case overridden:
		return to(variation, "OVERRIDE")
	case c.Audience.Country != "" && c.Audience.Country != country:
		return to(control, "AUDIENCE")
	case lo >= c.TrafficPPM:
		return to(control, "TRAFFIC")
	}
	for _, s := range c.Split {
		if s.From <= hi && hi < s.To {
			return to(s.Variation, "SPLIT")
		}
	}
	return assignment{}
}

// points are the slots of a unit's hash's halves.
func points(unit, salt string) (hi, lo uint64) {
	message := binary.LittleEndian.AppendUint64(nil, xxh3.HashString(unit))
	message = binary.LittleEndian.AppendUint64(message, xxh3.HashString(salt))
	h := xxh3.Hash(message)
	return (h >> 32) * 1_000_000 >> 32, (h & 0xffffffff) * 1_000_000 >> 32
}

// fault says how an answer differs from what the model says at its position.
func (m model) fault(unit, country string, body []byte) error {
	var got struct {
		Position    int64                 `json:"position"`
		Assignments map[string]assignment `json:"assignments"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	if got.Position < 0 || got.Position >= int64(len(m)) {
		return fmt.Errorf("position %d, the ledger ends at %d", got.Position, len(m)-1)
	}
	want := map[string]assignment{}
	for _, c := range m[got.Position] {
		want[c.Key] = c.assign(unit, country)
	}
	if !maps.EqualFunc(got.Assignments, want, func(a, b assignment) bool {
		return a.Variation == b.Variation && string(a.Value) == string(b.Value) && a.Reason == b.Reason
	}) {
		return fmt.Errorf("at position %d %s of %q gets %v, want %v", got.Position, unit, country, got.Assignments, want)
	}
	return nil
}
