package feed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
)

// The first source that is of use serves; a better one takes over again.
func TestSourcesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newSource("first", at(5, "off")), newSource("second", at(7, "on"))
		first.fail()
		f := feed.New(feed.Config{}, first, second)
		if f.State() != nil || !f.Stale() || f.Age() != 0 {
			t.Error("something is served before anything was asked")
		}
		start(t, f)
		synctest.Wait()
		serves(t, f, 7, "on", "second")
		first.hold(at(8, "off"))
		time.Sleep(6 * time.Second)
		serves(t, f, 8, "off", "first")
		first.fail()
		time.Sleep(time.Minute)
		serves(t, f, 8, "off", "first")
		if got := f.Sources(); got[0].Up || !strings.Contains(got[0].Err, "down") || got[0].Failures == 0 || !got[1].Up {
			t.Errorf("sources %+v", got)
		}
		second.hold(at(9, "on"))
		time.Sleep(6 * time.Second)
		serves(t, f, 9, "on", "second")
	})
}

// A source that hangs is given up in time, and then not asked each time.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newSource("first", at(5, "off")), newSource("second", at(5, "off"))
		first.hang = true
		f := feed.New(feed.Config{Timeout: time.Second}, first, second)
		start(t, f)
		time.Sleep(10 * time.Second)
		asked := first.questions()
		for i := range 100 {
			second.hold(at(int64(6+i), "on"))
			second.tell(int64(6 + i))
			time.Sleep(time.Second / 10)
		}
		if n := first.questions() - asked; n > 5 {
			t.Errorf("asked %d times in 10 s, though it hangs", n)
		}
		time.Sleep(5 * time.Second)
		serves(t, f, 105, "on", "second")
	})
}

func TestNeverBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		only := newSource("only", at(9, "on"))
		f := feed.New(feed.Config{}, only)
		start(t, f)
		synctest.Wait()
		only.hold(at(8, "off"))
		only.tell(100)
		time.Sleep(time.Minute)
		serves(t, f, 9, "on", "only")
		if !f.Stale() {
			t.Error("not stale, though nothing confirms it")
		}
		if got := f.Sources()[0]; !got.Up || got.Err == "" {
			t.Errorf("source %+v", got)
		}
		// Who knows that the ledger was put back says so.
		only.give(&feed.Update{Document: at(8, "off"), Rewritten: true})
		time.Sleep(6 * time.Second)
		serves(t, f, 8, "off", "only")
		// The same position may hold something else too.
		other := at(8, "on")
		other.At = other.At.Add(time.Second)
		only.hold(other)
		time.Sleep(6 * time.Second)
		serves(t, f, 8, "on", "only")
	})
}

// A source that has lost its experiments is no news; one that tells of their
// deletion is.
func TestEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		only := newSource("only", at(3, "on"))
		f := feed.New(feed.Config{}, only)
		start(t, f)
		synctest.Wait()
		only.hold(evaluator.Document{Position: 50})
		time.Sleep(time.Minute)
		serves(t, f, 3, "on", "only")
		if got := f.Sources()[0]; got.Up || got.Err != feed.ErrEmptied.Error() {
			t.Errorf("source %+v", got)
		}
		w := world{position: 49}
		w.remove(1)
		only.hold(w.document())
		time.Sleep(6 * time.Second)
		if s := f.State(); s.Snapshot.Len() != 0 || s.Document.Position != 50 {
			t.Errorf("%d experiments at %d, want none at 50", s.Snapshot.Len(), s.Document.Position)
		}
	})
}

// What one source speaks of, another may have.
func TestHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newSource("first", at(5, "off")), newSource("second", at(5, "off"))
		f := feed.New(feed.Config{}, first, second)
		changed, cancel := f.Subscribe()
		defer cancel()
		start(t, f)
		synctest.Wait()
		<-changed
		time.Sleep(time.Second)
		second.hold(at(6, "on"))
		second.tell(6)
		synctest.Wait()
		serves(t, f, 6, "on", "second")
		<-changed
		// An old one costs nothing.
		asked := first.questions()
		first.tell(4)
		synctest.Wait()
		if first.questions() != asked {
			t.Error("asked for what is there")
		}
		// The first to speak may be early: it is asked again soon.
		first.tell(7)
		synctest.Wait()
		time.Sleep(50 * time.Millisecond)
		first.hold(at(7, "off"))
		time.Sleep(200 * time.Millisecond)
		serves(t, f, 7, "off", "first")
		// A rumour is forgotten.
		first.tell(1000)
		time.Sleep(time.Minute)
		asked = second.questions()
		time.Sleep(time.Minute)
		if n := second.questions() - asked; n > 4 {
			t.Errorf("the second source was asked %d times in a minute for what nobody has", n)
		}
	})
}

// The first source may be cut off from those who write to it.
func TestCrossCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newSource("first", at(5, "off")), newSource("second", at(5, "off"))
		f := feed.New(feed.Config{}, first, second)
		start(t, f)
		synctest.Wait()
		second.hold(at(6, "on"))
		time.Sleep(31 * time.Second)
		serves(t, f, 6, "on", "second")
	})
}

func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		only := newSource("only", at(5, "on"))
		f := feed.New(feed.Config{StaleAfter: 20 * time.Second}, only)
		start(t, f)
		time.Sleep(time.Minute)
		if f.Stale() || f.Age() > 5*time.Second {
			t.Errorf("stale %v at age %v while the source answers", f.Stale(), f.Age())
		}
		only.fail()
		time.Sleep(14 * time.Second)
		if f.Stale() {
			t.Error("stale too early")
		}
		time.Sleep(time.Minute)
		if !f.Stale() || f.Age() < time.Minute {
			t.Errorf("stale %v at age %v while the source is down", f.Stale(), f.Age())
		}
		serves(t, f, 5, "on", "only")
		only.hold(at(5, "on"))
		time.Sleep(6 * time.Second)
		if f.Stale() {
			t.Error("stale though confirmed")
		}
		if f.Swaps() != 1 {
			t.Errorf("%d swaps of one content", f.Swaps())
		}
	})
}

// An experiment that cannot be read is left out; the others are served.
func TestOneBadExperiment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := at(5, "on")
		d.Experiments = append(d.Experiments, []byte(`{"id":"x","key":5}`), []byte(`]`))
		f := feed.New(feed.Config{}, newSource("only", d))
		start(t, f)
		synctest.Wait()
		serves(t, f, 5, "on", "only")
		if s := f.State(); len(s.Faults) != 2 || s.Snapshot.Len() != 1 {
			t.Errorf("faults %v, %d experiments", s.Faults, s.Snapshot.Len())
		}
	})
}

// Who looks seldom hears once of many changes, who has cancelled never.
func TestSubscribersCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		only := newSource("only", at(1, "on"))
		f := feed.New(feed.Config{}, only)
		changed, cancel := f.Subscribe()
		other, gone := f.Subscribe()
		gone()
		start(t, f)
		synctest.Wait()
		for i := range 20 {
			only.hold(at(int64(2+i), "on"))
			only.tell(int64(2 + i))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		if len(changed) != 1 || len(other) != 0 {
			t.Errorf("%d and %d messages, want 1 and 0", len(changed), len(other))
		}
		cancel()
		serves(t, f, 21, "on", "only")
	})
}

// Listening is begun again with pauses that grow, and a server that asks for
// time gets it.
func TestListeningAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{}
		f := feed.New(feed.Config{}, w)
		start(t, f)
		time.Sleep(10 * time.Minute)
		if n := w.times.Load(); n < 15 || n > 80 {
			t.Errorf("listened %d times in 10 minutes", n)
		}
		w.busy.Store(true)
		time.Sleep(time.Minute)
		before := w.times.Load()
		time.Sleep(time.Hour)
		if n := w.times.Load() - before; n < 20 || n > 60 {
			t.Errorf("listened %d times in an hour to one that asked for a minute each time", n)
		}
	})
}

type watched struct {
	source
	times atomic.Int64
	busy  atomic.Bool
}

func (w *watched) Fetch(context.Context, *feed.State) (*feed.Update, error) { return nil, errDown }

func (w *watched) Watch(context.Context, func(int64)) error {
	w.times.Add(1)
	if w.busy.Load() {
		return fmt.Errorf("refused: %w", &feed.BusyError{Err: errDown, After: time.Minute})
	}
	return errors.New("ended")
}
