package eventstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
)

// A store that decides before it has the lock must notice all that came between.
func TestDecidingAheadOfTheLock(t *testing.T) {
	l := ledgertest.New(t)
	a, b := l.Store(t), l.Store(t)
	n := 0
	for _, tt := range []struct {
		name   string
		offset time.Duration
		before func()
	}{
		{"alone", 0, func() {}},
		{"another store appended", 0, func() { execute(t, b, createMetric("between")) }},
		{"the clock went on", 26 * time.Hour, func() { l.SetClock(t, 26*time.Hour) }},
		{"a little", 26*time.Hour + 500*time.Millisecond, func() { l.SetClock(t, 26*time.Hour+500*time.Millisecond) }},
		{"the clock went back", 26*time.Hour + 500*time.Millisecond, func() { l.SetClock(t, -time.Hour) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 3 { // from the third on it knows that it is alone
				n++
				execute(t, a, createMetric(fmt.Sprint("m", n)))
			}
			last := all(t, a)
			tt.before()
			n++
			earliest := time.Now().Add(tt.offset - 255*time.Millisecond)
			if tt.name == "the clock went back" {
				earliest = last[len(last)-1].RecordedAt
			}
			got := execute(t, a, createMetric(fmt.Sprint("m", n))).Records[0].RecordedAt
			if got.Before(earliest) || got.After(time.Now().Add(tt.offset)) {
				t.Errorf("recorded at %v, want %v or later", got, earliest)
			}
		})
	}
	if got := verify(t, l); got != int64(n)+1 {
		t.Errorf("%d records, want %d", got, n+1)
	}
}

// Under the lock the time is what the clock said first, wherever it goes then.
func TestTheClockMovesUnderTheLock(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	for i, offset := range []time.Duration{26 * time.Hour, -time.Hour} {
		cmd := createMetric(fmt.Sprint("m", i))
		decide := cmd.Decide
		cmd.Meta.IdempotencyKey = fmt.Sprint(i) // decided under the lock
		cmd.Decide = func(tx *eventstore.Tx) (any, error) {
			l.SetClock(t, offset)
			return decide(tx)
		}
		if at := execute(t, s, cmd).Records[0].RecordedAt; time.Until(at).Abs() > 27*time.Hour {
			t.Errorf("recorded at %v", at)
		}
	}
	verify(t, l)
}
