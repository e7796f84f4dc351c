package eventstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
)

// After a restore or a fail-over the ledger may hold another history than this
// process remembers, be it shorter, as long or longer. Commands then decide on
// what the ledger holds.
func TestARewrittenLedger(t *testing.T) {
	for _, anew := range []int{0, 2, 10} {
		t.Run(fmt.Sprint(anew, " records anew"), func(t *testing.T) {
			l := ledgertest.New(t)
			s := l.Store(t)
			execute(t, s, createMetric("kept"))
			backup(t, l)
			execute(t, s, createMetric("lost-1"))
			execute(t, s, createMetric("lost-2"))

			restore(t, l)
			other := l.Store(t)
			for i := range anew {
				execute(t, other, createMetric(fmt.Sprint("new-", i)))
			}
			done := execute(t, s, eventstore.Command{Decide: func(tx *eventstore.Tx) (any, error) {
				_, lost := tx.Catalog.Metrics.ByKey("lost-1")
				_, kept := tx.Catalog.Metrics.ByKey("kept")
				return fmt.Sprint("kept ", kept, ", lost ", lost, ", all ", tx.Catalog.Metrics.Len()), nil
			}})
			if want := fmt.Sprint("kept true, lost false, all ", anew+1); done.Answer != want {
				t.Errorf("the catalog has %s, want %s", done.Answer, want)
			}
			execute(t, s, createMetric("lost-1"))
			if n := verify(t, l); n != int64(anew)+2 {
				t.Errorf("%d records, want %d", n, anew+2)
			}
		})
	}
}

func backup(t testing.TB, l ledgertest.Ledger) {
	t.Helper()
	_, err := l.Superuser(t).Exec(t.Context(), `create schema backup;
		create table backup.events as table events;
		create table backup.head as table event_head;
		create table backup.resources as table resources;
		create table backup.days as table daily_state`)
	if err != nil {
		t.Fatal(err)
	}
}

func restore(t testing.TB, l ledgertest.Ledger) {
	t.Helper()
	_, err := l.Superuser(t).Exec(t.Context(), `begin;
		select from event_head for update;
		alter table events disable trigger all;
		delete from events; insert into events table backup.events;
		delete from event_head; insert into event_head table backup.head;
		delete from resources; insert into resources table backup.resources;
		delete from daily_state; insert into daily_state table backup.days;
		alter table events enable always trigger append_only;
		commit`)
	if err != nil {
		t.Fatal(err)
	}
}

// Read models that do not belong to the ledger stop commands: deciding on them
// could be wrong.
func TestReadModelsOfAnotherLedger(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	execute(t, s, createMetric("m"))
	if _, err := l.Superuser(t).Exec(t.Context(), `update resources set doc = '{"id":1}'`); err != nil {
		t.Fatal(err)
	}
	execute(t, s, createMetric("n")) // it remembers and need not look
	if _, err := l.Store(t).Execute(t.Context(), createMetric("o")); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}
