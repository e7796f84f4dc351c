package fault

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/pgtest"
)

// set switches an experiment, and keeps what was answered.
func (s *stage) set(t *testing.T, acks *[]ack, id, status string) {
	t.Helper()
	w := wish{op: "status", id: id, status: status}
	key := fmt.Sprintf("set-%d", len(*acks))
	res := s.must(t, w.request(key))
	*acks = append(*acks, ack{wish: w, key: key, position: res.position(), version: res.version()})
}

// Each day is closed once, whichever server does it: both at once, one that is
// killed over it, and one that comes three days late.
func TestOneCloseOfEachDay(t *testing.T) {
	t.Parallel()
	s := newStage(t, pgtest.Database(t))
	var acks []ack
	var ids []string
	for i := range 3 {
		w := wish{op: "create", id: fmt.Sprintf("0193b2a0-0000-7000-8000-00000000000%d", i), settings: defaults(fmt.Sprintf("e%d", i))}
		key := fmt.Sprintf("create-%d", i)
		res := s.must(t, w.request(key))
		acks = append(acks, ack{wish: w, key: key, position: res.position(), version: res.version()})
		ids = append(ids, w.id)
	}

	s.set(t, &acks, ids[0], "active")
	s.set(t, &acks, ids[1], "active")
	s.race(t, func() {})
	s.set(t, &acks, ids[1], "inactive")
	s.set(t, &acks, ids[1], "active")
	s.set(t, &acks, ids[1], "active")
	s.race(t, s.replicas[0].kill)
	if err := s.replicas[0].restart(); err != nil {
		t.Fatal(err)
	}
	s.awaitClosed(t)

	s.set(t, &acks, ids[2], "active")
	s.clock.await(s.clock.beforeMidnight(t, 300*time.Millisecond))
	s.replicas[1].kill()
	s.awaitClosedBy(t, s.replicas[0])
	s.set(t, &acks, ids[0], "inactive")
	s.replicas[0].kill()
	s.clock.move(t, 72*time.Hour)
	s.startAll(t)
	s.awaitClosed(t)
	s.set(t, &acks, ids[0], "active")

	m := s.check(t, acks)
	if n := len(m.days.reports(dateOf(m.feed[0].At), dateOf(m.feed[len(m.feed)-1].At))); n != 7 {
		t.Errorf("%d days, want 7", n)
	}
}

// race passes a midnight with the append lock held until the closers of both
// servers wait for it. meanwhile runs just before it is given back.
func (s *stage) race(t *testing.T, meanwhile func()) {
	t.Helper()
	release := s.holdHead(t)
	s.clock.beforeMidnight(t, 100*time.Millisecond)
	eventually(t, func() error {
		if n := len(s.rows(t, `select pid from pg_stat_activity where datname = current_database()
			and wait_event_type = 'Lock' and query ~ 'from event_head for update|update event_head set'`)); n != len(s.replicas) {
			return fmt.Errorf("%d servers wait to close the day", n)
		}
		return nil
	})
	meanwhile()
	release()
	s.awaitClosedBy(t, s.replicas[1])
}

// awaitClosedBy is awaitClosed for one server.
func (s *stage) awaitClosedBy(t *testing.T, r *replica) {
	t.Helper()
	yesterday := dateOf(s.clock.now().AddDate(0, 0, -1))
	eventually(t, func() error {
		res := r.get("/reports/daily/" + yesterday)
		if res.status != http.StatusOK {
			return fmt.Errorf("%s: %s", r.name, res)
		}
		var got report
		decode(t, res.body, &got)
		if !got.Final {
			return fmt.Errorf("%s is not closed by %s", yesterday, r.name)
		}
		return nil
	})
}
