package intake_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/intake"
)

// Random batches, with ids that come again within and across requests, to two
// replicas whose sessions end at random, each sent until it is acknowledged: every
// id is stored once, whole, and batches are dense.
func TestEachIDIsStoredOnce(t *testing.T) {
	l := ledgertest.New(t)
	// Much that is refused at once, so that it is also tried in halves.
	if _, err := l.Superuser(t).Exec(t.Context(), `alter table tracked add constraint palatable check (name <> 'poison')`); err != nil {
		t.Fatal(err)
	}
	replicas := []*intake.Intake{started(t, l, intake.Config{}), started(t, l, intake.Config{Writers: 3})}
	admin := l.OwnerPool(t)
	acked := map[uuid.UUID]bool{} // of all rounds
	round := byte(0)
	rapid.Check(t, func(t *rapid.T) {
		round++
		event := rapid.Custom(func(t *rapid.T) tracking.Event {
			e := purchase(rapid.IntRange(0, 40).Draw(t, "id"))
			e.ID[2], e.ID[3] = round, byte(rapid.IntRange(0, 1).Draw(t, "more"))
			e.Name = rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "poison"}).Draw(t, "name")
			if rapid.Bool().Draw(t, "known") {
				e.Units = map[string]string{"device": "d", "household": fmt.Sprint("h", e.ID[1]%7)}
			}
			return e
		})
		var mu sync.Mutex
		stored := 0
		var senders sync.WaitGroup
		for i, requests := range rapid.SliceOfN(rapid.SliceOfN(rapid.SliceOfN(event, 0, 12), 1, 3), 2, 4).Draw(t, "senders") {
			senders.Go(func() {
				for _, events := range requests {
					got := untilStored(t, replicas[i%2], events)
					mu.Lock()
					stored += got.New
					maps.Copy(acked, acknowledged(events, got))
					mu.Unlock()
				}
			})
		}
		for range rapid.IntRange(0, 3).Draw(t, "kills") {
			_, err := admin.Exec(context.Background(), `select pg_terminate_backend(pid) from pg_stat_activity
				where datname = current_database() and usename like 'app\_%' and state <> 'idle'`)
			if err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
		senders.Wait()
		if stored > 82 {
			t.Errorf("%d new ids of 82", stored)
		}
	})
	checkStored(t, l, acked)
	if n := count(t, l, `select count(*) from (select id from tracked group by id having count(*) not in (1, 3) or count(distinct (name, batch)) > 1) s`); n != 0 {
		t.Errorf("%d events are not whole", n)
	}
}

// untilStored sends events as a client does: until it is told what became of them.
func untilStored(t *rapid.T, in *intake.Intake, events []tracking.Event) tracking.Stored {
	for {
		got, err := in.Store(context.Background(), events)
		switch {
		case errors.Is(err, tracking.ErrDown):
			continue
		case err != nil:
			t.Error(err)
		case got.New+got.Duplicates+len(got.Refused) != len(events):
			t.Errorf("%+v of %d", got, len(events))
		}
		return got
	}
}

// acknowledged are the ids of all but the refused.
func acknowledged(events []tracking.Event, got tracking.Stored) map[uuid.UUID]bool {
	refused := map[int]bool{}
	for _, r := range got.Refused {
		refused[r.Index] = true
	}
	ids := map[uuid.UUID]bool{}
	for i := range events {
		if !refused[i] {
			ids[events[i].ID] = true
		}
	}
	return ids
}
