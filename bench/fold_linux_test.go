package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/fold"
)

// crowd is a workload: units that are shown experiments and then do things, over
// two weeks.
type crowd struct {
	units, experiments, events int // events of each unit, exposures aside
}

// BenchmarkFold counts what was tracked of ten experiments of five metrics, one
// with CUPED: each unit is in three of them and does seven things. It reports how
// many rows are counted in a second, and in a second of CPU time of this process
// and the server's, and how many bytes of history a row comes to.
func BenchmarkFold(b *testing.B) {
	c := crowd{units: sized(100_000, 500), experiments: 10, events: 7}
	var rates, costs, sizes []float64
	for b.Loop() {
		b.StopTimer()
		l := durable(b)
		pool := open(b, l.App, 8)
		rows := c.track(b, l, pool)
		b.StartTimer()
		cpu := meterPostgres(b, pool)
		before := cpu.seconds()
		rate, size := c.fold(b, pool, rows)
		rates, sizes = append(rates, rate), append(sizes, size)
		costs = append(costs, float64(rows)/(cpu.seconds()-before))
	}
	b.ReportMetric(median(rates), "rows/s")
	b.ReportMetric(median(costs), "rows/cpu-s")
	b.ReportMetric(median(sizes), "bytes/row")
}

// fold counts until all is counted.
func (c crowd) fold(b *testing.B, pool *pgxpool.Pool, rows int) (rate, size float64) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	folder := fold.New(pool, derive.New(pool), fold.Config{})
	start := time.Now()
	go func() { done <- folder.Run(ctx) }()
	for behind := true; behind; time.Sleep(5 * time.Millisecond) {
		err := pool.QueryRow(ctx, `select (select batch from track_rounds) < (select batch from track_head)`).Scan(&behind)
		if err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(start)
	stop()
	<-done
	var bytes float64
	var units, leftOut int
	err := pool.QueryRow(context.Background(), `select (select sum(length(history)) from track_units),
		(select sum(n) from track_cells where metric = ''), (select count(*) from track_cells where metric like '!%')`).
		Scan(&bytes, &units, &leftOut)
	if err != nil || units != 3*c.units || leftOut > 0 {
		b.Fatalf("%d units in three experiments each, %d counted, %d cells of what is left out, %v", c.units, units, leftOut, err)
	}
	return float64(rows) / took.Seconds(), bytes / float64(rows)
}

// track fills the table, as intake would, and returns how many rows there are.
func (c crowd) track(b *testing.B, l ledgertest.Ledger, pool *pgxpool.Pool) int {
	ctx := context.Background()
	snapshot := c.prepare(b, l, pool)
	if _, err := pool.Exec(ctx, `select track_partitions()`); err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Now().UTC().Add(-14 * 24 * time.Hour)
	var rows [][]any
	add := func(unit int, at time.Time, name string, value any, experiment, variation string) {
		id := fmt.Sprintf("user-%08d", unit)
		var attributes any
		if experiment != "" {
			attributes = fmt.Sprintf(`{"country":"%s","device":"%s","plan":"free"}`, []string{"US", "CH", "DE"}[unit%3], []string{"ios", "web"}[unit%2])
		}
		rows = append(rows, []any{
			time.Now().UTC(), int64(0), int16(tracking.ShardOf("user_id", id)), uuid.New(), "user_id", id, at, name, value,
			experiment, variation, snapshot.Position(), attributes,
		})
	}
	for unit := range c.units {
		at := start.Add(time.Duration(random.Int64N(int64(7 * 24 * time.Hour)))).Truncate(time.Millisecond)
		for i := range 3 {
			key := fmt.Sprint("e", (unit+i*3)%c.experiments)
			shown, _ := snapshot.EvaluateRaw(key, fmt.Sprintf("user-%08d", unit), nil)
			add(unit, at, "", nil, key, []string{"control", "treatment"}[shown.Variation])
		}
		for range c.events {
			at := at.Add(time.Duration(random.Int64N(int64(7*24*time.Hour))) - 24*time.Hour).Truncate(time.Millisecond)
			switch random.IntN(4) {
			case 0:
				add(unit, at, "purchase", int64(random.IntN(20_000))*10_000, "", "")
			default:
				add(unit, at, []string{"view", "search", "error"}[random.IntN(3)], nil, "", "")
			}
		}
	}
	random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	const batch = 2_000
	for i := range rows {
		rows[i][1] = int64(i/batch + 1)
	}
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"tracked"}, []string{
			"day", "batch", "shard", "id", "unit_type", "unit_id", "at", "name", "value", "experiment", "variation", "position", "attributes",
		}, pgx.CopyFromRows(rows))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update track_head set batch = $1, day = now() at time zone 'UTC'`, (len(rows)+batch-1)/batch)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := l.Superuser(b).Exec(ctx, `vacuum analyze tracked`); err != nil {
		b.Fatal(err)
	}
	return len(rows)
}

// prepare makes the experiments, and returns what is evaluated.
func (c crowd) prepare(b *testing.B, l ledgertest.Ledger, pool *pgxpool.Pool) *evaluator.Snapshot {
	store := l.Store(b)
	s := commands.New(store)
	call := commands.Call{Meta: eventstore.Meta{Actor: "Ada"}}
	for _, doc := range []string{
		`{"key":"buys","name":"Buys","kind":"conversion","event":"purchase"}`,
		`{"key":"revenue","name":"Revenue","kind":"sum","event":"purchase","cap":500}`,
		`{"key":"spend","name":"Spend","kind":"sum","event":"purchase","cuped":true}`,
		`{"key":"views","name":"Views","kind":"count","event":"view","window_hours":72}`,
		`{"key":"basket","name":"Basket","kind":"mean","event":"purchase"}`,
		`{"key":"errors","name":"Errors","kind":"ratio","event":"error","denominator":"view"}`,
	} {
		if _, err := s.CreateResource(b.Context(), call, domain.KindMetric, []byte(doc)); err != nil {
			b.Fatal(err)
		}
	}
	for n := range c.experiments {
		sum := "revenue"
		if n == 0 {
			sum = "spend"
		}
		doc := fmt.Sprintf(`{"key":"e%d","name":"E","metrics":[{"metric":"buys","role":"primary"},{"metric":"%s","role":"secondary"},
			{"metric":"views","role":"secondary"},{"metric":"basket","role":"secondary"},{"metric":"errors","role":"guardrail"}]}`, n, sum)
		made, err := s.CreateExperiment(b.Context(), call, []byte(doc))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.SetStatus(b.Context(), call, made.Key, "active"); err != nil {
			b.Fatal(err)
		}
	}
	follower := projections.NewFollower(store, pool, nil)
	if err := follower.CatchUp(b.Context()); err != nil {
		b.Fatal(err)
	}
	snapshot, faults := evaluator.Compile(follower.View().Document())
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	return snapshot
}
