package fold_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

// TestARebuildTakesOverWhenItCan is kept from it, while there is something to do and
// when there no longer is, by who holds on to the generation that serves.
func TestARebuildTakesOverWhenItCan(t *testing.T) {
	b := newBench(t)
	id := b.experiment(t, uuid.New(), tally.Plan{UnitType: "user_id", Variations: []string{"control", "a"}, Dimensions: []string{}})
	b.oracle.facts = visits(id, 0, 10)
	ledgertest.Run(t, b.folder(t).Run)
	b.track(t, b.oracle.facts)
	b.settled(t, id, 1)
	conn := b.ledger.Superuser(t)
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select from track_rounds where state = 'serving' for update`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	rebuilt := make(chan error, 1)
	go func() {
		_, err := fold.New(b.pool, b.oracle, fold.Config{Poll: 2 * time.Millisecond}).Rebuild(ctx, nil)
		rebuilt <- err
	}()
	for b.rows(t, `select batch from track_rounds where state = 'building'`) != "(1)" {
		if ctx.Err() != nil {
			t.Fatal("it is not counted again")
		}
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-rebuilt; err != nil {
		t.Errorf("it has not taken over: %v", err)
	}
}
