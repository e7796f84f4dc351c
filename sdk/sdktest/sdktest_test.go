package sdktest_test

import (
	"fmt"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/assaylabs/assay/sdk"
	"github.com/assaylabs/assay/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestForce(t *testing.T) {
	client := sdktest.New(t)
	unit := sdk.Unit{ID: "u1"}
	if d := client.BoolDetail("checkout", unit, true); !d.Value || d.Err != sdk.ErrNotFound {
		t.Errorf("before: %+v", d)
	}
	client.Force("checkout", "treatment", true)
	client.Force("limit", "high", 50)
	if d := client.BoolDetail("checkout", unit, false); !d.Value || d.Variation != "treatment" || d.Reason != sdk.ReasonSplit || d.Stale {
		t.Errorf("forced: %+v", d)
	}
	client.Force("checkout", "control", false)
	if d := client.BoolDetail("checkout", unit, true); d.Value || d.Variation != "control" {
		t.Errorf("forced to something else: %+v", d)
	}
	if got := client.Int("limit", unit, 0); got != 50 {
		t.Errorf("another experiment: %d", got)
	}
	client.Remove("checkout")
	client.Remove("limit")
	if d := client.BoolDetail("checkout", unit, true); d.Err != sdk.ErrNotFound {
		t.Errorf("removed: %+v", d)
	}
	var got []string
	for _, e := range client.Exposures() {
		got = append(got, e.Unit+" "+e.Experiment+" "+e.Variation)
	}
	if len(got) != 3 || got[0] != "u1 checkout treatment" || got[1] != "u1 checkout control" || got[2] != "u1 limit high" {
		t.Errorf("exposures: %q", got)
	}
}

// failing is a test that notes why it has failed.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Fatal(args ...any) {
	f.why = fmt.Sprint(args...)
	runtime.Goexit()
}

func TestWhatCouldNotBeEvaluatedFailsTheTest(t *testing.T) {
	for name, spoil := range map[string]func(*sdktest.Client){
		"no variation":  func(c *sdktest.Client) { c.Force("checkout", "", true) },
		"no JSON":       func(c *sdktest.Client) { c.Force("checkout", "treatment", func() {}) },
		"no snapshot":   func(c *sdktest.Client) { c.Load([]byte(`[]`)) },
		"no experiment": func(c *sdktest.Client) { c.Load([]byte(`{"position":1,"experiments":[{"key":"checkout"}]}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := &failing{TB: t}
			client := sdktest.New(f)
			client.Force("limit", "high", 50)
			done := make(chan struct{})
			go func() {
				defer close(done)
				spoil(client)
			}()
			<-done
			if f.why == "" {
				t.Error("it does not fail")
			}
			if got := client.Int("limit", sdk.Unit{ID: "u1"}, 0); got != 50 {
				t.Errorf("what was there is gone: %d", got)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	client := sdktest.New(t)
	client.Force("old", "on", true)
	client.Load([]byte(`{"position":3,"at":"2026-01-06T12:00:00Z","deltas_from":0,"layers":[],"holdouts":[],"segments":[],"experiments":[
		{"id":"e1","key":"greeting","version":1,"status":"active","phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","traffic_ppm":1000000,
		"variations":[{"key":"control","value":"hello"},{"key":"warm","value":"hello there"}],"split":[{"variation":"control","from":0,"to":1000000}],
		"audience":{"country":"US"},"overrides":{"u1":"warm"}}]}`))
	for _, tt := range []struct {
		unit   sdk.Unit
		want   string
		reason sdk.Reason
	}{
		{sdk.Unit{ID: "u1"}, "hello there", sdk.ReasonOverride},
		{sdk.Unit{ID: "u2", Attributes: map[string]any{"country": "US"}}, "hello", sdk.ReasonSplit},
		{sdk.Unit{ID: "u2"}, "hello", sdk.ReasonAudience},
	} {
		if d := client.StringDetail("greeting", tt.unit, ""); d.Value != tt.want || d.Reason != tt.reason {
			t.Errorf("%+v: %+v", tt.unit, d)
		}
	}
	if d := client.BoolDetail("old", sdk.Unit{ID: "u1"}, false); d.Err != sdk.ErrNotFound {
		t.Errorf("what was there before: %+v", d)
	}
}
