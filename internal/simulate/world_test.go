package simulate

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/assaylabs/assay/sdk/sdktest"
	"github.com/assaylabs/assay/tracking"
)

// sent is an event as a server reads it.
type sent struct {
	ID         uuid.UUID         `json:"id"`
	Type       string            `json:"type"`
	At         time.Time         `json:"at"`
	Unit       string            `json:"unit"`
	UnitType   string            `json:"unit_type"`
	Units      map[string]string `json:"units"`
	Experiment string            `json:"experiment"`
	Variation  string            `json:"variation"`
	Name       string            `json:"name"`
	Value      *float64          `json:"value"`
}

const snapshotForm = `{"position":7,"at":"2026-01-01T00:00:00Z","experiments":[%s],"segments":[],"layers":[],"holdouts":[]}`

func experimentForm(key, unitType string) string {
	return fmt.Sprintf(`{"id":"0193f000-0000-7000-8000-%012x","key":%[2]q,"version":1,"position":7,"status":"active","phase":1,"hash":"xxh3",
		"unit_type":%[3]q,"salt":%[2]q,"tags":[],"audience":{},"traffic_ppm":1000000,"overrides":{},"prerequisites":[],
		"variations":[{"key":"control","value":false,"weight":1},{"key":"treatment","value":true,"weight":1}],
		"split":[{"variation":"control","from":0,"to":500000},{"variation":"treatment","from":500000,"to":1000000}]}`, len(key), key, unitType)
}

// play makes the events of a world with one experiment of users and one of
// devices.
func play(t *testing.T, cfg Config) ([]sent, *Summary) {
	t.Helper()
	cfg.URLs, cfg.Token = []string{"http://unused"}, "unused"
	if cfg.Until.IsZero() {
		cfg.Until = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	client := sdktest.New(t)
	client.Load(fmt.Appendf(nil, snapshotForm, experimentForm("user", unitUser)+","+experimentForm("device", unitDevice)))
	experiments := []Experiment{{Key: "user", UnitType: unitUser}, {Key: "device", UnitType: unitDevice}}
	for i := range experiments {
		e := &experiments[i]
		for _, key := range []string{"control", "treatment"} {
			e.Variations = append(e.Variations, Variation{Key: key, Effect: cfg.Effects[e.Key][key]})
		}
	}
	w := newWorld(&cfg, client.Client, experiments)
	out := make(chan []*parcel, 10_000)
	p := &post{cfg: &cfg, rand: w.rand(streamPost), delivery: newDelivery(&cfg), out: out}
	if err := w.run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.finish(t.Context())
	close(out)
	var all []sent
	for batch := range out {
		all = append(all, read(t, batch)...)
	}
	return all, w.summary(&cfg)
}

// read decodes a batch, which the server must have nothing against.
func read(t *testing.T, batch []*parcel) []sent {
	t.Helper()
	var body struct{ Events []sent }
	if err := json.Unmarshal(encode(batch), &body); err != nil {
		t.Fatal(err)
	}
	now := slices.MaxFunc(body.Events, func(a, b sent) int { return a.At.Compare(b.At) }).At
	events, rejected, err := tracking.Parse(encode(batch), now)
	if err != nil || len(rejected) > 0 || len(events) != len(batch) {
		t.Fatalf("%d of %d events, %v, %v", len(events), len(batch), rejected, err)
	}
	return body.Events
}

func TestTheSameSeedTheSameEvents(t *testing.T) {
	cfg := Config{Seed: 3, Units: 50, Duplicates: 0.1, Late: 0.1, Reorder: 20}
	first, _ := play(t, cfg)
	again, _ := play(t, cfg)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	cfg.Seed++
	other, _ := play(t, cfg)
	if first[0].ID == other[0].ID {
		t.Error("another seed makes the same first event")
	}
}

func TestWhatIsSent(t *testing.T) {
	cfg := Config{Seed: 1, Units: 500, Warmup: 4, Staff: 5, Bots: 1}
	all, s := play(t, cfg)
	begin := time.Date(2026, 2, 16, 0, 0, 0, 0, time.UTC)
	kinds, ids, night := map[string]int{}, map[uuid.UUID]bool{}, 0
	for _, e := range all {
		kinds[e.Type+" "+e.Name+e.Experiment+" of "+e.UnitType]++
		if e.Units != nil {
			kinds["of a user and a device"]++
		}
		if ids[e.ID] {
			t.Errorf("%s twice", e.ID)
		}
		ids[e.ID] = true
		switch {
		case e.At.Before(begin.Add(-time.Hour)) || e.At.After(begin.AddDate(0, 0, 14).Add(time.Hour)):
			t.Errorf("an event at %v", e.At)
		case e.Type == "exposure" && e.At.Before(begin.AddDate(0, 0, 4)):
			t.Errorf("an exposure at %v", e.At)
		case e.Type == "event" && strings.HasPrefix(e.Unit, "staff-"):
			kinds["staff"]++
		case e.Type == "event" && strings.HasPrefix(e.Unit, "bot-"):
			kinds["bot"]++
		}
		if h := e.At.Hour(); h < 8 {
			night++
		}
	}
	for _, kind := range []string{
		"exposure user of ", "exposure device of device_id", "event visit of ", "event visit of device_id", "event page_load of ",
		"event add_to_cart of ", "event purchase of ", "of a user and a device", "staff",
	} {
		if kinds[kind] == 0 {
			t.Errorf("no %s among %v", kind, kinds)
		}
	}
	if kinds["bot"] <= 10_000 {
		t.Errorf("a bot has %d events", kinds["bot"])
	}
	if share := float64(night) / float64(len(all)); share > 0.3 {
		t.Errorf("%.2f of all events are of the hours before 8", share)
	}
	if s.Events != int64(len(all)) || s.Units < 450 || s.Lost != 0 {
		t.Errorf("%d events were sent: %+v", len(all), s)
	}
}

// units are those of an experiment by variation, and how many of them have an
// event of that name.
func units(all []sent, experiment, name string) (exposed, did map[string]int) {
	variation := map[string]string{}
	for _, e := range all {
		if e.Experiment == experiment {
			variation[e.Unit] = e.Variation
		}
	}
	exposed, did = map[string]int{}, map[string]int{}
	for _, v := range variation {
		exposed[v]++
	}
	for _, e := range all {
		if v := variation[e.Unit]; v != "" && e.Name == name {
			did[v]++
			variation[e.Unit] = ""
		}
	}
	return exposed, did
}

func TestEffects(t *testing.T) {
	effects := func(e Effect) map[string]map[string]Effect {
		return map[string]map[string]Effect{"user": {"treatment": e}}
	}
	lift := func(all []sent) float64 {
		exposed, did := units(all, "user", "purchase")
		return float64(did["treatment"]) / float64(exposed["treatment"]) / (float64(did["control"]) / float64(exposed["control"]))
	}
	value := func(all []sent, name string) float64 {
		variation, sum, n := map[string]string{}, map[string]float64{}, map[string]float64{}
		for _, e := range all {
			if e.Experiment == "user" {
				variation[e.Unit] = e.Variation
			}
		}
		for _, e := range all {
			if v := variation[e.Unit]; v != "" && e.Name == name {
				sum[v] += math.Log(*e.Value)
				n[v]++
			}
		}
		return math.Exp(sum["treatment"]/n["treatment"] - sum["control"]/n["control"])
	}
	cfg := Config{Seed: 2, Units: 2_500}
	for _, tt := range []struct {
		name     string
		effect   Effect
		of       func([]sent) float64
		low, top float64
	}{
		{"none", Effect{}, lift, 0.9, 1.1},
		{"conversion", Effect{Conversion: 1}, lift, 1.4, 2},
		{"faded", Effect{Conversion: 1, HalfLifeHours: 1}, lift, 0.9, 1.2},
		{"value", Effect{Value: 0.5}, func(all []sent) float64 { return value(all, "purchase") }, 1.35, 1.65},
		{"latency", Effect{Latency: -0.5}, func(all []sent) float64 { return value(all, "page_load") }, 0.45, 0.55},
		{"return", Effect{Return: -1}, func(all []sent) float64 {
			visits := map[string]int{}
			exposed, _ := units(all, "user", "visit")
			seen := map[string]string{}
			for _, e := range all {
				if e.Experiment == "user" {
					seen[e.Unit] = e.Variation
				}
			}
			for _, e := range all {
				if v := seen[e.Unit]; v != "" && e.Name == "visit" {
					visits[v]++
				}
			}
			return float64(visits["treatment"]) / float64(exposed["treatment"])
		}, 1, 1.1},
		{"loss", Effect{Lost: 0.5}, func(all []sent) float64 {
			exposed, _ := units(all, "user", "visit")
			return float64(exposed["treatment"]) / float64(exposed["control"])
		}, 0.45, 0.55},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := cfg
			cfg.Effects = effects(tt.effect)
			all, s := play(t, cfg)
			if got := tt.of(all); got < tt.low || got > tt.top {
				t.Errorf("%.3f, want %v to %v", got, tt.low, tt.top)
			}
			exposed, _ := units(all, "user", "visit")
			if v := s.Experiments[0].Variations[1]; v.Units != exposed["treatment"] {
				t.Errorf("the summary counts %d units of the treatment, %d were sent", v.Units, exposed["treatment"])
			}
			if lost := s.Events - int64(len(all)); lost != s.Lost || (lost > 0) != (tt.effect.Lost > 0) {
				t.Errorf("%d of %d events were sent, %d lost", len(all), s.Events, s.Lost)
			}
		})
	}
}

func TestOrderOfDelivery(t *testing.T) {
	straight, _ := play(t, Config{Seed: 5, Units: 300})
	mixed, _ := play(t, Config{Seed: 5, Units: 300, Reorder: 100, Duplicates: 0.2, Late: 0.05})
	place, times := map[uuid.UUID]int{}, map[uuid.UUID]int{}
	for i, e := range straight {
		place[e.ID] = i
	}
	moved, far, previous := 0, 0, 0
	for i, e := range mixed {
		if times[e.ID]++; times[e.ID] == 1 && i > 0 && place[e.ID] < previous {
			moved++
		}
		if place[e.ID]+1_500 < previous {
			far++
		}
		previous = place[e.ID]
	}
	twice := 0
	for _, n := range times {
		if n > 2 {
			t.Errorf("an event is sent %d times", n)
		}
		twice += n - 1
	}
	if len(times) != len(straight) {
		t.Errorf("%d events are sent, want %d", len(times), len(straight))
	}
	n := float64(len(straight))
	if share := float64(twice) / n; share < 0.15 || share > 0.25 {
		t.Errorf("%.2f are sent twice", share)
	}
	if share := float64(moved) / n; share < 0.3 {
		t.Errorf("%.2f arrive after what came later", share)
	}
	if far == 0 {
		t.Error("none is late")
	}
}

func TestEventsBound(t *testing.T) {
	all, s := play(t, Config{Seed: 1, Units: 1_000, Events: 777})
	if len(all) != 777 || s.Events != 777 {
		t.Errorf("%d events, %+v", len(all), s)
	}
}

func TestLiveEventsHappenNow(t *testing.T) {
	start := time.Now()
	all, _ := play(t, Config{Seed: 1, Units: 100, Live: true, Rate: 1e6, Events: 2_000, Until: start})
	for _, e := range all {
		if e.At.Before(start.Add(-visitLength-time.Second)) || e.At.After(time.Now().Add(time.Second)) {
			t.Fatalf("an event at %v", e.At)
		}
	}
	if !slices.ContainsFunc(all, func(e sent) bool { return e.Type == "exposure" }) {
		t.Error("no exposure")
	}
}
