package openfeature_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"go.uber.org/goleak"

	"github.com/assaylabs/assay/sdk"
	assay "github.com/assaylabs/assay/sdk/openfeature"
	"github.com/assaylabs/assay/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// snapshot has an experiment of every type, and one for every reason that has a
// meaning of its own to OpenFeature.
const snapshot = `{"position":7,"at":"2026-01-06T12:00:00Z","deltas_from":0,"layers":[],"holdouts":[],"segments":[],"experiments":[
	{"id":"e1","key":"bool","version":2,"status":"active","phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","traffic_ppm":1000000,
	 "variations":[{"key":"off","value":false},{"key":"on","value":true}],"split":[{"variation":"on","from":0,"to":1000000}],
	 "audience":{"country":{"$ne":"FR"}},"overrides":{"tester":"off"}},
	{"id":"e2","key":"string","version":1,"status":"active","phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","traffic_ppm":1000000,
	 "variations":[{"key":"a","value":"blue"}],"split":[{"variation":"a","from":0,"to":1000000}]},
	{"id":"e3","key":"int","version":1,"status":"active","phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","traffic_ppm":1000000,
	 "variations":[{"key":"a","value":9007199254740993}],"split":[{"variation":"a","from":0,"to":1000000}]},
	{"id":"e4","key":"float","version":1,"status":"active","phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","traffic_ppm":1000000,
	 "variations":[{"key":"a","value":2.5}],"split":[{"variation":"a","from":0,"to":1000000}]},
	{"id":"e5","key":"object","version":1,"status":"inactive","phase":1,"hash":"xxh3","unit_type":"user_id","salt":"s","traffic_ppm":1000000,
	 "variations":[{"key":"a","value":{"size":[1,"m"]}}],"split":[{"variation":"a","from":0,"to":1000000}]},
	{"id":"e6","key":"device","version":1,"status":"active","phase":1,"hash":"xxh3","unit_type":"device_id","salt":"s","traffic_ppm":1000000,
	 "variations":[{"key":"a","value":true}],"split":[{"variation":"a","from":0,"to":1000000}]}]}`

// ready is an API with a provider of a client that knows the snapshot.
func ready(t *testing.T) (*openfeature.Client, *openfeature.EvaluationAPI, *sdktest.Client) {
	t.Helper()
	client := sdktest.New(t)
	client.Load([]byte(snapshot))
	api := isolated.NewAPI()
	if err := api.SetProviderAndWait(t.Context(), assay.NewProvider(client.Client)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return api.NewClient(), api, client
}

func user(id string, attributes map[string]any) openfeature.EvaluationContext {
	return openfeature.NewEvaluationContext(id, attributes)
}

func TestTypes(t *testing.T) {
	flags, _, client := ready(t)
	ctx, u := t.Context(), user("u1", map[string]any{"device_id": 5})
	if got, err := flags.BooleanValue(ctx, "bool", false, u); !got || err != nil {
		t.Error(got, err)
	}
	if got, err := flags.StringValue(ctx, "string", "", u); got != "blue" || err != nil {
		t.Error(got, err)
	}
	if got, err := flags.IntValue(ctx, "int", 0, u); got != 9007199254740993 || err != nil {
		t.Error(got, err)
	}
	if got, err := flags.FloatValue(ctx, "float", 0, u); got != 2.5 || err != nil {
		t.Error(got, err)
	}
	got, err := flags.ObjectValue(ctx, "object", nil, u)
	if diff := cmp.Diff(map[string]any{"size": []any{1.0, "m"}}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if got, err := flags.BooleanValue(ctx, "device", false, u); !got || err != nil {
		t.Error(got, err)
	}
	var exposed []string
	for _, e := range client.Exposures() {
		exposed = append(exposed, e.Experiment+" "+e.UnitType+" "+e.Unit)
	}
	want := []string{"bool  u1", "string  u1", "int  u1", "float  u1", "device device_id 5"}
	if !slices.Equal(exposed, want) {
		t.Errorf("exposed %q, want %q", exposed, want)
	}
}

func TestDetails(t *testing.T) {
	flags, _, _ := ready(t)
	ctx := t.Context()
	for _, tt := range []struct {
		name    string
		flag    string
		context openfeature.EvaluationContext
		value   bool
		reason  openfeature.Reason
		variant string
		code    openfeature.ErrorCode
		ours    string
	}{
		{"split", "bool", user("u1", nil), true, openfeature.SplitReason, "on", "", "SPLIT"},
		{"override", "bool", user("tester", nil), false, openfeature.TargetingMatchReason, "off", "", "OVERRIDE"},
		{"audience", "bool", user("u1", map[string]any{"country": "FR"}), false, openfeature.DisabledReason, "", "", "AUDIENCE"},
		{"no unit", "bool", user("", nil), false, openfeature.DisabledReason, "", "", "NO_UNIT"},
		{"unit of another type", "device", user("u1", nil), true, openfeature.DisabledReason, "", "", "NO_UNIT"},
		{"unknown", "boot", user("u1", nil), true, openfeature.ErrorReason, "", openfeature.FlagNotFoundCode, "ERROR"},
		{"another type", "string", user("u1", nil), true, openfeature.ErrorReason, "", openfeature.TypeMismatchCode, "ERROR"},
		{"context", "bool", openfeature.NewTargetlessEvaluationContext(map[string]any{"targetingKey": 5}), true, openfeature.ErrorReason, "", openfeature.InvalidContextCode, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := flags.BooleanValueDetails(ctx, tt.flag, true, tt.context)
			if (err != nil) != (tt.code != "") || d.ErrorCode != tt.code {
				t.Errorf("error %v, code %q, want %q", err, d.ErrorCode, tt.code)
			}
			if d.Value != tt.value || d.Reason != tt.reason || d.Variant != tt.variant {
				t.Errorf("got %v %s %q, want %v %s %q", d.Value, d.Reason, d.Variant, tt.value, tt.reason, tt.variant)
			}
			if ours, _ := d.FlagMetadata.GetString("assayReason"); ours != tt.ours {
				t.Errorf("our reason is %q, want %q", ours, tt.ours)
			}
		})
	}
	d, err := flags.BooleanValueDetails(ctx, "bool", false, user("u1", nil))
	want := openfeature.FlagMetadata{"assayReason": "SPLIT", "version": int64(2), "position": int64(7), "stale": false}
	if diff := cmp.Diff(want, d.FlagMetadata); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestTrack(t *testing.T) {
	flags, _, client := ready(t)
	flags.Track(t.Context(), "purchase", user("u1", nil), openfeature.NewTrackingEventDetails(9.5).Add("currency", "EUR"))
	flags.Track(t.Context(), "purchase", user("", nil), openfeature.NewTrackingEventDetails(1))
	// sdktest sends nothing; that the event was understood shows in the counts.
	want := sdk.Stats{Events: 2, Dropped: sdk.Drops{Disabled: 1, Invalid: 1}}
	if s := client.Stats(); s != want {
		t.Errorf("counted %+v, want %+v", s, want)
	}
}

// heard collects events of one type.
func heard(api *openfeature.EvaluationAPI, kind openfeature.EventType) <-chan openfeature.EventDetails {
	events := make(chan openfeature.EventDetails, 100)
	callback := func(d openfeature.EventDetails) { events <- d }
	api.AddHandler(kind, &callback)
	return events
}

func next(t *testing.T, events <-chan openfeature.EventDetails) openfeature.EventDetails {
	t.Helper()
	select {
	case d := <-events:
		return d
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
		return openfeature.EventDetails{}
	}
}

func TestConfigurationChanges(t *testing.T) {
	_, api, client := ready(t)
	changes := heard(api, openfeature.ProviderConfigChange)
	client.Force("bool", "off", false)
	if d := next(t, changes); !slices.Equal(d.FlagChanges, []string{"bool"}) || d.EventMetadata["position"] != int64(8) {
		t.Errorf("got %+v", d)
	}
	client.Remove("string")
	if d := next(t, changes); !slices.Equal(d.FlagChanges, []string{"string"}) {
		t.Errorf("got %+v", d)
	}
}

// A provider of a client that has nothing yet is in error, then stale with what
// was kept, then ready.
func TestStates(t *testing.T) {
	api := isolated.NewAPI()
	flags := api.NewClient()
	server := newServer(t)
	client, err := sdk.New(t.Context(), sdk.Config{
		URL: server.url, Token: "secret", DisableTracking: true, StartWait: -1, Poll: 50 * time.Millisecond, StaleAfter: 300 * time.Millisecond,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	started, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := api.SetProviderAndWait(started, assay.NewProvider(client)); err == nil {
		t.Error("ready with nothing")
	}
	readies, stales := heard(api, openfeature.ProviderReady), heard(api, openfeature.ProviderStale)
	if d, err := flags.BooleanValueDetails(t.Context(), "bool", true, user("u1", nil)); err == nil || !d.Value || d.ErrorCode != openfeature.ProviderNotReadyCode {
		t.Errorf("not ready: %+v", d)
	}
	server.set(snapshot)
	next(t, readies)
	if state := flags.State(); state != openfeature.ReadyState {
		t.Errorf("state is %s", state)
	}
	server.set("")
	next(t, stales)
	d, err := flags.BooleanValueDetails(t.Context(), "bool", false, user("u1", nil))
	if err != nil || !d.Value || flags.State() != openfeature.StaleState || d.FlagMetadata["stale"] != true {
		t.Errorf("stale: %+v %v, state %s", d, err, flags.State())
	}
	server.set(snapshot)
	next(t, readies)
	if err := api.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is stale when OpenFeature starts is told to be, though Init is a success.
func TestStaleFromTheStart(t *testing.T) {
	server := newServer(t)
	server.set(snapshot)
	dir := t.TempDir()
	first, err := sdk.New(t.Context(), sdk.Config{URL: server.url, Token: "secret", CacheDir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil || first.Stale() {
		t.Fatal(err)
	}
	_ = first.Close() // nothing was tracked
	server.set("")
	client, err := sdk.New(t.Context(), sdk.Config{URL: server.url, Token: "secret", CacheDir: dir, DisableTracking: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	api := isolated.NewAPI()
	stales := heard(api, openfeature.ProviderStale)
	if err := api.SetProviderAndWait(t.Context(), assay.NewProvider(client)); err != nil {
		t.Fatal(err)
	}
	next(t, stales)
	flags := api.NewClient()
	if !flags.Boolean(t.Context(), "bool", false, user("u1", nil)) || flags.State() != openfeature.StaleState {
		t.Errorf("state is %s", flags.State())
	}
	if err := api.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOneProviderForSeveralDomains(t *testing.T) {
	client := sdktest.New(t)
	client.Load([]byte(snapshot))
	api := isolated.NewAPI()
	provider := assay.NewProvider(client.Client)
	for _, domain := range []string{"shop", "search"} {
		if err := api.SetProviderAndWait(t.Context(), provider, openfeature.WithDomain(domain)); err != nil {
			t.Fatal(err)
		}
		if !api.NewClient(openfeature.WithDomain(domain)).Boolean(t.Context(), "bool", false, user("u1", nil)) {
			t.Error(domain, "does not answer")
		}
	}
	if err := api.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := provider.Init(user("", nil)); err != nil { // it can be used again
		t.Error(err)
	}
	provider.Shutdown()
}

func TestConcurrentEvaluations(t *testing.T) {
	flags, api, client := ready(t)
	changes := heard(api, openfeature.ProviderConfigChange)
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
				u := user(fmt.Sprint(g, "-", i%50), map[string]any{"country": "US"})
				d, err := flags.IntValueDetails(t.Context(), "int", 0, u)
				if position, _ := d.FlagMetadata.GetInt("position"); err != nil || position > 7 && d.Value != position {
					t.Errorf("got %+v, %v", d, err)
					return
				}
				flags.Track(t.Context(), "seen", u, openfeature.NewTrackingEventDetails(1))
			}
		})
	}
	for position := 8; position < 30; position++ {
		client.Force("int", "forced", position)
	}
	close(stop)
	wg.Wait()
	if d := next(t, changes); !slices.Equal(d.FlagChanges, []string{"int"}) {
		t.Errorf("got %+v", d)
	}
}
