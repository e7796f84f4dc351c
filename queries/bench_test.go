package queries

import (
	"fmt"
	"strings"
	"testing"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/redistest"
)

// A list of 1,000 experiments of 2 KB, from each source.
func BenchmarkList(b *testing.B) {
	s := stackOn(b, ledgertest.New(b), redistest.Real(b).URL())
	var batch []commands.BatchCommand
	for i := range MaxLimit {
		batch = append(batch, commands.BatchCommand{Op: "create", Body: fmt.Appendf(nil,
			`{"name":"Experiment %d","tags":["a","b"],"description":%q}`, i, strings.Repeat("why ", 330))})
	}
	if _, err := s.commands.Batch(b.Context(), commands.Call{}, batch); err != nil {
		b.Fatal(err)
	}
	s.settle(b)
	for source, read := range map[string]func(*listing) (List, error){
		FromRedis: func(l *listing) (List, error) {
			list, ok := s.listRedis(b.Context(), l)
			if !ok {
				b.Fatal("Redis was not read")
			}
			return list, nil
		},
		FromPostgres: func(l *listing) (List, error) { return s.listPostgres(b.Context(), l) },
		FromMemory:   s.listMemory,
	} {
		b.Run(source, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l, err := newListing(ListOptions{Limit: MaxLimit})
				if err != nil {
					b.Fatal(err)
				}
				list, err := read(l)
				if err != nil || len(list.Items) != MaxLimit || len(list.Items[0]) < 1_900 {
					b.Fatal(len(list.Items), len(list.Items[0]), err)
				}
			}
		})
	}
}
