package fold_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/tallymodel"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// oracle judges exposures as the facts say: their positions are places in it.
type oracle struct {
	facts []tallymodel.Fact
	// poison refuses to judge; refused counts that.
	poison  atomic.Bool
	refused atomic.Int64
}

func (o *oracle) Derive(_ context.Context, exposures []derive.Exposure) ([]tracking.Verdict, error) {
	if o.poison.Load() {
		o.refused.Add(1)
		return nil, errors.New("poison")
	}
	verdicts := make([]tracking.Verdict, len(exposures))
	for i, e := range exposures {
		verdicts[i] = o.facts[e.Position].Verdict
	}
	return verdicts, nil
}

// bench is a ledger, and what is tracked beside it.
type bench struct {
	ledger   ledgertest.Ledger
	pool     *pgxpool.Pool
	commands *commands.Service
	oracle   *oracle
	stored   int   // of the oracle's facts
	ends     []int // of batches, in the oracle's facts
	batch    int64
	today    time.Time
	values   int // of a dimension that are counted
}

// day is that on which the next batch is stored: after some batches it is another
// one.
func (b *bench) day() time.Time { return b.today.AddDate(0, 0, int(min(b.batch/8, 1))) }

func newBench(t testing.TB) *bench {
	t.Helper()
	l := ledgertest.New(t)
	b := &bench{ledger: l, pool: l.Pool(t), commands: l.Commands(t), oracle: &oracle{}}
	b.execute(t, `select track_partitions()`)
	b.today = time.Now().UTC().Truncate(24 * time.Hour)
	return b
}

// execute runs statements as the superuser.
func (b *bench) execute(t testing.TB, sql string, args ...any) {
	t.Helper()
	conn := b.ledger.Superuser(t)
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func call() commands.Call { return commands.Call{Meta: eventstore.Meta{Actor: "Ada"}} }

// must fails the test on an error of a command.
func must(t testing.TB) func(commands.Answer, error) commands.Answer {
	return func(a commands.Answer, err error) commands.Answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// define makes or changes a metric.
func (b *bench) define(t testing.TB, m tally.Metric) {
	t.Helper()
	doc := map[string]any{"kind": m.Kind, "event": m.Event, "window_hours": m.WindowHours, "cuped": m.CUPED, "lookback_days": m.LookbackDays}
	if m.Denominator != "" {
		doc["denominator"] = m.Denominator
	}
	if m.Cap != nil {
		doc["cap"] = float64(*m.Cap) / 1e6
	}
	if m.Kind == "quantile" {
		doc["quantile"] = m.Quantile
	}
	if _, err := b.commands.PatchResource(t.Context(), call(), domain.KindMetric, m.Key, encode(t, doc)); err == nil {
		return
	}
	doc["key"], doc["name"] = m.Key, m.Key
	must(t)(b.commands.CreateResource(t.Context(), call(), domain.KindMetric, encode(t, doc)))
}

func encode(t testing.TB, doc any) []byte {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// experiment makes one that is counted by the plan but for its id.
func (b *bench) experiment(t testing.TB, id uuid.UUID, plan tally.Plan) uuid.UUID {
	t.Helper()
	metrics, variations := []map[string]any{}, []map[string]any{}
	for _, m := range plan.Metrics {
		b.define(t, m)
		metrics = append(metrics, map[string]any{"metric": m.Key, "role": "secondary"})
	}
	for _, v := range plan.Variations {
		variations = append(variations, map[string]any{"key": v, "weight": 1})
	}
	return must(t)(b.commands.CreateExperiment(t.Context(), call(), encode(t, map[string]any{
		"id": id, "key": keyOf(id), "name": "An experiment", "unit_type": plan.UnitType, "variations": variations, "metrics": metrics,
		"analysis": map[string]any{"method": "sequential", "alpha": 0.05, "correction": "holm", "dimensions": plan.Dimensions},
	}))).ID
}

func (b *bench) patch(t testing.TB, experiment uuid.UUID, patch string) int64 {
	t.Helper()
	return must(t)(b.commands.PatchExperiment(t.Context(), call(), experiment.String(), []byte(patch))).Position
}

// track stores facts as one batch.
func (b *bench) track(t testing.TB, facts []tallymodel.Fact) {
	t.Helper()
	var rows [][]any
	day := b.day()
	for _, f := range facts {
		experiment := ""
		if f.Name == "" {
			experiment = keyOf(f.Verdict.Experiment)
		}
		var attributes any
		if len(f.Attributes) > 0 {
			attributes = string(f.Attributes)
		}
		rows = append(rows, []any{
			day, b.batch + 1, int16(tracking.ShardOf(f.UnitType, f.Unit)), f.ID, f.UnitType, f.Unit, f.At, f.Name, f.Value,
			experiment, f.Variation, int64(b.stored), attributes,
		})
		b.stored++
	}
	b.batch++
	b.ends = append(b.ends, b.stored)
	ctx := t.Context()
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update track_head set batch = batch + 1, day = $1`, day); err != nil {
			return err
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"tracked"}, []string{
			"day", "batch", "shard", "id", "unit_type", "unit_id", "at", "name", "value", "experiment", "variation", "position", "attributes",
		}, pgx.CopyFromRows(rows))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func keyOf(experiment uuid.UUID) string {
	return "e" + strings.ReplaceAll(experiment.String(), "-", "")
}

// upTo are the facts that were stored up to a batch.
func (b *bench) upTo(batch int64) []tallymodel.Fact {
	if batch == 0 {
		return nil
	}
	return b.oracle.facts[:b.ends[batch-1]]
}

// shoot ends the sessions of folders, one at random several times a second, until
// the test ends.
func (b *bench) shoot(t testing.TB, random *rand.Rand) {
	t.Helper()
	conn := b.ledger.Superuser(t)
	ledgertest.Run(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			_, err := conn.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity
				where datname = current_database() and application_name = 'folder' order by random() limit 1`)
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		}
		return nil
	})
}

// folder returns one that takes small bites.
func (b *bench) folder(t testing.TB) *fold.Folder {
	t.Helper()
	pool, err := eventstore.Open(context.Background(), b.ledger.App+"&application_name=folder", eventstore.PoolConfig{MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return fold.New(pool, b.oracle, fold.Config{
		RoundRows: 2, BuildUnits: 1, Values: b.values, Poll: 2 * time.Millisecond, MembersDelay: 20 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
}

func (b *bench) past() *fold.Past { return &fold.Past{Pool: b.pool, Deriver: b.oracle} }

// settled waits until a phase is counted to the last batch by the plan that the
// ledger wants, and reads it.
func (b *bench) settled(t testing.TB, experiment uuid.UUID, phase int) fold.Reading {
	t.Helper()
	want, err := b.past().Plan(t.Context(), 1<<60, experiment, phase)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		r, err := fold.Read(t.Context(), b.pool, experiment, phase)
		if err != nil {
			t.Fatal(err)
		}
		if r.Batch == b.batch && cmp.Equal(r.Plan, want) {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("batch %d of %d; plan (-want, +have):\n%s", r.Batch, b.batch, cmp.Diff(want, r.Plan))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func differ(want, got map[tally.CellKey]tally.Cell) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b *big.Int) bool {
		return a == b || a != nil && b != nil && a.Cmp(b) == 0
	}))
}

// rows are all rows of a query, as text.
func (b *bench) rows(t testing.TB, sql string) string {
	t.Helper()
	var text string
	if err := b.pool.QueryRow(t.Context(), `select coalesce(string_agg(x::text, e'\n' order by x::text), '') from (`+sql+`) x`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// everything is all that the serving generation holds.
func (b *bench) everything(t testing.TB) string {
	t.Helper()
	return b.rows(t, `select shard, unit_type, unit_id, history from track_units join track_rounds using (generation) where state = 'serving'`) +
		b.rows(t, `select p.experiment_id, p.phase, p.doc::text, c.metric, c.variation, c.epoch, c.dimension, c.value, c.day, c.n, c.sums, c.sketch
			from track_rounds r join track_plans p using (generation) join track_cells c using (plan) where r.state = 'serving'`)
}
