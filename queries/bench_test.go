package queries

import (
	"fmt"
	"strings"
	"testing"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
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

// A calendar of 400 closed days, on each of which 50 experiments changed, in short
// and in full.
func BenchmarkDaysOfAYear(b *testing.B) {
	s := newStack(b)
	const many = `
		update event_head set began_at = date_trunc('day', now()) - interval '400 days';
		insert into daily_state select d, 10, 20, 50, 100, 1, 2, decode(repeat('00', 32), 'hex')
			from generate_series(current_date - 399, current_date, '1 day') d;
		insert into daily_reports select d, json_build_object('date', d::date, 'final', true, 'active', 10, 'inactive', 20,
				'changed_experiments', 50, 'total_changes', 100, 'from_position', 1, 'to_position', 2, 'checkpoint', '2:' || repeat('0', 64),
				'experiments', (select json_agg(json_build_object('experiment_id', gen_random_uuid(), 'key', 'checkout-button-' || i,
					'name', 'Checkout button ' || i, 'changes', 2)) from generate_series(1, 50) i)), 1
			from generate_series(current_date - 399, current_date - 1, '1 day') d;
		analyze`
	if _, err := s.ledger.Superuser(b).Exec(b.Context(), many); err != nil {
		b.Fatal(err)
	}
	today, err := s.store.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	to := domain.DateOf(today.Now)
	from := to - maxDays + 1
	b.Run("short", func(b *testing.B) {
		for b.Loop() {
			if all, err := s.DailySummaries(b.Context(), from, to); err != nil || len(all) != maxDays || !all[0].Final || all[0].ChangedExperiments != 50 {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("full", func(b *testing.B) {
		for b.Loop() {
			if all, err := s.DailyReports(b.Context(), from, to); err != nil || len(all) != maxDays || len(all[0].Experiments) != 50 {
				b.Fatal(len(all), err)
			}
		}
	})
}

// A list of 1,000 experiments as it stood, from the ledger.
func BenchmarkListThen(b *testing.B) {
	ledger := ledgertest.New(b)
	const records = 100_000
	ledger.FillAndReplay(b, ledgertest.Filling{Records: records})
	s := stackOn(b, ledger, redistest.Memory(b).URL())
	for b.Loop() {
		list, err := s.Experiments(b.Context(), ListOptions{Limit: MaxLimit, Moment: Moment{Position: records / 2}})
		if err != nil || len(list.Items) < MaxLimit/2 {
			b.Fatal(len(list.Items), err)
		}
	}
}

// All of 1,000 experiments at a glance: as it was made before, and made anew.
func BenchmarkOverview(b *testing.B) {
	ledger := ledgertest.New(b)
	ledger.FillAndReplay(b, ledgertest.Filling{Records: 20_000, Experiments: MaxLimit})
	s := stackOn(b, ledger, redistest.Memory(b).URL())
	s.settle(b)
	ledgertest.Run(b, s.Watch)
	for name, anew := range map[string]bool{"known": false, "anew": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if anew {
					s.overview.made.Body = nil
				}
				if got, err := s.Overview(b.Context()); err != nil || len(got.Body) < 100*MaxLimit {
					b.Fatal(len(got.Body), err)
				}
			}
		})
	}
}
