package sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/sdk"
	"github.com/assaylabs/assay/tracking"
)

// intake is a server of POST /track as the contract has it: it stores each id
// once, and answers as its script says until that ends.
type intake struct {
	mu      sync.Mutex
	script  []answer // the next answers; then 202
	bad     string   // a unit whose events are rejected
	stored  map[uuid.UUID]tracking.Event
	asked   []time.Time
	sizes   []int // of batches
	repeats int   // ids that came again
	faults  []string
}

// answer is one of the server's. One that stores without 202 has its
// acknowledgement lost.
type answer struct {
	status int // or cut, or hang
	after  string
	body   string
	stores bool
}

// A server may end the connection, or say nothing.
const cut, hang = -1, -2

func (in *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch in.answer(w, r) {
	case cut:
		panic(http.ErrAbortHandler)
	case hang:
		<-r.Context().Done()
	}
}

func (in *intake) answer(w http.ResponseWriter, r *http.Request) (status int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.Path != "/track" || r.Header.Get("Authorization") != "Bearer secret" {
		in.faults = append(in.faults, r.Method+" "+r.URL.Path)
	}
	var batch tracking.Batch
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 5<<20)).Decode(&batch); err != nil {
		in.faults = append(in.faults, err.Error())
	}
	in.asked, in.sizes = append(in.asked, time.Now()), append(in.sizes, len(batch.Events))
	next := answer{status: http.StatusAccepted, stores: true}
	if len(in.script) > 0 {
		next, in.script = in.script[0], in.script[1:]
	}
	receipt := tracking.Receipt{Rejected: []tracking.Rejection{}}
	if next.stores {
		receipt = in.store(batch)
	}
	if next.after != "" {
		w.Header().Set("Retry-After", next.after)
	}
	if next.status < 0 {
		return next.status
	}
	w.WriteHeader(next.status)
	if next.status == http.StatusAccepted && next.body == "" {
		_ = json.NewEncoder(w).Encode(receipt) // a test sees what is missing
	}
	fmt.Fprint(w, next.body)
	return next.status
}

func (in *intake) store(batch tracking.Batch) tracking.Receipt {
	receipt := tracking.Receipt{Rejected: []tracking.Rejection{}}
	for i, raw := range batch.Events {
		var e tracking.Event
		err := json.Unmarshal(raw, &e)
		if err == nil {
			err = e.Validate()
		}
		if err != nil {
			in.faults = append(in.faults, err.Error())
		}
		if e.Unit == in.bad {
			receipt.Rejected = append(receipt.Rejected, tracking.Rejection{Index: i, Problem: "unit: is bad"})
			continue
		}
		if in.stored == nil {
			in.stored = map[uuid.UUID]tracking.Event{}
		}
		if _, again := in.stored[e.ID]; again {
			in.repeats++
		}
		in.stored[e.ID] = e
		receipt.Accepted++
	}
	return receipt
}

// tracked runs a test in a bubble, with a client that tracks to an intake and
// knows the experiments checkout and search.
func tracked(t *testing.T, in *intake, test func(t *testing.T, client *sdk.Client), edits ...func(*sdk.Config)) {
	synctest.Test(t, func(t *testing.T) {
		requests, stop := serve(in)
		defer stop()
		cfg := sdk.Config{
			URL: "http://assay.test/", Token: "secret", HTTPClient: requests, Log: slog.New(slog.DiscardHandler),
			Source: serving(experiment(t, "checkout", true), experiment(t, "search", 5)),
		}
		for _, edit := range edits {
			edit(&cfg)
		}
		client, err := sdk.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		test(t, client)
		_ = client.Close() // most tests have closed it
		checkSums(t, client.Stats())
		for _, fault := range in.faults {
			t.Error("the server got", fault)
		}
	})
}

// pass lets time pass, and all come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func checkSums(t *testing.T, s sdk.Stats) {
	t.Helper()
	d := s.Dropped
	out := s.Accepted + s.Rejected + s.Pending + d.QueueFull + d.Invalid + d.Refused + d.Unsent + d.Closed + d.Disabled
	if in := s.Exposures + s.Events; in != out {
		t.Errorf("%d came in and %d are accounted for: %+v", in, out, s)
	}
}

func TestExposuresArrive(t *testing.T) {
	in := &intake{}
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		start := time.Now().UTC()
		for range 3 {
			client.Bool("checkout", sdk.Unit{ID: "u1"}, false)
		}
		client.IntDetail("search", sdk.Unit{ID: "u1"}, 0)
		client.Evaluate("checkout", sdk.Unit{ID: "ü2"})
		client.Peek("checkout", sdk.Unit{ID: "u3"})
		client.EvaluateAll(sdk.Unit{ID: "u3"})
		_, _ = client.Explain("checkout", sdk.Unit{ID: "u3"}) // it is there
		client.String("checkout", sdk.Unit{ID: "u3"}, "")     // of another type: the default is shown
		client.Bool("checkout", sdk.Unit{}, false)            // nobody
		pass(6 * time.Second)
		got := map[string]tracking.Event{}
		for _, e := range in.stored {
			got[e.Experiment+" "+e.Unit] = e
		}
		if len(got) != 3 || len(in.stored) != 3 {
			t.Fatalf("%d exposures arrived: %v", len(in.stored), in.stored)
		}
		e := got["checkout ü2"]
		if e.Type != "exposure" || e.Variation != "treatment" || e.Position != 10 || !e.At.Equal(start) || e.UnitType != "" {
			t.Errorf("got %+v", e)
		}
		want := sdk.Stats{Exposures: 3, Duplicates: 2, Accepted: 3}
		if s := client.Stats(); s != want {
			t.Errorf("counted %+v, want %+v", s, want)
		}
	})
}

func TestAnExposureIsReportedAgainAfterTheWindow(t *testing.T) {
	in := &intake{}
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		for range 5 {
			client.Bool("checkout", sdk.Unit{ID: "u1"}, false)
			pass(20 * time.Minute)
		}
		if len(in.stored) != 2 {
			t.Errorf("%d in 100 minutes", len(in.stored))
		}
	})
}

func TestEventsArrive(t *testing.T) {
	in := &intake{}
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		id, at := uuid.New(), time.Date(2026, 1, 6, 10, 0, 0, 0, time.FixedZone("CET", 3600))
		event := sdk.Event{
			ID: id, At: at, Name: "purchase", Unit: "d1", UnitType: "device",
			Value: new(49.9), Attributes: map[string]any{"currency": "EUR"},
		}
		for range 2 {
			if err := client.Track(event); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Track(sdk.Event{Unit: "u1"}); err == nil {
			t.Error("an event without a name is taken")
		}
		if err := client.Track(sdk.Event{Name: "x", Unit: "u1", Value: new(math.Inf(1))}); err == nil || !strings.HasPrefix(err.Error(), "value: ") {
			t.Errorf("an infinite value: %v", err)
		}
		if err := client.Track(sdk.Event{Name: "x", Unit: "u1", Attributes: map[string]any{"f": func() {}}}); err == nil || !strings.HasPrefix(err.Error(), "attributes: ") {
			t.Errorf("attributes that are no JSON: %v", err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		e := in.stored[id]
		if len(in.stored) != 1 || e.Name != "purchase" || *e.Value != 49_900_000 || e.UnitType != "device" || !e.At.Equal(at) || string(e.Attributes) != `{"currency":"EUR"}` {
			t.Errorf("got %+v", in.stored)
		}
		want := sdk.Stats{Events: 5, Accepted: 2, Dropped: sdk.Drops{Invalid: 3}}
		if s := client.Stats(); s != want {
			t.Errorf("counted %+v, want %+v", s, want)
		}
	})
}

// Whatever a server answers, and whether or not it had stored the batch, each
// exposure ends up there once.
func TestExposuresAreKeptAndRetried(t *testing.T) {
	for _, tt := range []struct {
		name     string
		script   []answer
		earliest time.Duration // from the first attempt to the second
		latest   time.Duration
	}{
		{"too many requests", []answer{{status: 429, after: "7"}}, 7 * time.Second, 7 * time.Second},
		{"unavailable", []answer{{status: 503, after: "120"}}, 2 * time.Minute, 2 * time.Minute},
		{"unavailable for absurdly long", []answer{{status: 503, after: "86400"}}, 5 * time.Minute, 5 * time.Minute},
		{"unavailable without a time", []answer{{status: 503}}, 500 * time.Millisecond, time.Second},
		{"a date for a time", []answer{{status: 503, after: "Tue, 06 Jan 2026 12:00:00 GMT"}}, 500 * time.Millisecond, time.Second},
		{"broken", []answer{{status: 500}, {status: 502}}, 500 * time.Millisecond, time.Second},
		{"a token not known yet", []answer{{status: 401}}, 500 * time.Millisecond, time.Second},
		{"no such route", []answer{{status: 404}}, 500 * time.Millisecond, time.Second},
		{"stored, and the answer lost", []answer{{status: 504, stores: true}}, 500 * time.Millisecond, time.Second},
		{"cut off", []answer{{status: cut}}, 500 * time.Millisecond, time.Second},
		{"stored, and cut off", []answer{{status: cut, stores: true}}, 500 * time.Millisecond, time.Second},
		{"silence", []answer{{status: hang, stores: true}}, 10500 * time.Millisecond, 11 * time.Second},
		{"another's answer", []answer{{status: 200, body: "<html>"}}, 500 * time.Millisecond, time.Second},
		{"a receipt that is cut off", []answer{{status: 202, stores: true, body: `{"accepted":`}}, 500 * time.Millisecond, time.Second},
		{"a receipt for something else", []answer{{status: 202, body: `{"accepted":1}`}}, 500 * time.Millisecond, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := &intake{script: tt.script}
			tracked(t, in, func(t *testing.T, client *sdk.Client) {
				for _, unit := range units(20) {
					client.Bool("checkout", unit, false)
				}
				pass(10 * time.Minute)
				if len(in.stored) != 20 {
					t.Errorf("%d of 20 arrived", len(in.stored))
				}
				if pause := in.asked[1].Sub(in.asked[0]); pause < tt.earliest || pause > tt.latest {
					t.Errorf("tried again after %v", pause)
				}
				want := sdk.Stats{Exposures: 20, Accepted: 20, Retries: int64(len(tt.script))}
				if s := client.Stats(); s != want {
					t.Errorf("counted %+v, want %+v", s, want)
				}
			})
			if stored := tt.script[0].stores; stored != (in.repeats == 20) {
				t.Errorf("%d ids came again", in.repeats)
			}
		})
	}
}

func TestWhatIsRefusedIsNotRetried(t *testing.T) {
	in := &intake{script: []answer{{status: 400}}, bad: "bad"}
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		client.Bool("checkout", sdk.Unit{ID: "first"}, false)
		pass(6 * time.Second)
		client.Bool("checkout", sdk.Unit{ID: "bad"}, false)
		client.Bool("checkout", sdk.Unit{ID: "good"}, false)
		client.Bool("checkout", sdk.Unit{ID: strings.Repeat("u", 1025)}, false)
		pass(6 * time.Second)
		want := sdk.Stats{Exposures: 4, Accepted: 1, Rejected: 1, Dropped: sdk.Drops{Refused: 1, Invalid: 1}}
		if s := client.Stats(); s != want {
			t.Errorf("counted %+v, want %+v", s, want)
		}
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	in := &intake{script: []answer{{status: 503, after: "60"}}}
	small := func(c *sdk.Config) { c.ExposureQueue = 10 }
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		for _, unit := range units(25) {
			client.Bool("checkout", unit, false)
		}
		if err := client.Track(sdk.Event{Name: "purchase", Unit: "u1"}); !errors.Is(err, sdk.ErrQueueFull) {
			t.Errorf("an event beyond the bound: %v", err)
		}
		want := sdk.Stats{Exposures: 25, Events: 1, Pending: 10, Dropped: sdk.Drops{QueueFull: 16}}
		if s := client.Stats(); s != want {
			t.Errorf("counted %+v, want %+v", s, want)
		}
		pass(2 * time.Minute)
		client.Bool("checkout", units(25)[24], false) // was dropped: gets another chance
		pass(6 * time.Second)
		if len(in.stored) != 11 {
			t.Errorf("%d stored", len(in.stored))
		}
	}, small)
}

func TestBatchesAreBounded(t *testing.T) {
	in := &intake{}
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		for _, unit := range units(1_200) {
			client.Bool("checkout", unit, false)
		}
		large := map[string]any{"note": strings.Repeat("n", 8_000)}
		for i := range 300 {
			if err := client.Track(sdk.Event{Name: "purchase", Unit: fmt.Sprint(i), Attributes: large}); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(in.stored) != 1_500 || client.Stats().Accepted != 1_500 {
			t.Errorf("%d stored, %+v", len(in.stored), client.Stats())
		}
		for _, size := range in.sizes {
			if size > 500 {
				t.Errorf("a batch of %d", size)
			}
		}
		if len(in.sizes) < 5 {
			t.Errorf("2.4 MB went in %d batches", len(in.sizes))
		}
	})
}

func TestCloseSendsWhatItCan(t *testing.T) {
	in := &intake{}
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		client.Bool("checkout", sdk.Unit{ID: "u1"}, false)
		if err := client.Close(); err != nil || len(in.stored) != 1 {
			t.Errorf("%d stored: %v", len(in.stored), err)
		}
		if !client.Bool("checkout", sdk.Unit{ID: "u2"}, false) {
			t.Error("a closed client forgets what it knows")
		}
		if d := client.BoolDetail("checkout", sdk.Unit{ID: "u2"}, false); !d.Stale {
			t.Error("a closed client claims to be up to date")
		}
		if err := client.Track(sdk.Event{Name: "purchase", Unit: "u1"}); !errors.Is(err, sdk.ErrClosed) {
			t.Errorf("an event after Close: %v", err)
		}
		want := sdk.Stats{Exposures: 2, Events: 1, Duplicates: 1, Accepted: 1, Dropped: sdk.Drops{Closed: 2}}
		if s := client.Stats(); s != want {
			t.Errorf("counted %+v, want %+v", s, want)
		}
	})
}

func TestCloseGivesUpInTime(t *testing.T) {
	in := &intake{script: []answer{{status: 503, after: "100"}}}
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		client.Bool("checkout", sdk.Unit{ID: "u1"}, false)
		start := time.Now()
		if err := client.Flush(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 10*time.Second {
			t.Errorf("Flush without a bound took %v: %v", time.Since(start), err)
		}
		start = time.Now()
		if err := client.Close(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 ") {
			t.Errorf("what could not be sent is not told: %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
		want := sdk.Stats{Exposures: 1, Retries: 1, Dropped: sdk.Drops{Unsent: 1}}
		if s := client.Stats(); s != want {
			t.Errorf("counted %+v, want %+v", s, want)
		}
	}, func(c *sdk.Config) { c.CloseWait = 3 * time.Second })
}

func TestTrackingCanBeOff(t *testing.T) {
	in := &intake{}
	var seen []sdk.Exposure
	off := func(c *sdk.Config) {
		c.DisableTracking, c.OnExposure = true, func(e sdk.Exposure) { seen = append(seen, e) }
	}
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		for range 2 {
			client.Bool("checkout", sdk.Unit{ID: "u1"}, false)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if len(in.asked) != 0 || len(seen) != 1 || seen[0].Unit != "u1" || seen[0].ID == uuid.Nil {
			t.Errorf("%d requests, %+v", len(in.asked), seen)
		}
		want := sdk.Stats{Exposures: 1, Duplicates: 1, Dropped: sdk.Drops{Disabled: 1}}
		if s := client.Stats(); s != want {
			t.Errorf("counted %+v, want %+v", s, want)
		}
	}, off)
}

// Many goroutines, a server that fails at random, a queue that overflows: every
// exposure is accounted for, and stored as often as it is counted as accepted.
func TestExposuresAreAccountedFor(t *testing.T) {
	in := &intake{bad: "u7"}
	for i := range 12 {
		in.script = append(in.script, []answer{
			{status: 503, after: "1"}, {status: 202, stores: true}, {status: 504, stores: true}, {status: 422},
		}[i%4])
	}
	small := func(c *sdk.Config) { c.ExposureQueue, c.CloseWait = 700, time.Minute }
	tracked(t, in, func(t *testing.T, client *sdk.Client) {
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 1_000 {
					client.Bool("checkout", sdk.Unit{ID: fmt.Sprintf("u%d", i+500*g)}, false)
					if i%100 == 0 {
						time.Sleep(time.Second)
						checkSums(t, client.Stats())
					}
				}
			})
		}
		wg.Wait()
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		s := client.Stats()
		if s.Dropped.QueueFull == 0 || s.Dropped.Refused == 0 || s.Duplicates == 0 || s.Retries == 0 || s.Rejected == 0 {
			t.Errorf("the test tests less than it should: %+v", s)
		}
		// What was stored and then refused is counted as refused.
		if stored := int64(len(in.stored)); stored < s.Accepted || stored > s.Accepted+s.Dropped.Refused {
			t.Errorf("%d stored, %+v", stored, s)
		}
	}, small)
}

// An exposure has the attributes that it was evaluated with, all or none.
func TestExposuresHaveAttributes(t *testing.T) {
	for _, tt := range []struct {
		name       string
		attributes map[string]any
		hidden     bool
		want       string
	}{
		{"some", map[string]any{"plan": "pro", "age": 31, "tags": []string{"a"}}, false, `{"age":31,"plan":"pro","tags":["a"]}`},
		{"none", nil, false, ""},
		{"hidden", map[string]any{"plan": "pro"}, true, ""},
		{"too many", map[string]any{"plan": strings.Repeat("x", 8<<10)}, false, ""},
		{"a number that no server keeps", map[string]any{"plan": "pro", "n": 1<<53 + 1}, false, ""},
		{"no JSON", map[string]any{"plan": "pro", "f": func() {}}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := &intake{}
			tracked(t, in, func(t *testing.T, client *sdk.Client) {
				client.Bool("checkout", sdk.Unit{ID: "u1", Attributes: tt.attributes}, false)
				pass(6 * time.Second)
				for _, e := range in.stored {
					if string(e.Attributes) != tt.want {
						t.Errorf("got %.100s, want %s", e.Attributes, tt.want)
					}
				}
				if len(in.stored) != 1 || len(in.faults) > 0 {
					t.Errorf("%d arrived: %v", len(in.stored), in.faults)
				}
			}, func(cfg *sdk.Config) { cfg.HideAttributes = tt.hidden })
		})
	}
}
