// Package bench measures what Assay promises about speed, each promise beside
// its floor on the same server in the same run. README.md has the figures.
package bench

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// durable is a ledger on a server of its own that waits for the disk.
func durable(b *testing.B) ledgertest.Ledger {
	b.Helper()
	server := pgtest.Dedicated(b, nil)
	return ledgertest.Migrate(b, server.URL("postgres", "postgres"))
}

// sized is n, or the smaller one where only a look at the benchmark is wanted.
func sized(n, short int) int {
	if testing.Short() {
		return short
	}
	return n
}

// insertFloor is what there is to compare with: a bare one-row INSERT in its own
// commit, on one of so many connections.
func insertFloor(b *testing.B, l ledgertest.Ledger, connections int) func(int) {
	b.Helper()
	ctx := context.Background()
	pool := open(b, l.Owner, connections)
	_, err := pool.Exec(ctx, `create table floor (id bigserial primary key, stream text, data json, at timestamptz default now())`)
	if err != nil {
		b.Fatal(err)
	}
	return func(int) {
		_, err := pool.Exec(ctx, `insert into floor (stream, data) values ($1, $2)`,
			"experiment/0193", `{"old_status":"inactive","new_status":"active"}`)
		if err != nil {
			b.Error(err)
		}
	}
}

func open(b *testing.B, url string, connections int) *pgxpool.Pool {
	b.Helper()
	pool, err := eventstore.Open(context.Background(), url, eventstore.PoolConfig{MaxConns: connections})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return pool
}

// throughput compares how often claim and floor run in a second, each from so
// many goroutines, which are numbered. They take turns, so that whatever else
// the machine does hits both; the median round counts.
func throughput(b *testing.B, callers int, floor, claim func(caller int)) {
	b.Helper()
	calls := sized(256, 4)
	rate := func(f func(int)) float64 {
		start := time.Now()
		var wg sync.WaitGroup
		for caller := range callers {
			wg.Go(func() {
				for range calls {
					f(caller)
				}
			})
		}
		wg.Wait()
		return float64(callers*calls) / time.Since(start).Seconds()
	}
	rounds(b, func() float64 { return rate(floor) }, func() float64 { return rate(claim) }, "floor/s", "claim/s")
}

// rounds takes the rates of floor and claim by turns, after one of each that does
// not count, and reports the medians by their units.
func rounds(b *testing.B, floor, claim func() float64, floorUnit, claimUnit string) {
	b.Helper()
	floor()
	claim()
	var floors, claims, ratios []float64
	for b.Loop() {
		f, c := floor(), claim()
		floors, claims, ratios = append(floors, f), append(claims, c), append(ratios, c/f)
	}
	b.ReportMetric(median(floors), floorUnit)
	b.ReportMetric(median(claims), claimUnit)
	b.ReportMetric(median(ratios), "x_floor")
}

// latency compares the median times of one call, made alone, in two ways. By turns
// of one call, floor and claim find the disk rested the same: one that a hypervisor
// looks after answers a commit twice as fast when the last was less than 0.2 ms
// ago, which only floors that follow each other are. In a row each has what it used
// last still in the processor's caches, and the floor that disk.
func latency(b *testing.B, floor, claim func(int)) {
	b.Helper()
	turns := sized(100, 2)
	for range 3 * turns { // Postgres plans anew for the first few, and caches fill
		floor(0)
		claim(0)
	}
	timed := func(f func(int), all *[]float64) {
		start := time.Now()
		f(0)
		*all = append(*all, time.Since(start).Seconds()*1e6)
	}
	var floors, claims, floorsInARow, claimsInARow []float64
	for b.Loop() {
		for range turns {
			timed(floor, &floors)
			timed(claim, &claims)
		}
		for range turns {
			timed(floor, &floorsInARow)
		}
		for range turns {
			timed(claim, &claimsInARow)
		}
	}
	b.ReportMetric(median(floors), "floor-us")
	b.ReportMetric(median(claims), "claim-us")
	b.ReportMetric(median(claims)/median(floors), "x_floor")
	b.ReportMetric(median(floorsInARow), "row-floor-us")
	b.ReportMetric(median(claimsInARow), "row-claim-us")
	b.ReportMetric(median(claimsInARow)/median(floorsInARow), "row-x_floor")
}

func median(values []float64) float64 { return quantile(values, 0.5) }

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
