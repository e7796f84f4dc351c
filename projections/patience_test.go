package projections_test

import (
	"sync"
	"testing"
	"time"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

// Who reads the whole ledger may think about it for longer than a session may
// hold a transaction open and say nothing.
func TestReadersMayThinkForLong(t *testing.T) {
	t.Parallel()
	l := ledgertest.New(t)
	l.Fill(t, ledgertest.Filling{Records: 500})
	const limit = 300 * time.Millisecond
	pool, err := eventstore.Open(t.Context(), l.Owner+"&idle_in_transaction_session_timeout="+limit.String(), eventstore.PoolConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	var thought sync.Once // afterwards a replay holds the append lock, and must be quick
	replay := projections.ReplayOptions{Progress: func(_, _ int64) { thought.Do(func() { time.Sleep(2 * limit) }) }}
	if _, err := projections.Replay(t.Context(), pool, projections.Tables(), replay); err != nil {
		t.Errorf("replay: %v", err)
	}
	verify := projections.VerifyOptions{Progress: func(_, _ int64) { time.Sleep(2 * limit) }}
	got, err := projections.Verify(t.Context(), pool, verify)
	if err != nil || !got.OK() {
		t.Errorf("verify: %+v %v", got, err)
	}
}
