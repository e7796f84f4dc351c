package eventstore

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

func header(key string) domain.Header {
	return domain.Header{ID: uuid.MustParse("01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10"), Key: key}
}

// at is an hour of a day.
func at(hour int) time.Time { return time.Date(2026, 1, 31, hour, 0, 0, 0, time.UTC) }

func experiment() domain.Experiment {
	return domain.Experiment{
		Header: header("checkout-button"), Status: domain.Inactive, Phase: 2, EverActive: true, Hash: domain.XXH3,
		Settings: domain.Settings{
			Name: "Checkout “button” <é>", Description: "one\ntwo", Hypothesis: "h", Owner: "growth", Tags: []string{"checkout"},
			UnitType: "user_id", Salt: "salt",
			Variations: []domain.Variation{
				{Key: "control", Name: "Control", Value: jsontext.Value(`false`), Weight: 1},
				{Key: "treatment", Name: "Treatment", Value: jsontext.Value(`{"n":1.50,"s":["é"]}`), Weight: 3},
			},
			TrafficPPM:    500_000,
			Layer:         &domain.LayerShare{Key: "checkout", Slots: []domain.Range{{From: 0, To: 250_000}}},
			Audience:      jsontext.Value(`{"country":{"$in":["US","CA"]},"age":{"$gte":18}}`),
			Overrides:     map[string]string{"u2": "control", "u1": "treatment"},
			Prerequisites: []domain.Prerequisite{{Experiment: "new-checkout", Variations: []string{"treatment"}}},
			Metrics:       []domain.MetricUse{{Metric: "purchase_rate", Role: "primary"}},
			Analysis:      domain.Analysis{Method: "sequential", Alpha: 0.05, Correction: "holm"},
			Schedule:      &domain.Schedule{StartAt: at(9), StopAt: at(17)},
		},
		Pending: &domain.Schedule{StopAt: at(17)},
		Split:   []domain.SplitRange{{Variation: "control", From: 0, To: 250_000}, {Variation: "treatment", From: 250_000, To: 1_000_000}},
	}
}

func life[T domain.Entity](e T, revertedTo int) []domain.Event {
	return []domain.Event{domain.Created[T]{After: e}, domain.Changed[T]{After: e, RevertedTo: revertedTo}, domain.Deleted[T]{}}
}

// samples has an event of each type, with every member set.
func samples() []domain.Event {
	number, quantile := 100.5, 0.95
	layer := domain.Layer{
		Header: header("checkout"), Name: "Checkout", Description: "d", Mode: domain.OrderedLayer,
		UnitType: "user_id", Salt: "salt", Order: []string{"b", "a"},
	}
	segment := domain.Segment{Header: header("staff"), Name: "Staff", Description: "d", Size: 2}
	holdout := domain.Holdout{
		Header: header("h"), Name: "Holdout", Description: "d", UnitType: "user_id", Salt: "salt",
		SharePPM: 50_000, Tags: []string{"checkout"}, Experiments: []string{"checkout-button"},
	}
	metric := domain.Metric{
		Header: header("m"), Name: "Metric", Description: "d", MetricKind: "ratio", Event: "purchase",
		Denominator: "visit", WindowHours: 72, Cap: &number, Quantile: &quantile, Goal: "increase", CUPED: true, LookbackDays: 14,
	}
	key := domain.Key{
		Header: header("k"), Name: "Key", Role: domain.Client, Origins: []string{"https://shop.example"},
		ExpiresAt: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), SecretHash: strings.Repeat("ab", 32),
	}
	report := domain.DailyReport{
		Date: domain.DateOf(time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC)), Final: true, Active: 3, Inactive: 4,
		ChangedExperiments: 1, TotalChanges: 2,
		Experiments:  []domain.DailyChange{{ExperimentID: header("").ID, Key: "checkout-button", Name: "Checkout", Changes: 2}},
		FromPosition: 5, ToPosition: 9, Checkpoint: domain.Checkpoint(9, domain.Hash{1, 2}),
	}
	return slices.Concat(
		life(experiment(), 3), life(layer, 0), life(segment, 0), life(holdout, 0), life(metric, 0), life(key, 0),
		[]domain.Event{
			domain.StatusChanged{Old: domain.Inactive, New: domain.Active},
			domain.MembersChanged{Added: []string{"u1", "ü2"}, Removed: []string{"u3"}},
			domain.DayClosed{Report: report},
		})
}

func golden(typ string, version int) string {
	return filepath.Join("testdata", "golden", fmt.Sprintf("%s.v%d.json", typ, version))
}

func TestEverySampleEncodesAsTheNewestGolden(t *testing.T) {
	var types []string
	for _, e := range samples() {
		types = append(types, e.Type())
		data, version, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(golden(e.Type(), version))
		if err != nil || !bytes.Equal(data, bytes.TrimSuffix(want, []byte("\n"))) {
			t.Errorf("%s: %v\n got %s\nwant %s\nLedgers hold the form of the file: a new form needs a new schema version, an upcaster and a file.",
				golden(e.Type(), version), err, data, want)
		}
	}
	slices.Sort(types)
	if !slices.Equal(types, Types()) {
		t.Errorf("samples of %q, want of %q", types, Types())
	}
}

// Whatever was shipped once is decoded for ever: files are added and never
// changed.
func TestEveryGoldenDecodes(t *testing.T) {
	files, err := os.ReadDir(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for typ, thing := range known {
		for version := range thing.schemaVersion() {
			left[golden(typ, version+1)] = true
		}
	}
	for _, file := range files {
		name := filepath.Join("testdata", "golden", file.Name())
		delete(left, name)
		typ, rest, _ := strings.Cut(strings.TrimSuffix(file.Name(), ".json"), ".v")
		version, err := strconv.Atoi(rest)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		event, err := Decode(typ, version, data)
		if err != nil || event.Type() != typ {
			t.Errorf("%s: %v, %v", name, event, err)
			continue
		}
		have, newest, err := encode(event)
		if version == newest && !bytes.Equal(have, bytes.TrimSuffix(data, []byte("\n"))) {
			t.Errorf("%s decodes to %s, %v", name, have, err)
		}
	}
	if len(left) > 0 {
		t.Errorf("no file for %v", left)
	}
}
