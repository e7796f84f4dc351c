package warehouse_test

import (
	"testing"

	"github.com/assaylabs/assay/internal/tallymodel"
	"github.com/assaylabs/assay/tracking/tally"
	"github.com/assaylabs/assay/tracking/warehouse"
)

// BenchmarkCount counts a metric of each kind over 20,000 units and 200,000
// events of two weeks.
func BenchmarkCount(b *testing.B) {
	conn := shop(b)
	events := 200_000
	if testing.Short() {
		events = 20_000
	}
	begin := tallymodel.Epoch()
	if _, err := conn.Exec(b.Context(), `insert into shop."Shown to"
		select gen_random_uuid(), 'u' || n, null, $1::timestamptz + n * interval '50 seconds', $2, case when n % 2 = 0 then 'control' else 'treatment' end, 'CH', 'true'
		from generate_series(1, 20000) n`, begin, study(plan()).Experiment); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(b.Context(), `insert into shop.orders
		select 'u' || (1 + n * 7919::bigint % 20000), null, $1::timestamptz + n * interval '6 seconds', n % 1000 + 0.25
		from generate_series(1, $2) n`, begin, events); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(b.Context(), "vacuum analyze"); err != nil {
		b.Fatal(err)
	}
	for _, m := range []tally.Metric{
		{Kind: "conversion"}, {Kind: "sum", CUPED: true}, {Kind: "mean", WindowHours: 48}, {Kind: "ratio", Denominator: "buy"}, {Kind: "quantile", Quantile: 0.9},
	} {
		m.Key, m.Event = "m", "buy"
		b.Run(m.Kind, func(b *testing.B) {
			for b.Loop() {
				cells, err := warehouse.Count(b.Context(), conn, parsed(b), study(plan(m)))
				if err != nil || len(cells) < 10 {
					b.Fatal(len(cells), err)
				}
			}
			b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
