package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every getter against every kind of value.
func TestGetters(t *testing.T) {
	type shape struct {
		Size int `json:"size"`
	}
	for _, tt := range []struct {
		value  string
		asBool any // nil is the default and ErrType
		asText any
		asInt  any
		asReal any
		asJSON any
	}{
		{value: `true`, asBool: true},
		{value: `false`, asBool: false},
		{value: `"blue"`, asText: "blue"},
		{value: `""`, asText: ""},
		{value: `"a\u00e9\n"`, asText: "aé\n"},
		{value: `0`, asInt: int64(0), asReal: 0.0},
		{value: `-7`, asInt: int64(-7), asReal: -7.0},
		{value: `9223372036854775807`, asInt: int64(math.MaxInt64), asReal: float64(math.MaxInt64)},
		{value: `9223372036854775808`, asReal: float64(1 << 63)},
		{value: `2.50`, asReal: 2.5},
		{value: `3.0`, asInt: int64(3), asReal: 3.0},
		{value: `1e3`, asInt: int64(1000), asReal: 1000.0},
		{value: `null`, asJSON: shape{}},
		{value: `{"size":5}`, asJSON: shape{5}},
		{value: `[5]`},
	} {
		t.Run(tt.value, func(t *testing.T) {
			client := quiet(t, serving(experiment(t, "e", nil, `{"variations":[{"key":"treatment","value":`+tt.value+`}]}`)))
			unit := sdk.Unit{ID: "u1"}
			checkGetter(t, client.BoolDetail("e", unit, true), tt.asBool, true)
			checkGetter(t, client.BoolDetail("e", unit, false), tt.asBool, false)
			checkGetter(t, client.StringDetail("e", unit, "other"), tt.asText, "other")
			checkGetter(t, client.IntDetail("e", unit, 99), tt.asInt, int64(99))
			checkGetter(t, client.FloatDetail("e", unit, 9.9), tt.asReal, 9.9)
			checkGetter(t, sdk.JSONDetail(client, "e", unit, shape{9}), tt.asJSON, shape{9})
			if got := client.Evaluate("e", unit); string(got.Value) != tt.value || got.Err != nil {
				t.Errorf("Evaluate: %s, %v", got.Value, got.Err)
			}
		})
	}
}

func checkGetter[T comparable](t *testing.T, got sdk.Detail[T], want any, def T) {
	t.Helper()
	switch {
	case want == nil && (got.Value != def || !errors.Is(got.Err, sdk.ErrType) || got.Reason != sdk.ReasonError):
		t.Errorf("got %+v, want the default %v", got, def)
	case want != nil && (got.Value != want || got.Err != nil || got.Reason != sdk.ReasonSplit):
		t.Errorf("got %+v, want %v", got, want)
	}
}

func TestDetails(t *testing.T) {
	client := quiet(t, serving(
		experiment(t, "checkout", "red", `{"overrides":{"tester":"control"}}`),
		experiment(t, "us-only", true, `{"audience":{"country":"US"}}`),
		experiment(t, "off", true, `{"status":"inactive"}`),
		experiment(t, "nobody", true, `{"traffic_ppm":0}`),
		experiment(t, "of-devices", true, `{"unit_type":"device"}`),
	))
	for _, tt := range []struct {
		key  string
		unit sdk.Unit
		want sdk.Evaluation
	}{
		{"checkout", sdk.Unit{ID: "u1"}, sdk.Evaluation{Value: []byte(`"red"`), Variation: "treatment", Reason: sdk.ReasonSplit}},
		{"checkout", sdk.Unit{ID: "tester"}, sdk.Evaluation{Value: []byte(`null`), Variation: "control", Reason: sdk.ReasonOverride}},
		{"checkout", sdk.Unit{}, sdk.Evaluation{Value: []byte(`null`), Variation: "control", Reason: sdk.ReasonNoUnit}},
		{"checkout", sdk.Unit{ID: "\xff"}, sdk.Evaluation{Value: []byte(`null`), Variation: "control", Reason: sdk.ReasonNoUnit}},
		{"us-only", sdk.Unit{ID: "u1"}, sdk.Evaluation{Value: []byte(`null`), Variation: "control", Reason: sdk.ReasonAudience}},
		{"us-only", sdk.Unit{ID: "u1", Attributes: map[string]any{"country": "US"}}, sdk.Evaluation{Value: []byte(`true`), Variation: "treatment", Reason: sdk.ReasonSplit}},
		{"off", sdk.Unit{ID: "u1"}, sdk.Evaluation{Value: []byte(`null`), Variation: "control", Reason: sdk.ReasonInactive}},
		{"nobody", sdk.Unit{ID: "u1"}, sdk.Evaluation{Value: []byte(`null`), Variation: "control", Reason: sdk.ReasonTraffic}},
		{"of-devices", sdk.Unit{ID: "u1"}, sdk.Evaluation{Value: []byte(`null`), Variation: "control", Reason: sdk.ReasonNoUnit}},
		{"of-devices", sdk.Unit{Attributes: map[string]any{"device": 5}}, sdk.Evaluation{Value: []byte(`true`), Variation: "treatment", Reason: sdk.ReasonSplit}},
		{"checkuot", sdk.Unit{ID: "u1"}, sdk.Evaluation{Reason: sdk.ReasonError, Err: sdk.ErrNotFound}},
	} {
		tt.want.Experiment, tt.want.Position = tt.key, 10
		if tt.want.Err == nil {
			tt.want.Version = 3
		}
		same := cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })
		if diff := cmp.Diff(tt.want, client.Evaluate(tt.key, tt.unit), same); diff != "" {
			t.Errorf("%s for %+v: %s", tt.key, tt.unit, diff)
		}
		all := client.EvaluateAll(tt.unit)
		if diff := cmp.Diff(tt.want, all[tt.key], same); len(all) != 5 || tt.want.Err == nil && diff != "" {
			t.Errorf("all for %+v: %s", tt.unit, diff)
		}
		explained, err := client.Explain(tt.key, tt.unit)
		if !errors.Is(err, tt.want.Err) || err == nil && (explained.Variation != tt.want.Variation || explained.Reason.String() != string(tt.want.Reason)) {
			t.Errorf("%s for %+v is explained as %+v, %v", tt.key, tt.unit, explained, err)
		}
	}
}

// Who has no client at all, or one without a snapshot, gets defaults.
func TestWithoutASnapshot(t *testing.T) {
	for name, client := range map[string]*sdk.Client{
		"nil":   nil,
		"empty": quiet(t, &source{}, func(c *sdk.Config) { c.StartWait = time.Millisecond }),
	} {
		t.Run(name, func(t *testing.T) {
			unit := sdk.Unit{ID: "u1"}
			if d := client.BoolDetail("e", unit, true); !d.Value || !errors.Is(d.Err, sdk.ErrNotReady) || d.Reason != sdk.ReasonError {
				t.Errorf("got %+v", d)
			}
			if client.String("e", unit, "x") != "x" || client.Int("e", unit, 5) != 5 || client.Float("e", unit, 5) != 5 || sdk.JSON(client, "e", unit, "x") != "x" {
				t.Error("a getter has no default")
			}
			if client.Ready() || !client.Stale() || client.Position() != 0 || client.Source() != "" || client.EvaluateAll(unit) != nil {
				t.Error("it claims to know something")
			}
			if _, err := client.Explain("e", unit); !errors.Is(err, sdk.ErrNotReady) {
				t.Error(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if err := client.WaitReady(ctx); !errors.Is(err, sdk.ErrNotReady) {
				t.Error(err)
			}
			client.OnChange(func(sdk.Change) {})()
			if err := client.Flush(t.Context()); err != nil || client.Stats() != (sdk.Stats{}) {
				t.Error(err, client.Stats())
			}
		})
	}
	if err := (*sdk.Client)(nil).Close(); err != nil {
		t.Error(err)
	}
}

func TestWaitEndsWithTheClient(t *testing.T) {
	client := quiet(t, serving())
	waited := make(chan error)
	go func() { waited <- client.WaitPosition(context.Background(), 99) }()
	time.Sleep(time.Millisecond)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; !errors.Is(err, sdk.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestFaultsOfConfig(t *testing.T) {
	for _, tt := range []struct {
		cfg  sdk.Config
		want string
	}{
		{sdk.Config{}, "URL, File or Source"},
		{sdk.Config{Token: "secret"}, "URL, File or Source"},
		{sdk.Config{URL: "https://assay.test"}, "Token"},
		{sdk.Config{URL: "assay.test", Token: "secret"}, "URL"},
		{sdk.Config{URL: "ftp://assay.test", Token: "secret"}, "URL"},
		{sdk.Config{URL: "https://assay.test?x", Token: "secret"}, "URL"},
		{sdk.Config{URL: "https://", Token: "secret"}, "URL"},
		{sdk.Config{File: "x", ExposureQueue: -1}, "negative"},
		{sdk.Config{File: "x", StaleAfter: -1}, "StaleAfter"},
		{sdk.Config{File: "x", Poll: 1}, "Poll"},
	} {
		if client, err := sdk.New(t.Context(), tt.cfg); client != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.cfg, err)
		}
	}
}

func TestChangesAreTold(t *testing.T) {
	s := serving(experiment(t, "a", 1), experiment(t, "bb", 1))
	// A lower position is no news: polling finds another history.
	client := quiet(t, s, func(c *sdk.Config) { c.Poll = 20 * time.Millisecond })
	changes := make(chan sdk.Change, 100)
	cancel := client.OnChange(func(c sdk.Change) { changes <- c })
	segment := evaluator.Segment{ID: "s1", Key: "s", Version: 1, Position: 15, IDs: []string{}}
	for _, tt := range []struct {
		name string
		next evaluator.Document
		want []string
	}{
		{"a changed one", document(11, experiment(t, "a", 1, `{"version":4}`), experiment(t, "bb", 1)), []string{"a"}},
		{"a new one", document(12, experiment(t, "a", 1, `{"version":4}`), experiment(t, "bb", 1), experiment(t, "ccc", 1)), []string{"ccc"}},
		{"a deleted one", document(13, experiment(t, "bb", 1), experiment(t, "ccc", 1)), []string{"a"}},
		{"nothing that matters", document(14, experiment(t, "bb", 1), experiment(t, "ccc", 1)), []string{}},
		{"a segment", func() evaluator.Document {
			d := document(15, experiment(t, "bb", 1), experiment(t, "ccc", 1))
			d.Segments = []evaluator.Segment{segment}
			return d
		}(), nil},
		{"another history", document(3, experiment(t, "bb", 1)), nil},
	} {
		s.set(tt.next)
		got := <-changes
		if diff := cmp.Diff(sdk.Change{Position: tt.next.Position, Experiments: tt.want}, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	cancel()
	s.set(document(20, experiment(t, "a", 1)))
	if err := client.WaitPosition(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	s.set(document(21, experiment(t, "a", 1))) // by now the listener would have been told of 20
	if err := client.WaitPosition(t.Context(), 21); err != nil || len(changes) != 0 {
		t.Errorf("told of %d changes after cancel: %v", len(changes), err)
	}
}

func TestStaleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(experiment(t, "e", true))
		client, err := sdk.New(t.Context(), sdk.Config{
			Source: s, StaleAfter: 30 * time.Second, DisableTracking: true, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		var told []bool
		client.OnChange(func(c sdk.Change) {
			if c.Experiments == nil || len(c.Experiments) > 0 {
				t.Errorf("staleness changes experiments: %+v", c)
			}
			told = append(told, c.Stale)
		})
		pass(time.Hour)
		if client.Stale() {
			t.Error("stale though the source confirms")
		}
		s.goDown(true)
		pass(20 * time.Second)
		if client.Stale() {
			t.Error("stale too early")
		}
		pass(20 * time.Second)
		if d := client.BoolDetail("e", sdk.Unit{ID: "u1"}, false); !d.Value || !d.Stale || !client.Stale() {
			t.Errorf("not stale, or not answering: %+v", d)
		}
		s.goDown(false)
		pass(10 * time.Second)
		if client.Stale() || !slices.Equal(told, []bool{true, false}) {
			t.Errorf("stale after the source came back; told %v", told)
		}
	})
}

func TestOfflineFromAFile(t *testing.T) {
	body, err := document(10, experiment(t, "e", true)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "snapshot.json")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := sdk.New(t.Context(), sdk.Config{File: path, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if d := client.BoolDetail("e", sdk.Unit{ID: "u1"}, false); !d.Value || d.Position != 10 || !d.Stale || client.Source() != "file" {
		t.Errorf("got %+v from %s", d, client.Source())
	}
}

// Evaluations go on while everything changes under them; each answer is one
// that some position gave.
func TestConcurrentUse(t *testing.T) {
	s := serving(experiment(t, "e", 10))
	client := quiet(t, s, func(c *sdk.Config) { c.OnExposure = func(sdk.Exposure) {} })
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				unit := sdk.Unit{ID: fmt.Sprint(g, "-", i%100)}
				if d := client.IntDetail("e", unit, 0); d.Err != nil || d.Value != d.Position {
					t.Errorf("got %+v", d)
					return
				}
				if e := client.EvaluateAll(unit)["e"]; string(e.Value) != fmt.Sprint(e.Position) {
					t.Errorf("got %+v", e)
					return
				}
				client.OnChange(func(sdk.Change) {})()
			}
		})
	}
	for position := int64(11); position < 25; position++ {
		s.set(document(position, experiment(t, "e", position, fmt.Sprintf(`{"version":%d}`, position))))
		if err := client.WaitPosition(t.Context(), position); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
}
