package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// callers is the concurrency of the group-commit claims.
const callers = 32

// durable is a ledger on a server of its own that waits for the disk.
func durable(b *testing.B) ledgertest.Ledger {
	b.Helper()
	server := pgtest.Dedicated(b, nil)
	return ledgertest.Migrate(b, server.URL("postgres", "postgres"))
}

// insertFloor is what there is to compare with: a bare one-row INSERT, each in
// its own commit.
func insertFloor(b *testing.B, pool *pgxpool.Pool) func(i int) {
	b.Helper()
	ctx := context.Background()
	_, err := pool.Exec(ctx, `create table if not exists floor (id bigserial primary key, stream text, data json, at timestamptz default now())`)
	if err != nil {
		b.Fatal(err)
	}
	return func(int) {
		_, err := pool.Exec(ctx, `insert into floor (stream, data) values ($1, $2)`, "experiment/0193", `{"old_status":"inactive","new_status":"active"}`)
		if err != nil {
			b.Error(err)
		}
	}
}

// toggles makes n experiments and returns what switches the i-th over.
func toggles(b *testing.B, s *commands.Service, n int) func(i int) {
	b.Helper()
	ctx := context.Background()
	status := make([]atomic.Bool, n)
	for i := range n {
		if _, err := s.CreateExperiment(ctx, commands.Call{}, fmt.Appendf(nil, `{"name":"e%d"}`, i)); err != nil {
			b.Fatal(err)
		}
	}
	call := commands.Call{Meta: eventstore.Meta{Actor: "bench", Reason: "bench", RequestID: "r", CorrelationID: "c"}}
	return func(i int) {
		to := "active"
		if status[i%n].Swap(!status[i%n].Load()) {
			to = "inactive"
		}
		if _, err := s.SetStatus(ctx, call, fmt.Sprintf("e%d", i%n), to); err != nil {
			b.Error(err)
		}
	}
}

// concurrently runs f b.N times from so many goroutines.
func concurrently(b *testing.B, n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for g := range n {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				f(g)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// 32 callers append at 1.5 times the rate of plain INSERTs or more.
func BenchmarkAppend(b *testing.B) {
	l := durable(b)
	pool, err := pgxpool.New(context.Background(), l.Owner+"&pool_max_conns=32")
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	insert, toggle := insertFloor(b, pool), toggles(b, l.Commands(b), callers)
	b.Run("floor", func(b *testing.B) { concurrently(b, callers, insert) })
	b.Run("append", func(b *testing.B) { concurrently(b, callers, toggle) })
	b.Run("floor-one", func(b *testing.B) { concurrently(b, 1, insert) })
	b.Run("append-one", func(b *testing.B) { concurrently(b, 1, toggle) })
}
