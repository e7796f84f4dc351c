package bench

import (
	"context"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/projections"
)

// Verify checks 200,000 records a second or more: chain, versions, time, reports
// and, in the end, every read model.
func BenchmarkVerify(b *testing.B) {
	l := durable(b)
	n := sized(200_000, 5_000)
	l.FillAndReplay(b, ledgertest.Filling{Records: n})
	pool := l.Pool(b)
	var rates []float64
	for b.Loop() {
		start := time.Now()
		got, err := projections.Verify(context.Background(), pool, projections.VerifyOptions{})
		if err != nil || !got.OK() || got.Records != int64(n) {
			b.Fatalf("%+v %v", got, err)
		}
		rates = append(rates, float64(n)/time.Since(start).Seconds())
	}
	b.ReportMetric(median(rates), "records/s")
}

// A replay of 1,000,000 records into all read models takes less than 60 s, and
// makes writers wait for less than 50 ms.
func BenchmarkReplay(b *testing.B) {
	l := durable(b)
	n := sized(1_000_000, 5_000)
	l.Fill(b, ledgertest.Filling{Records: n})
	owner := l.OwnerPool(b)
	var times, blocked []float64
	for b.Loop() {
		start := time.Now()
		got, err := projections.Replay(context.Background(), owner, projections.Tables(), projections.ReplayOptions{})
		if err != nil || got.Records != int64(n) {
			b.Fatalf("%+v %v", got, err)
		}
		times, blocked = append(times, time.Since(start).Seconds()), append(blocked, got.Blocked.Seconds())
	}
	b.ReportMetric(median(times), "replay-s")
	b.ReportMetric(quantile(blocked, 1)*1e3, "blocked-ms")
}

// A daily report, today's and a final one, is read as fast with 1,000,000
// records in the ledger as with 10,000, give or take a fifth.
func BenchmarkDailyReport(b *testing.B) {
	server := pgtest.Dedicated(b, nil)
	read := func(database string, records int) func(domain.Date) {
		l := ledgertest.Migrate(b, server.URL("postgres", create(b, server, database)))
		l.FillAndReplay(b, ledgertest.Filling{Records: records, Daily: sized(1_000, 100), Experiments: 500})
		p := serve(b, l, "")
		return func(day domain.Date) {
			if got, err := p.queries.DailyReport(context.Background(), day); err != nil || got.TotalChanges == 0 {
				b.Fatalf("%+v %v", got, err)
			}
		}
	}
	small := read("small", sized(10_000, 1_000))
	large := read("large", sized(1_000_000, 10_000))
	today := domain.DateOf(time.Now())
	b.Run("today", func(b *testing.B) {
		latency(b, func(int) { small(today) }, func(int) { large(today) })
	})
	b.Run("final", func(b *testing.B) {
		latency(b, func(int) { small(today - 1) }, func(int) { large(today - 1) })
	})
}

func create(b *testing.B, server *localpg.Server, database string) string {
	b.Helper()
	if _, err := open(b, server.URL("postgres", "postgres"), 1).Exec(context.Background(), "create database "+database); err != nil {
		b.Fatal(err)
	}
	return database
}
