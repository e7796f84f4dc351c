package fold_test

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

// believer takes every exposure for one of the experiment's first phase.
type believer struct{ experiment uuid.UUID }

func (b believer) Derive(_ context.Context, exposures []derive.Exposure) ([]tracking.Verdict, error) {
	verdicts := make([]tracking.Verdict, len(exposures))
	for i := range verdicts {
		verdicts[i] = tracking.Verdict{Ruling: tracking.Agrees, Experiment: b.experiment, Phase: 1}
	}
	return verdicts, nil
}

// fill tracks so many units, each exposed once and seen nine times more, and one bot
// that comes as often as a tenth of them all.
func (b *bench) fill(t testing.TB, experiment uuid.UUID, units int) (rows int) {
	t.Helper()
	b.execute(t, `insert into tracked (day, batch, shard, id, unit_type, unit_id, at, name, value, experiment, variation, position, attributes)
		select $1::date, 1, n % 8, gen_random_uuid(), 'user_id', 'u' || n, $1::timestamptz + e * interval '1 second',
			case when e = 0 then '' when e % 3 = 0 then 'buy' else 'view' end, case when e > 0 then (n % 1000) * 10000 end,
			case when e = 0 then $2 else '' end, case when e = 0 then (array['control', 'a'])[1 + n % 2] else '' end, 0,
			case when e = 0 then json_build_object('country', 'c' || n % 50) end
		from generate_series(1, $3::int) n, generate_series(0, 9) e`, b.today, keyOf(experiment), units)
	b.execute(t, `insert into tracked (day, batch, shard, id, unit_type, unit_id, at, name, value, experiment, variation, position)
		select $1::date, 1, 0, gen_random_uuid(), 'user_id', 'a bot', $1::timestamptz + e * interval '1 ms',
			case when e = 0 then '' else 'view' end, null, case when e = 0 then $2 else '' end, case when e = 0 then 'a' else '' end, 0
		from generate_series(0, $3::int) e`, b.today, keyOf(experiment), units)
	b.execute(t, `update track_head set batch = 1, day = $1`, b.today)
	return units*11 + 1
}

// TestRecountOfALargePhase counts an earlier position anew, and holds what that
// takes: the memory is that of some thousands of rows and of the cells, however many
// rows there are and whoever made them.
func TestRecountOfALargePhase(t *testing.T) {
	units := 20_000
	if os.Getenv("ASSAY_SOAK") == "1" {
		units = 200_000
	}
	b := newBench(t)
	plan := tally.Plan{
		UnitType: "user_id", Variations: []string{"control", "a"}, Dimensions: []string{"country"},
		Metrics: []tally.Metric{{Key: "bought", Kind: "conversion", Event: "buy"}, {Key: "spent", Kind: "sum", Event: "buy"}, {Key: "worth", Kind: "quantile", Event: "view", Quantile: 0.9}},
	}
	id := b.experiment(t, uuid.New(), plan)
	rows := b.fill(t, id, units)
	past := fold.Past{Pool: b.pool, Deriver: believer{id}}
	stored, err := past.Plan(t.Context(), 1<<60, id, 1)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	done, highest := make(chan struct{}), make(chan uint64)
	go func() {
		var m runtime.MemStats
		var most uint64
		for {
			select {
			case <-done:
				highest <- most
				return
			case <-time.After(20 * time.Millisecond):
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	start := time.Now()
	cells, _, err := past.Recount(t.Context(), stored, 1)
	took := time.Since(start)
	close(done)
	most := <-highest
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows in %v, heap of %d MB at most", rows, took, most>>20)
	var counted, bots int64
	for key, cell := range cells {
		switch {
		case key.Metric == "" && key.Dimension == "":
			counted += cell.N
		case key.Metric == tally.Bots:
			bots += cell.N
		}
	}
	wantBots := int64(0)
	if units > tally.MaxEvents {
		wantBots = 1
	}
	if counted != int64(units)+1-wantBots || bots != wantBots {
		t.Errorf("%d units and %d bots of %d and %d", counted, bots, units, wantBots)
	}
	if limit := uint64(200 << 20); most > limit {
		t.Errorf("the heap grew to %d MB", most>>20)
	}
}
