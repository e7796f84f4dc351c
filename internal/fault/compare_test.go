package fault

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
)

// check compares everything that staff can read, from every source, with the
// model that was fed with the acknowledged answers. All servers must be up. It
// ends by killing Redis.
func (s *stage) check(t *testing.T, acks []ack) *model {
	t.Helper()
	feed := s.feed(t)
	m := newModel(feed)
	if err := m.run(acks); err != nil {
		t.Fatalf("%d acks, %d records: %v", len(acks), len(feed), err)
	}
	if t.Failed() {
		t.FailNow()
	}
	s.checkLists(t, m, "redis")
	s.checkHistories(t, m)
	s.checkTables(t, m)
	s.checkReports(t, m)
	s.verify(t, fmt.Sprintf("%d:%s", len(feed), feed[len(feed)-1].Hash))
	s.redis.Kill()
	s.checkLists(t, m, "postgres")
	return m
}

// feed reads the ledger through each server and checks its form.
func (s *stage) feed(t *testing.T) []record {
	t.Helper()
	var feed []record
	for i, r := range s.replicas {
		own := ledger(t, r)
		if i > 0 && !reflect.DeepEqual(own, feed) {
			t.Errorf("%s and %s read different ledgers", s.replicas[0].name, r.name)
		}
		feed = own
	}
	if len(feed) == 0 {
		t.Fatal("the ledger is empty")
	}
	versions := map[string]int{}
	for i, r := range feed {
		if r.Position != int64(i+1) {
			t.Fatalf("record %d has position %d", i+1, r.Position)
		}
		if i > 0 && r.At.Before(feed[i-1].At) {
			t.Errorf("position %d was recorded at %v, after one of %v", r.Position, r.At, feed[i-1].At)
		}
		if versions[r.Stream]++; r.Version != versions[r.Stream] {
			t.Errorf("position %d is version %d of %s, want %d", r.Position, r.Version, r.Stream, versions[r.Stream])
		}
	}
	return feed
}

func ledger(t *testing.T, r *replica) []record {
	t.Helper()
	var all []record
	for {
		var page struct {
			Items []record `json:"items"`
			Next  *string  `json:"next_cursor"`
		}
		decode(t, r.read(t, fmt.Sprintf("/events?limit=1000&after=%d", len(all))), &page)
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
	}
}

// list reads the list of experiments, all pages from one source.
func list(t *testing.T, r *replica, source string, position int64) []json.RawMessage {
	t.Helper()
	var items []json.RawMessage
	eventually(t, func() error {
		items = nil
		for next := ""; ; {
			var page struct {
				Items    []json.RawMessage `json:"items"`
				Next     *string           `json:"next_cursor"`
				Source   string            `json:"source"`
				Position int64             `json:"position"`
			}
			decode(t, r.read(t, "/experiments?limit=1000"+next), &page)
			if page.Source != source || page.Position != position {
				return fmt.Errorf("%s lists from %s at %d, want %s at %d", r.name, page.Source, page.Position, source, position)
			}
			items = append(items, page.Items...)
			if page.Next == nil {
				return nil
			}
			next = "&cursor=" + *page.Next
		}
	})
	return items
}

func (s *stage) checkLists(t *testing.T, m *model, source string) {
	t.Helper()
	want := map[string]string{}
	for id, e := range m.experiments {
		if !e.deleted {
			want[id] = e.document(id).String()
		}
	}
	for _, r := range s.replicas {
		items := list(t, r, source, m.position)
		for _, item := range items {
			var d document
			decode(t, item, &d)
			if want[d.ID] != d.String() {
				t.Errorf("%s lists from %s\n%s, want\n%s", r.name, source, &d, want[d.ID])
			}
		}
		if len(items) != len(want) {
			t.Errorf("%s lists %d experiments from %s, want %d", r.name, len(items), source, len(want))
		}
	}
}

// historyEntry is an entry of GET /experiments/{id}/history.
type historyEntry struct {
	Position int64  `json:"position"`
	Version  int    `json:"version"`
	Type     string `json:"type"`
	Old      string `json:"old_status"`
	New      string `json:"new_status"`
	Hash     string `json:"hash"`
}

func (s *stage) checkHistories(t *testing.T, m *model) {
	t.Helper()
	i := 0
	for id, e := range m.experiments {
		var want []historyEntry
		for _, ch := range slices.Backward(e.records) {
			want = append(want, historyEntry{ch.position, ch.version, ch.kind, ch.old, ch.new, m.feed[ch.position-1].Hash})
		}
		r := s.replicas[i%len(s.replicas)]
		i++
		if got := pages[historyEntry](t, r, "/experiments/"+id+"/history?limit=1000"); !slices.Equal(got, want) {
			t.Errorf("history of %s by %s:\n%+v, want\n%+v", id, r.name, got, want)
		}
	}
}

// checkTables compares the read models in Postgres.
func (s *stage) checkTables(t *testing.T, m *model) {
	t.Helper()
	var states, changes, statuses, reports []string
	for _, date := range slices.Sorted(maps.Keys(m.days.days)) {
		d := m.days.days[date]
		states = append(states, fmt.Sprintf(`%s|%d|%d|%d|%d|%d|%d|\x%s`, date, d.active, d.inactive, len(d.changed), d.total, d.from, d.to, d.hash))
		for _, id := range slices.Sorted(maps.Keys(d.changed)) {
			c := d.changed[id]
			changes = append(changes, fmt.Sprintf("%s|%s|%s|%d", date, id, c.Name, c.Changes))
		}
	}
	for _, ch := range m.statuses {
		statuses = append(statuses, fmt.Sprintf("%d|%s|%s|%s|%s", ch.position, ch.id, ch.old, ch.new,
			m.feed[ch.position-1].At.UTC().Format("2006-01-02 15:04:05.000000")))
	}
	for _, r := range m.feed {
		if r.Type == "day.closed" {
			reports = append(reports, fmt.Sprintf("%d|%s", r.Position, r.Data))
		}
	}
	for name, table := range map[string]struct {
		sql  string
		want []string
	}{
		"daily_state": {`select date, active, inactive, changed_experiments, total_changes, from_position, to_position, hash
			from daily_state order by date`, states},
		"daily_changes": {`select date, experiment_id, name, changes from daily_changes order by date, experiment_id::text`, changes},
		"status_history": {`select id, experiment_id, old_status, new_status,
			to_char("timestamp" at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') from status_history order by id`, statuses},
		"daily_reports": {`select position, report from daily_reports order by position`, reports},
	} {
		got := s.rows(t, table.sql)
		if len(got) != len(table.want) {
			t.Errorf("%s has %d rows, want %d", name, len(got), len(table.want))
		}
		for i := range min(len(got), len(table.want)) {
			if got[i] != table.want[i] {
				t.Errorf("%s has %s, want %s", name, got[i], table.want[i])
			}
		}
	}
}

// checkReports compares the report of each day, as each server answers it, with
// the model's, and sees that each day that is over was closed once.
func (s *stage) checkReports(t *testing.T, m *model) {
	t.Helper()
	first := s.rows(t, `select (began_at at time zone 'UTC')::date from event_head`)[0]
	last := dateOf(m.feed[len(m.feed)-1].At)
	want := m.days.reports(first, last)
	closed := map[string]int{}
	for _, r := range m.feed {
		if r.Type != "day.closed" {
			continue
		}
		var got report
		decode(t, r.Data, &got)
		if closed[got.Date]++; dateOf(r.At) <= got.Date {
			t.Errorf("%s was closed at %v", got.Date, r.At)
		}
	}
	for _, w := range want {
		if n := closed[w.Date]; n != 1 && w.Final || n != 0 && !w.Final {
			t.Errorf("%s was closed %d times", w.Date, n)
		}
		var bodies []string
		for _, r := range s.replicas {
			body := r.read(t, "/reports/daily/"+w.Date)
			bodies = append(bodies, string(body))
			var got report
			decode(t, body, &got)
			if !reflect.DeepEqual(got, w) {
				t.Errorf("report by %s:\n%+v, want\n%+v", r.name, got, w)
			}
		}
		if len(slices.Compact(bodies)) != 1 {
			t.Errorf("the servers differ on %s: %q", w.Date, bodies)
		}
	}
	if len(closed) != len(want)-1 {
		t.Errorf("%d days are closed, want %d", len(closed), len(want)-1)
	}
}
