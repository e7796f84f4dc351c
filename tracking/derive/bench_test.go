package derive_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/tracking/derive"
)

// BenchmarkDerive judges exposures of 1,000 experiments over 100,000 records: at
// the end of the ledger, and at any position that a client may think of.
func BenchmarkDerive(b *testing.B) {
	const records, experiments = 100_000, 1_000
	l := ledgertest.New(b)
	l.Fill(b, ledgertest.Filling{Records: records, Experiments: experiments})
	d := derive.New(l.Pool(b))
	first := derive.Exposure{Experiment: "x", Variation: "control", Unit: "u", Position: records}
	derived(b, d, first)
	attributes := []byte(`{"country":"US","app_version":"2.2000.0","plan":"pro","age":42,"new":false}`)
	for _, tt := range []struct {
		name       string
		from       int64
		attributes []byte
	}{{"Now", records, nil}, {"Random", 1, nil}, {"NowWithAttributes", records, attributes}, {"RandomWithAttributes", 1, attributes}} {
		b.Run(tt.name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			batch := make([]derive.Exposure, 10_000)
			for i := range batch {
				batch[i] = derive.Exposure{
					Experiment: fmt.Sprint("checkout-", 5+random.IntN(experiments)), Variation: "control", Unit: fmt.Sprint("u", random.IntN(1_000_000)),
					Position: tt.from + random.Int64N(records-tt.from+1), Attributes: tt.attributes,
				}
			}
			b.ReportAllocs()
			done := 0
			for b.Loop() {
				derived(b, d, batch...)
				done += len(batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/exposure")
		})
	}
}
