package fault

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// report is a daily report, as answered and as the model expects it.
type report struct {
	Date               string    `json:"date"`
	Final              bool      `json:"final"`
	Active             int       `json:"active"`
	Inactive           int       `json:"inactive"`
	ChangedExperiments int       `json:"changed_experiments"`
	TotalChanges       int       `json:"total_changes"`
	Experiments        []tallied `json:"experiments"`
	FromPosition       int64     `json:"from_position"`
	ToPosition         int64     `json:"to_position"`
	Checkpoint         string    `json:"checkpoint"`
}

// tallied counts one experiment's transitions on one day.
type tallied struct {
	ID      string `json:"experiment_id"`
	Name    string `json:"name"`
	Changes int    `json:"changes"`
}

// tallies count what happened on each day that has records.
type tallies struct {
	days     map[string]*day
	active   int
	inactive int
}

type day struct {
	active, inactive, total int
	from, to                int64
	hash                    string
	changed                 map[string]*tallied
}

func newTallies() tallies { return tallies{days: map[string]*day{}} }

func dateOf(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// count counts one record; ch is nil where it is no experiment's.
func (t *tallies) count(r *record, ch *change) {
	d := t.days[dateOf(r.At)]
	if d == nil {
		d = &day{from: r.Position, changed: map[string]*tallied{}}
		t.days[dateOf(r.At)] = d
	}
	if ch != nil {
		t.countChange(d, ch)
	}
	d.active, d.inactive, d.to, d.hash = t.active, t.inactive, r.Position, r.Hash
}

func (t *tallies) countChange(d *day, ch *change) {
	switch {
	case ch.kind == "experiment.created":
		t.inactive++
	case ch.kind == "experiment.deleted":
		t.inactive--
	case ch.new == "active":
		t.active, t.inactive = t.active+1, t.inactive-1
	case ch.new == "inactive":
		t.active, t.inactive = t.active-1, t.inactive+1
	}
	if ch.new != "" {
		if d.changed[ch.id] == nil {
			d.changed[ch.id] = &tallied{ID: ch.id}
		}
		d.changed[ch.id].Changes++
		d.total++
	}
	if c := d.changed[ch.id]; c != nil {
		c.Name = ch.next.name
	}
}

// reports are those of each day from one to another, all but the last final.
func (t *tallies) reports(from, to string) []report {
	var all []report
	last := &day{hash: strings.Repeat("0", 64)}
	for at, _ := time.Parse(time.DateOnly, from); dateOf(at) <= to; at = at.AddDate(0, 0, 1) {
		r := report{Date: dateOf(at), Final: dateOf(at) < to, FromPosition: last.to + 1, Experiments: []tallied{}}
		if d := t.days[r.Date]; d != nil {
			last = d
			r.FromPosition, r.TotalChanges, r.ChangedExperiments = d.from, d.total, len(d.changed)
			for _, id := range slices.Sorted(maps.Keys(d.changed)) {
				r.Experiments = append(r.Experiments, *d.changed[id])
			}
		}
		r.Active, r.Inactive, r.ToPosition = last.active, last.inactive, last.to
		r.Checkpoint = fmt.Sprintf("%d:%s", last.to, last.hash)
		all = append(all, r)
	}
	return all
}
