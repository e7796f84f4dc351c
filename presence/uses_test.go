package presence

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestUses(t *testing.T) {
	u := NewUses()
	start := time.UnixMilli(1_800_000_000_000).UTC()
	id := func(i int) uuid.UUID { return uuid.UUID{15: byte(i)} }
	for i := range 10 {
		u.Of(id(i)).Note(start.Add(time.Duration(i) * time.Minute))
	}
	u.Of(id(0)).Note(start.Add(time.Hour))
	u.Of(id(0)).Note(start.Add(time.Hour + markEvery/2)) // too soon to be told apart
	u.Of(id(99))                                         // never used
	if !u.Newest().Equal(start.Add(9 * time.Minute)) {
		t.Errorf("the newest came at %v", u.Newest())
	}
	if all := u.Since(time.Time{}, 100); len(all) != 10 {
		t.Errorf("%+v", all)
	}
	got := u.Since(start.Add(30*time.Minute), 100)
	if want := (Use{id(0), start, start.Add(time.Hour)}); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	// Those that are new are told first, whoever else is left out.
	for range 20 {
		got := u.Since(start.Add(8*time.Minute), 2)
		if len(got) != 2 || got[0].KeyID == id(0) || got[1].KeyID == id(0) {
			t.Fatalf("%+v", got)
		}
	}
	var nobody *Uses
	nobody.Of(id(1)).Note(start)
}

func TestNotingAUseAllocatesNothing(t *testing.T) {
	mark, now := NewUses().Of(uuid.UUID{1}), time.Now()
	if n := testing.AllocsPerRun(100, func() { now = now.Add(time.Second); mark.Note(now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
