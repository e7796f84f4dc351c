package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

// BenchmarkResults reads over HTTP what two experiments have shown, with 100,000
// and 10,000,000 events of 10 a unit, over 30 days, by five metrics of as many
// kinds: just after something was tracked, and at rest; with a look at the end of
// each of 40 days too, and then the first time, when the boundaries are not known
// yet. They take turns.
func BenchmarkResults(b *testing.B) {
	l := durable(b)
	p := serve(b, l, "")
	pool := open(b, l.Owner, 2)
	c := p.dial(b)
	p.defineMetrics(b)
	few, many := p.history(b, pool, "few", 100_000, 0), p.history(b, pool, "many", 10_000_000, 0)
	fewLooks, manyLooks := p.history(b, pool, "few-looks", 100_000, 40), p.history(b, pool, "many-looks", 10_000_000, 40)
	for _, tt := range []struct {
		name      string
		few, many string
		fresh     bool
	}{
		{"afterEvents", few, many, true},
		{"atRest", few, many, false},
		{"looks/afterEvents", fewLooks, manyLooks, true},
		{"looks/atRest", fewLooks, manyLooks, false},
	} {
		b.Run(tt.name, func(b *testing.B) {
			first := c.results(b, tt.many)
			var small, large []float64
			for b.Loop() {
				for range 10 {
					if tt.fresh {
						execute(b, pool, `update track_rounds set batch = batch + 1, target = target + 1 where state = 'serving'`)
					}
					small = append(small, c.results(b, tt.few))
					large = append(large, c.results(b, tt.many))
				}
			}
			b.ReportMetric(first*1e3, "first-ms")
			b.ReportMetric(median(small)*1e3, "100k-ms")
			b.ReportMetric(median(large)*1e3, "10M-ms")
			b.ReportMetric(quantile(large, 0.99)*1e3, "10M-p99-ms")
			b.ReportMetric(median(large)/median(small), "x_100k")
		})
	}
}

func execute(b *testing.B, pool *pgxpool.Pool, sql string, args ...any) {
	b.Helper()
	if _, err := pool.Exec(context.Background(), sql, args...); err != nil {
		b.Fatal(err)
	}
}

// results is how long the results of an experiment take, in seconds.
func (c *client) results(b *testing.B, key string) float64 {
	start := time.Now()
	c.send(b, "GET", "/experiments/"+key+"/results", nil, http.StatusOK)
	return time.Since(start).Seconds()
}

func (p *plane) defineMetrics(b *testing.B) {
	b.Helper()
	for _, body := range []string{
		`{"name":"Buys","event":"buy"}`, `{"name":"Orders","event":"buy","kind":"count"}`, `{"name":"Spend","event":"buy","kind":"sum","cuped":true}`,
		`{"name":"Basket","event":"buy","kind":"mean"}`, `{"name":"Speed","event":"load","kind":"quantile","quantile":0.9,"goal":"decrease"}`,
	} {
		if _, err := p.commands.CreateResource(context.Background(), commands.Call{}, domain.KindMetric, []byte(body)); err != nil {
			b.Fatal(err)
		}
	}
}

// history makes an experiment that had so many events, as if they had been
// counted, with a planned end after so many days if any.
func (p *plane) history(b *testing.B, pool *pgxpool.Pool, key string, events, maxDays int) string {
	b.Helper()
	ctx := context.Background()
	analysis := `{"dimensions":["country"]}`
	if maxDays > 0 {
		analysis = fmt.Sprintf(`{"dimensions":["country"],"max_days":%d}`, maxDays)
	}
	made, err := p.commands.CreateExperiment(ctx, commands.Call{}, []byte(`{"name":"`+key+`","metrics":[
		{"metric":"buys","role":"primary"},{"metric":"orders","role":"secondary"},{"metric":"spend","role":"secondary"},
		{"metric":"basket","role":"secondary"},{"metric":"speed","role":"guardrail"}],"analysis":`+analysis+`}`))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := p.commands.SetStatus(ctx, commands.Call{}, key, string(domain.Active)); err != nil {
		b.Fatal(err)
	}
	past := fold.Past{Pool: pool, Deriver: derive.New(pool)}
	plan, err := past.Plan(ctx, made.Position+1, made.ID, 1)
	if err != nil {
		b.Fatal(err)
	}
	doc, err := json.Marshal(plan)
	if err != nil {
		b.Fatal(err)
	}
	var number int64
	err = pool.QueryRow(ctx, `insert into track_plans (generation, experiment_id, phase, position, doc, state)
		values (1, $1, 1, $2, $3, 'serving') returning plan`, made.ID, made.Position+1, doc).Scan(&number)
	if err != nil {
		b.Fatal(err)
	}
	rows := cellsOf(number, int64(events))
	columns := []string{"plan", "metric", "variation", "epoch", "dimension", "value", "day", "n", "sums", "sketch"}
	if _, err := pool.CopyFrom(ctx, pgx.Identifier{"track_cells"}, columns, pgx.CopyFromRows(rows)); err != nil {
		b.Fatal(err)
	}
	execute(b, pool, `analyze track_cells`)
	return key
}

// cellsOf are the cells of a month and of twenty countries.
func cellsOf(plan, events int64) (rows [][]any) {
	const days, countries, perUnit = 30, 20, 10
	bounds := tally.NewBounds()
	add := func(metric string, variation int, dimension, value string, day time.Time, n int64, sums []int64, sketch []byte) {
		numerics := make([]pgtype.Numeric, len(sums))
		for i, x := range sums {
			numerics[i] = pgtype.Numeric{Int: big.NewInt(x), Valid: true}
		}
		rows = append(rows, []any{plan, metric, int16(variation), int32(0), dimension, value, day, n, numerics, sketch})
	}
	part := func(variation int, dimension, value string, day time.Time, n int64) {
		const one, square = 1_000_000, 1_000_000_000_000
		buys := n/10 + n*int64(variation)/200
		add("", variation, dimension, value, day, n, nil, nil)
		add("buys", variation, dimension, value, day, n, []int64{buys * one, buys * square}, nil)
		add("orders", variation, dimension, value, day, n, []int64{buys * 2 * one, buys * 6 * square}, nil)
		add("spend", variation, dimension, value, day, n, []int64{buys * 30 * one, buys * 1200 * square, 0, 0, 0, buys * 29 * one, buys * 1190 * square, buys * 600 * square}, nil)
		add("basket", variation, dimension, value, day, n, []int64{buys * 30 * one, buys * 1200 * square, buys * 2 * one, buys * 6 * square, buys * 70 * square}, nil)
		s := tally.Sketch{}
		for i := range int64(60) {
			loads := max(n*5/60, 1)
			s[bounds.Bucket((100+5*i)*one)] = tally.Bucket{Events: loads, Squares: loads * (2 + i/8), Products: loads * 9}
		}
		add("speed", variation, dimension, value, day, n, nil, s.Append(nil))
	}
	for variation := range 2 {
		for day := range days {
			part(variation, "", "", time.Date(2026, 3, 1+day, 0, 0, 0, 0, time.UTC), events/perUnit/2/days)
		}
		for country := range countries {
			part(variation, "country", fmt.Sprint("C", country), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), events/perUnit/2/countries)
		}
	}
	return rows
}
