package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/queries"
	"github.com/assaylabs/assay/tracking/derive"
)

// BenchmarkExplain explains what a unit gets at random positions of a ledger of
// 100,000 records with 1,000 experiments: of one of them, and of all.
func BenchmarkExplain(b *testing.B) {
	l := durable(b)
	records := sized(100_000, 5_000)
	l.FillAndReplay(b, ledgertest.Filling{Records: records})
	pool := l.Pool(b)
	store := eventstore.New(pool, eventstore.Config{Inline: projections.Inline{}})
	service := queries.New(store, projections.NewFollower(store, pool, nil), nil, pool, derive.New(pool))
	random := rand.New(rand.NewPCG(1, 2))
	ask := func(b *testing.B, experiment string) {
		b.Helper()
		times := []float64{}
		for b.Loop() {
			q := queries.Question{
				Unit: fmt.Sprint(random.Int()), Attributes: map[string]any{"country": "US", "app_version": "3.0.0"}, Experiment: experiment,
				Moment: queries.Moment{Position: int64(records/2 + random.IntN(records/2))},
			}
			start := b.Elapsed()
			got, err := service.Explain(context.Background(), q)
			if err != nil || len(got.Explanations) == 0 {
				b.Fatal(got, err)
			}
			times = append(times, (b.Elapsed() - start).Seconds())
		}
		b.ReportMetric(median(times)*1e3, "median-ms")
		b.ReportMetric(quantile(times, 0.99)*1e3, "p99-ms")
	}
	var key string
	if err := pool.QueryRow(context.Background(), "select key from experiments where not deleted order by version desc limit 1").Scan(&key); err != nil {
		b.Fatal(err)
	}
	b.Run("one", func(b *testing.B) { ask(b, key) })
	b.Run("all", func(b *testing.B) { ask(b, "") })
}
