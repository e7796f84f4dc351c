package queries

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/derive"
	tracked "github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/intake"
)

// shop is a stack whose visitors are tracked and counted.
type shop struct {
	*stack
	intake *intake.Intake
	folder *tracked.Folder
	random *rand.Rand
	units  int
	// buys bounds what a visitor buys, from above.
	buys int
}

func newShop(t testing.TB) *shop {
	s := &shop{stack: newStack(t), random: rand.New(rand.NewPCG(5, 6)), buys: 3}
	pool := s.ledger.Pool(t)
	s.intake = intake.New(pool, intake.Config{})
	s.folder = tracked.New(pool, derive.New(pool), tracked.Config{Poll: 5 * time.Millisecond, MembersDelay: time.Millisecond, Values: 20})
	ledgertest.Run(t, s.intake.Run)
	ledgertest.Run(t, s.folder.Run)
	ledgertest.Run(t, s.Service.Run)
	for _, body := range []string{
		`{"name":"Buys","event":"buy"}`, `{"name":"Spend","event":"buy","kind":"sum","cuped":true}`,
		`{"name":"Speed","event":"load","kind":"quantile","quantile":0.9,"goal":"decrease"}`,
	} {
		s.define(t, body)
	}
	return s
}

func (s *shop) define(t testing.TB, metric string) {
	t.Helper()
	if _, err := s.commands.CreateResource(t.Context(), commands.Call{}, domain.KindMetric, []byte(metric)); err != nil {
		t.Fatal(err)
	}
}

// visit lets some people come who are shown the experiments and do something, and
// waits until that is counted.
func (s *shop) visit(t testing.TB, people int) {
	t.Helper()
	s.settle(t)
	view := s.follower.View()
	snapshot, faults := evaluator.Compile(view.Document())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var events []tracking.Event
	for range people {
		s.units++
		events = append(events, s.visitor(t, snapshot, view, fmt.Sprint("u", s.units))...)
	}
	s.random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	if _, err := s.intake.Store(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	s.counted(t)
}

// visitor is what one of them sees and does, over three days.
func (s *shop) visitor(t testing.TB, snapshot *evaluator.Snapshot, view *projections.View, id string) (events []tracking.Event) {
	t.Helper()
	attributes := map[string]any{"country": []string{"DE", "US", "FR"}[s.random.IntN(3)], "seat": id}
	known, err := json.Marshal(attributes)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Microsecond).Add(-time.Duration(s.random.IntN(72)) * time.Hour)
	event := func(e tracking.Event) {
		e.ID, e.Unit = uuid.New(), id
		events = append(events, e)
	}
	var unit evaluator.Unit
	snapshot.Prepare(&unit, id, attributes)
	for _, e := range snapshot.Experiments() {
		if got := snapshot.Evaluate(e, &unit); got.Reason == evaluator.Split {
			event(tracking.Event{
				Type: tracking.Exposure, At: at, Experiment: e.Key(), Variation: e.Variations()[got.Variation].Key,
				Position: view.Position, Attributes: known,
			})
		}
	}
	for range s.random.IntN(s.buys) {
		value, before := tracking.Amount(s.random.IntN(10_000_000)), tracking.Amount(s.random.IntN(10_000_000))
		event(tracking.Event{Type: tracking.Custom, At: at.Add(time.Minute), Name: "buy", Value: &value})
		event(tracking.Event{Type: tracking.Custom, At: at.Add(-time.Hour), Name: "buy", Value: &before})
		event(tracking.Event{Type: tracking.Custom, At: at.Add(time.Hour), Name: "load", Value: &value})
	}
	return events
}

// counted waits until all that is tracked is counted, by the plans of now.
func (s *shop) counted(t testing.TB) {
	t.Helper()
	conn := s.ledger.Superuser(t)
	within(t, func() error {
		var behind, building int
		err := conn.QueryRow(t.Context(), `select
			(select h.batch - r.batch from track_head h, track_rounds r where r.state = 'serving'),
			(select count(*) from track_plans where state = 'building')`).Scan(&behind, &building)
		if err == nil && behind+building > 0 {
			return fmt.Errorf("%d batches behind, %d plans building", behind, building)
		}
		return err
	})
}

func (s *shop) results(t testing.TB, o ResultsOptions) (Readout, Results) {
	t.Helper()
	var got Readout
	within(t, func() (err error) {
		got, err = s.Service.Results(t.Context(), "x", o)
		if err != nil && !errors.Is(err, domain.ErrUnavailable) {
			t.Fatal(err)
		}
		return err
	})
	return got, decode[Results](t, got.Body)
}

const experimentX = `{"name":"X","metrics":[{"metric":"buys","role":"primary"},{"metric":"spend","role":"secondary"},{"metric":"speed","role":"guardrail"}],
	"analysis":{"method":"fixed","dimensions":["country"],"mde":0.1}}`

func TestResultsOfAnExperimentThatRuns(t *testing.T) {
	s := newShop(t)
	s.create(t, experimentX)
	if _, doc := s.results(t, ResultsOptions{}); doc.Verdict.Code != "not_started" || doc.AsOf != "4.0" || len(doc.Metrics) != 3 {
		t.Errorf("before it began: %+v", doc)
	}
	s.set(t, "x", domain.Active)
	s.visit(t, 400)
	_, doc := s.results(t, ResultsOptions{Dimension: "country"})
	var units int64
	for _, v := range doc.Metrics[0].Variations {
		units += v.Units
	}
	if units != 400 || doc.SRM.Verdict != "ok" || doc.Plan.FixedAt.Position != 5 || doc.AsOf != "5.1" {
		t.Errorf("%d units, split %s, fixed at %+v, as of %s", units, doc.SRM.Verdict, doc.Plan.FixedAt, doc.AsOf)
	}
	for _, m := range doc.Metrics {
		if v := m.Variations[1]; v.Status != "ok" || v.Lift == nil || v.PValue == nil {
			t.Errorf("%s: %+v", m.Metric, v)
		}
	}
	if n := len(doc.Breakdown.Values); n != 3 || len(doc.Metrics[0].Series) < 2 {
		t.Errorf("%d countries, %d days", n, len(doc.Metrics[0].Series))
	}
	s.patch(t, "x", `{"analysis":{"alpha":0.01}}`)
	if _, err := s.commands.PatchResource(t.Context(), commands.Call{}, domain.KindMetric, "buys", []byte(`{"window_hours":1}`)); err != nil {
		t.Fatal(err)
	}
	within(t, func() error { // until the plan of the changed metric serves
		if _, doc = s.results(t, ResultsOptions{}); doc.AsOf != "7.1" {
			return errors.New(doc.AsOf)
		}
		return nil
	})
	if got := fmt.Sprint(doc.Plan.ChangedSince); doc.Alpha != 0.05 || got != "[/analysis/alpha /metric-definitions/buys]" {
		t.Errorf("alpha %v, changed %s", doc.Alpha, got)
	}
}

// Those who come after a change of weights are compared among themselves.
func TestResultsKeepEpochsApart(t *testing.T) {
	s := newShop(t)
	s.create(t, `{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b11","name":"X","metrics":[{"metric":"buys","role":"primary"}],
		"analysis":{"method":"fixed","alpha":0.001,"dimensions":["country"]},"variations":[{"key":"control","weight":9},{"key":"treatment","weight":1}]}`)
	s.set(t, "x", domain.Active)
	s.buys = 2 // every other buys
	s.visit(t, 400)
	s.patch(t, "x", `{"variations":[{"key":"control","weight":1},{"key":"treatment","weight":1}],"phase":"same"}`)
	s.buys = 10 // nine of ten
	s.visit(t, 400)
	_, doc := s.results(t, ResultsOptions{Dimension: "country"})
	control, treatment := doc.Metrics[0].Variations[0], doc.Metrics[0].Variations[1]
	if treatment.Significant || doc.Breakdown.Values[0].Metrics[0].Variations[1].Significant {
		t.Errorf("%v of %d and %v of %d buy", *control.Mean, control.Units, *treatment.Mean, treatment.Units)
	}
	if control.Units+treatment.Units != 800 || len(doc.SRM.Epochs) != 2 || doc.SRM.Verdict != "ok" {
		t.Errorf("%d and %d units, split %+v", control.Units, treatment.Units, doc.SRM)
	}
}

// A dimension with many values costs only who asks for it.
func TestResultsReadOneDimension(t *testing.T) {
	s := newShop(t)
	id := s.create(t, `{"name":"X","metrics":[{"metric":"buys","role":"primary"}],"analysis":{"dimensions":["country","plan"]}}`).ID
	s.set(t, "x", domain.Active)
	s.visit(t, 50)
	for asked, want := range map[string][]string{"": {""}, "country": {"", "country"}, "plan": {"", "plan"}} {
		got, err := tracked.ReadDimension(t.Context(), s.ledger.Pool(t), id, 1, asked)
		found := map[string]bool{}
		for key := range got.Cells {
			found[key.Dimension] = true
		}
		if names := slices.Sorted(maps.Keys(found)); err != nil || !slices.Equal(names, want) {
			t.Errorf("asked for %q, read %q, %v", asked, names, err)
		}
	}
}

// A dimension that names nearly every unit is given up, and the answers of before
// stay.
func TestResultsNameDimensionsOfTooManyValues(t *testing.T) {
	s := newShop(t)
	s.create(t, `{"name":"X","metrics":[{"metric":"buys","role":"primary"}],"analysis":{"dimensions":["country","seat"]}}`)
	s.set(t, "x", domain.Active)
	s.visit(t, 20)
	seats := ResultsOptions{Dimension: "seat"}
	before, narrow := s.results(t, seats)
	if len(narrow.Quality.WideDimensions) > 0 || len(narrow.Breakdown.Values) != 20 {
		t.Errorf("of 20 values: %d are shown, %q are too wide", len(narrow.Breakdown.Values), narrow.Quality.WideDimensions)
	}
	s.visit(t, 20)
	after, wide := s.results(t, seats)
	if !slices.Equal(wide.Quality.WideDimensions, []string{"seat"}) || len(wide.Breakdown.Values) > 0 {
		t.Errorf("of 40 values: %d are shown, %q are too wide", len(wide.Breakdown.Values), wide.Quality.WideDimensions)
	}
	if _, doc := s.results(t, ResultsOptions{Dimension: "country"}); len(doc.Breakdown.Values) != 3 || len(doc.Quality.WideDimensions) != 1 {
		t.Errorf("countries are %+v", doc.Breakdown.Values)
	}
	if _, err := s.folder.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	replica := stackOn(t, s.ledger, s.redisURL)
	ledgertest.Run(t, replica.Run)
	s.Service = replica.Service
	for asOf, want := range map[string]Readout{narrow.AsOf: before, wide.AsOf: after} {
		seats.AsOf = asOf
		if got, _ := s.results(t, seats); !bytes.Equal(got.Body, want.Body) {
			t.Errorf("as of %s:\n%s\nbefore:\n%s", asOf, got.Body, want.Body)
		}
	}
}

// Whatever happened since, the same as_of has the same bytes: asked for at once
// or later, by a replica that knows nothing, after a rebuild.
func TestResultsAsOfAreTheSameForEver(t *testing.T) {
	s := newShop(t)
	s.create(t, experimentX)
	s.set(t, "x", domain.Active)
	type asked struct {
		o    ResultsOptions
		body []byte
	}
	var all []asked
	for i, upset := range []func(){
		func() {},
		func() { s.define(t, `{"name":"Loads","event":"load","kind":"count"}`) },
		func() { s.patch(t, "x", `{"owner":"somebody","analysis":{"alpha":0.01}}`) },
		func() {
			s.patch(t, "x", `{"metrics":[{"metric":"buys","role":"secondary"},{"metric":"loads","role":"primary"}]}`)
		},
		func() {
			if _, err := s.commands.PatchResource(t.Context(), commands.Call{}, domain.KindMetric, "buys", []byte(`{"window_hours":1,"goal":"decrease"}`)); err != nil {
				t.Fatal(err)
			}
		},
		func() {
			if _, err := s.commands.CreateResource(t.Context(), commands.Call{}, domain.KindSegment, []byte(`{"name":"Staff","ids":["u1","u2","u80"]}`)); err != nil {
				t.Fatal(err)
			}
			s.patch(t, "x", `{"analysis":{"exclude":["staff"]}}`)
		},
		func() {
			if _, err := s.commands.ChangeMembers(t.Context(), commands.Call{}, "staff", []string{"u3"}, []string{"u1"}); err != nil {
				t.Fatal(err)
			}
		},
		func() {
			s.patch(t, "x", `{"variations":[{"key":"control","weight":1},{"key":"treatment","weight":3}],"phase":"new"}`)
		},
	} {
		upset()
		// In the midst of a rebuild too.
		o := ResultsOptions{Dimension: "country"}
		if i%2 == 0 {
			o = ResultsOptions{Phase: 1}
		}
		got, doc := s.results(t, o)
		o.AsOf = doc.AsOf
		all = append(all, asked{o, got.Body})
		s.visit(t, 30)
		got, doc = s.results(t, o.now())
		o.AsOf = doc.AsOf
		if i%3 == 0 { // some are pinned while they are new
			if pinned, _ := s.results(t, o); !bytes.Equal(pinned.Body, got.Body) {
				t.Errorf("pinned at once:\n%s\nnow:\n%s", pinned.Body, got.Body)
			}
		}
		all = append(all, asked{o, got.Body})
	}
	check := func(when string, service *Service) {
		t.Helper()
		for _, a := range all {
			s.Service = service
			if got, _ := s.results(t, a.o); !bytes.Equal(got.Body, a.body) {
				t.Errorf("%s, %+v:\n%s\nbefore:\n%s", when, a.o, got.Body, a.body)
			}
		}
	}
	other := stackOn(t, s.ledger, s.redisURL)
	ledgertest.Run(t, other.Run)
	check("half of it asked by another replica", other.Service)
	if _, err := s.folder.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	forget(t, s)
	third := stackOn(t, s.ledger, s.redisURL)
	ledgertest.Run(t, third.Run)
	check("counted anew after a rebuild", third.Service)
}

// now is the same question without a position.
func (o ResultsOptions) now() ResultsOptions {
	o.AsOf = ""
	return o
}

// forget drops what was pinned, so that it has to be made again.
func forget(t testing.TB, s *shop) {
	t.Helper()
	if _, err := s.ledger.Superuser(t).Exec(t.Context(), `delete from readouts`); err != nil {
		t.Fatal(err)
	}
}

func TestResultsRefuse(t *testing.T) {
	s := newShop(t)
	s.create(t, experimentX)
	for _, asOf := range []string{"x", "1", "1.", "1.-1", "0.0", "+1.0", "01.0", "99.0", "1.99", "1.0.0"} {
		_, err := s.Service.Results(t.Context(), "x", ResultsOptions{AsOf: asOf})
		var invalid *domain.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "as_of" {
			t.Errorf("%s: %v", asOf, err)
		}
	}
	for _, tt := range []struct {
		ref string
		o   ResultsOptions
	}{{"y", ResultsOptions{}}, {"x", ResultsOptions{Phase: 2}}, {"x", ResultsOptions{AsOf: "2.0"}}, {"\x00", ResultsOptions{}}} {
		if _, err := s.Service.Results(t.Context(), tt.ref, tt.o); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%s %+v: %v", tt.ref, tt.o, err)
		}
	}
	s.delete(t, "x")
	if _, err := s.Service.Results(t.Context(), "x", ResultsOptions{}); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if got, err := s.Service.Results(t.Context(), "x", ResultsOptions{AsOf: "4.0"}); err != nil || len(got.Body) == 0 {
		t.Errorf("as of before it was deleted: %v", err)
	}
}

// What has to be counted anew is waited for a while, asked for once however many
// ask, and no more than so many at a time.
func TestRecountsAreBounded(t *testing.T) { synctest.Test(t, testRecountsAreBounded) }

func testRecountsAreBounded(t *testing.T) {
	r := newRecounts(nil)
	u := phaseOf(analysis("fixed", domain.Rule{}))
	start := time.Now()
	if _, err := r.of(t.Context(), u, 1); !errors.Is(err, ErrCounting) || !errors.Is(err, domain.ErrUnavailable) || time.Since(start) != recountPatience {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	again, err := r.ask(u, 1)
	if err != nil || len(r.asks) != 1 {
		t.Errorf("asked %d times, %v", len(r.asks), err)
	}
	for batch := range int64(waitingRecounts - 1) {
		if _, err := r.ask(u, batch+2); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.ask(u, 1000); !errors.Is(err, domain.ErrUnavailable) || errors.Is(err, ErrCounting) {
		t.Errorf("one too many: %v", err)
	}
	if same, err := r.ask(u, 1); err != nil || same != again {
		t.Errorf("what is waited for already: %v", err)
	}
}

// A recount that failed is tried again by who asks again.
func TestRecountsThatFailAreTriedAgain(t *testing.T) {
	s := newShop(t)
	s.create(t, experimentX)
	s.set(t, "x", domain.Active)
	s.visit(t, 5)
	s.visit(t, 5)
	r := s.Service.results
	u, err := r.rulingThen(t.Context(), "x", Pair{5, 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	broken, stop := context.WithCancel(t.Context())
	stop()
	job := &recounting{key: recountKey{u.last.ID, 1, 5, 1}, ruling: u, done: make(chan struct{})}
	r.recounts.known.Add(job.key, job)
	r.recounts.do(broken, job)
	if _, err := r.recounts.of(t.Context(), u, 1); err != nil || job.err == nil {
		t.Errorf("asked again: %v; first: %v", err, job.err)
	}
}
