package trackfault

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
)

// The model judges exposures by the words of docs/assignment.md and
// docs/tracking.md, slowly, from what the ledger's own feed says: it shares no
// code with the programs.

// settings are an experiment as an event tells it.
type settings struct {
	ID         string `json:"id"`
	Key        string `json:"key"`
	UnitType   string `json:"unit_type"`
	Salt       string `json:"salt"`
	Phase      int    `json:"phase"`
	TrafficPPM uint64 `json:"traffic_ppm"`
	Variations []struct {
		Key string `json:"key"`
	} `json:"variations"`
	Split     []piece           `json:"split"`
	Overrides map[string]string `json:"overrides"`
	Metrics   []struct {
		Metric string `json:"metric"`
	} `json:"metrics"`
	Analysis struct {
		Dimensions []string `json:"dimensions"`
		Exclude    []string `json:"exclude"`
	} `json:"analysis"`

	active bool
	epoch  int
}

type piece struct {
	Variation string `json:"variation"`
	From      uint64 `json:"from"`
	To        uint64 `json:"to"`
}

// record is one of GET /events.
type record struct {
	Position int64           `json:"position"`
	Type     string          `json:"type"`
	Stream   string          `json:"stream"`
	At       time.Time       `json:"at"`
	Data     json.RawMessage `json:"data"`
}

// past is what each experiment was, by its stream, after each record.
type past struct {
	records []record
	stood   map[string][]standing
	streams map[string]string // by key
}

type standing struct {
	from int64
	settings
}

func newPast(t testing.TB, records []record) *past {
	t.Helper()
	p := &past{records: records, stood: map[string][]standing{}, streams: map[string]string{}}
	for i, r := range records {
		if r.Position != int64(i+1) {
			t.Fatalf("record %d has position %d", i+1, r.Position)
		}
		var before settings
		if all := p.stood[r.Stream]; len(all) > 0 {
			before = all[len(all)-1].settings
		}
		now := before
		switch r.Type {
		case "experiment.created", "experiment.changed":
			now = settings{active: before.active}
			decode(t, r.Data, &now)
			if now.Phase == before.Phase {
				now.epoch = before.epoch
				if !slices.Equal(now.Split, before.Split) {
					now.epoch++
				}
			}
			p.streams[now.Key] = r.Stream
		case "experiment.status_changed":
			var change struct {
				New string `json:"new_status"`
			}
			decode(t, r.Data, &change)
			now.active = change.New == "active"
		default:
			continue
		}
		p.stood[r.Stream] = append(p.stood[r.Stream], standing{r.Position, now})
	}
	return p
}

// at is an experiment as it stood at a position.
func (p *past) at(key string, position int64) (settings, bool) {
	for _, s := range slices.Backward(p.stood[p.streams[key]]) {
		if s.from <= position {
			return s.settings, true
		}
	}
	return settings{}, false
}

// now is an experiment as it stands.
func (p *past) now(key string) settings {
	s, _ := p.at(key, int64(len(p.records)))
	return s
}

// verdict is what the ledger says of an exposure.
type verdict int

const (
	unknown verdict = iota
	agrees
	disagrees
	overridden
)

// judge says what an exposure is worth, and which phase and epoch it is of.
func (p *past) judge(e *event) (verdict, settings) {
	s, ok := p.at(e.Experiment, e.Position)
	if !ok || s.UnitType != e.unitType() {
		return unknown, s
	}
	if over, ok := s.Overrides[e.Unit]; ok && s.active {
		if over == e.Variation {
			return overridden, s
		}
		return disagrees, s
	}
	if s.active && s.assign(e.Unit) == e.Variation {
		return agrees, s
	}
	return disagrees, s
}

// assign is the variation that the split gives, or nothing.
func (s *settings) assign(unit string) string {
	message := binary.LittleEndian.AppendUint64(nil, xxh3.HashString(unit))
	message = binary.LittleEndian.AppendUint64(message, xxh3.HashString(s.Salt))
	h := xxh3.Hash(message)
	hi, lo := (h>>32)*1_000_000>>32, (h&0xffffffff)*1_000_000>>32
	if lo >= s.TrafficPPM {
		return ""
	}
	for _, piece := range s.Split {
		if piece.From <= hi && hi < piece.To {
			return piece.Variation
		}
	}
	return ""
}

func (s *settings) place(variation string) int {
	for i, v := range s.Variations {
		if v.Key == variation {
			return i
		}
	}
	return -1
}

// event is one of the traffic's record.
type event struct {
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	At         time.Time         `json:"at"`
	Unit       string            `json:"unit"`
	UnitType   string            `json:"unit_type"`
	Units      map[string]string `json:"units"`
	Experiment string            `json:"experiment"`
	Variation  string            `json:"variation"`
	Position   int64             `json:"position"`
	Attributes map[string]any    `json:"attributes"`
	Name       string            `json:"name"`
	Value      json.Number       `json:"value"`
}

func (e *event) unitType() string { return cmp.Or(e.UnitType, "user_id") }

func decode(t testing.TB, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%v in %.500s", err, data)
	}
}
