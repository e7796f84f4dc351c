package queries

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/ledgertest"
)

// glanced reads the overview.
func (s *stack) glanced(t testing.TB) (Overview, Readout) {
	t.Helper()
	got, err := s.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return decode[Overview](t, got.Body), got
}

// item is the overview's line of an experiment.
func (o Overview) item(t testing.TB, id uuid.UUID) OverviewItem {
	t.Helper()
	i := slices.IndexFunc(o.Items, func(item OverviewItem) bool { return item.ExperimentID == id })
	if i < 0 {
		t.Fatalf("%s is not in %+v", id, o)
	}
	return o.Items[i]
}

// The overview says what the results say, at the same pair of positions, and
// follows what is decided and what is counted.
func TestOverviewSaysWhatResultsSay(t *testing.T) {
	s := newShop(t)
	ledgertest.Run(t, s.Watch)
	running := s.create(t, `{"name":"X","key":"x","metrics":[{"metric":"buys","role":"primary"}]}`).ID
	waiting := s.create(t, `{"name":"Y","key":"y"}`).ID
	s.settle(t)
	before, _ := s.glanced(t)
	for _, id := range []uuid.UUID{running, waiting} {
		item := before.item(t, id)
		if item.Verdict == nil || item.Verdict.Code != "not_started" || item.AsOf != nil || item.ComputedAt != nil || item.SRM != nil {
			t.Errorf("never active: %+v", item)
		}
	}
	s.set(t, "x", domain.Active)
	for range 2 {
		s.visit(t, 300)
		within(t, func() error {
			got, _ := s.glanced(t)
			item := got.item(t, running)
			read, err := s.Service.Results(t.Context(), "x", ResultsOptions{})
			if err != nil {
				return err
			}
			want := decode[Results](t, read.Body)
			if item.AsOf == nil || *item.AsOf != want.AsOf {
				if item.AsOf != nil { // what was tracked is looked at every 10 s only
					s.glances.forget(running, *item.AsOf)
				}
				return fmt.Errorf("%+v, want it as of %s", item, want.AsOf)
			}
			if a, b := fmt.Sprintf("%+v", *item.Verdict), fmt.Sprintf("%+v", want.Verdict); asJSON(t, item.Verdict) != asJSON(t, want.Verdict) {
				return errors.New(a + " is not " + b)
			}
			if item.SRM == nil || *item.SRM != (want.SRM.Verdict != "ok") || item.ComputedAt == nil {
				return fmt.Errorf("%+v of %+v", item, want.SRM)
			}
			return nil
		})
	}
	s.delete(t, "x")
	s.settle(t)
	got, _ := s.glanced(t)
	if len(got.Items) != 1 || got.Items[0].ExperimentID != waiting {
		t.Errorf("after the deletion: %+v", got.Items)
	}
	within(t, func() error {
		if _, by := s.glances.seen(); len(by) > 0 {
			return fmt.Errorf("%d glances are kept", len(by))
		}
		return nil
	})
}

// forget makes Watch look at an experiment again in its next round, unless it has
// since asOf was seen.
func (g *glances) forget(id uuid.UUID, asOf string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	by := map[uuid.UUID]*glance{}
	for other, seen := range g.by {
		if other != id || seen.asOf != asOf {
			by[other] = seen
		}
	}
	g.by = by
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Each last change is the newest record of the experiment, and the activity is
// that of the daily reports, whatever happens.
func TestOverviewOfChanges(t *testing.T) {
	s := newStack(t)
	s.story(t)
	s.create(t, `{"name":"C","key":"c"}`)
	for _, step := range []func(){
		func() {},
		func() { s.set(t, "b", domain.Active) },
		func() { s.patch(t, "c", `{"description":"d"}`) },
		func() { s.delete(t, "c") },
	} {
		step()
		s.settle(t)
		got, made := s.glanced(t)
		list, err := s.Experiments(t.Context(), ListOptions{})
		if err != nil || len(got.Items) != len(list.Items) || got.Position != list.Position {
			t.Fatalf("%+v, %v, want %d items at %d", got, err, len(list.Items), list.Position)
		}
		for i, doc := range list.Items {
			e := decode[domain.Experiment](t, doc)
			history, err := s.History(t.Context(), e.ID.String(), HistoryOptions{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			h := history.Items[0]
			want := RecordRef{Position: h.Position, Type: h.Type, At: h.At, Actor: h.Actor, Reason: h.Reason}
			if item := got.Items[i]; item.ExperimentID != e.ID || item.LastChange != want {
				t.Errorf("%+v, want %+v of %s", item, want, e.Key)
			}
		}
		today := got.Activity[len(got.Activity)-1]
		report, err := s.DailyReport(t.Context(), today.Date)
		if err != nil || today.Changes != report.TotalChanges || len(got.Activity) > overviewDays {
			t.Errorf("activity %+v, report %+v, %v", got.Activity, report, err)
		}
		if _, again := s.glanced(t); again.Hash != made.Hash {
			t.Error("nothing happened, and the overview is another")
		}
	}
}

func TestOverviewOfALongLedger(t *testing.T) {
	ledger := ledgertest.New(t)
	ledger.FillAndReplay(t, ledgertest.Filling{Records: 2_000, Daily: 100, Days: 30})
	s := stackOn(t, ledger, newStack(t).redisURL)
	s.settle(t)
	got, _ := s.glanced(t)
	if len(got.Activity) != overviewDays {
		t.Fatalf("activity %+v", got.Activity)
	}
	reports, err := s.DailyReports(t.Context(), got.Activity[0].Date, got.Activity[overviewDays-1].Date)
	if err != nil || len(reports) != overviewDays {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	for i, r := range reports {
		if got.Activity[i] != (DayActivity{r.Date, r.TotalChanges}) {
			t.Errorf("%+v, report %+v", got.Activity[i], r)
		}
	}
}

// After a restore the overview is of the ledger as it is now, though positions
// are given anew.
func TestOverviewAfterARestore(t *testing.T) {
	s := newStack(t)
	id := s.create(t, `{"name":"one"}`).ID
	restore := s.ledger.Backup(t)
	s.set(t, "one", domain.Active)
	s.settle(t)
	s.glanced(t)
	restore()
	s.settleAt(t, 1)
	s.patch(t, "one", `{"description":"another future"}`)
	s.settle(t)
	got, _ := s.glanced(t)
	if c := got.item(t, id).LastChange; got.Position != 2 || c.Position != 2 || c.Type != "experiment.changed" {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsLookedAtFirst(t *testing.T) {
	now := time.Now()
	long := now.Add(-time.Hour)
	const batch = 5
	started := []startedExperiment{
		{id: uuid.UUID{1}, position: 1},
		{id: uuid.UUID{2}, position: 1, active: true},
		{id: uuid.UUID{3}, position: 1, active: true},
		{id: uuid.UUID{4}, position: 9, active: true},
		{id: uuid.UUID{5}, position: 1, active: true},
		{id: uuid.UUID{6}, position: 1, active: true},
		{id: uuid.UUID{7}, position: 3, active: true},
		{id: uuid.UUID{8}, position: 3, active: true},
	}
	before := map[uuid.UUID]*glance{
		{1}: {pair: Pair{1, 4}, wanted: 1, lookedAt: long},                  // more was tracked
		{2}: {pair: Pair{1, 4}, wanted: 1, lookedAt: long.Add(time.Minute)}, // more was tracked, active
		{3}: {pair: Pair{1, batch}, wanted: 1, lookedAt: long},              // nothing new
		{4}: {pair: Pair{1, batch}, wanted: 1, lookedAt: now},               // changed
		{5}: {pair: Pair{1, 4}, wanted: 1, lookedAt: now},                   // more was tracked, but looked at just now
		{7}: {pair: Pair{1, batch}, wanted: 3, lookedAt: long},              // its plan was being counted
		{8}: {pair: Pair{1, batch}, wanted: 2, lookedAt: now, failed: true}, // in vain, just now
	}
	var got []byte
	for _, e := range due(started, before, batch) {
		got = append(got, e.id[0])
	}
	if want := []byte{6, 7, 2, 4, 1}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
