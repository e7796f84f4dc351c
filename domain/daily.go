package domain

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Date is a UTC day, counted from 1970-01-01.
type Date int

// DateOf returns the UTC day that holds t.
func DateOf(t time.Time) Date {
	sec := t.Unix()
	day := sec / 86400
	if sec%86400 < 0 {
		day--
	}
	return Date(day)
}

// ParseDate reads YYYY-MM-DD.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, Invalid("date", "must be a day as YYYY-MM-DD")
	}
	return DateOf(t), nil
}

// Start is the day's first moment, UTC.
func (d Date) Start() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d Date) String() string { return d.Start().Format(time.DateOnly) }

func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *Date) UnmarshalText(b []byte) error {
	v, err := ParseDate(string(b))
	*d = v
	return err
}

// DailyReport is what happened on one UTC day, by the ledger's clock.
type DailyReport struct {
	Date  Date `json:"date"`
	Final bool `json:"final"`
	// Active and Inactive count experiments not deleted at the day's end.
	Active             int           `json:"active"`
	Inactive           int           `json:"inactive"`
	ChangedExperiments int           `json:"changed_experiments"`
	TotalChanges       int           `json:"total_changes"`
	Experiments        []DailyChange `json:"experiments"`
	// The day's records are those from FromPosition to ToPosition; a day without
	// records has a FromPosition one above its ToPosition.
	FromPosition int64 `json:"from_position"`
	ToPosition   int64 `json:"to_position"`
	// Checkpoint is "position:hash" of the last record up to the day's end.
	Checkpoint string `json:"checkpoint"`
}

// DailyChange counts the status transitions of one experiment on one day. Name
// is the experiment's at the day's end.
type DailyChange struct {
	ExperimentID uuid.UUID `json:"experiment_id"`
	Key          string    `json:"key"`
	Name         string    `json:"name"`
	Changes      int       `json:"changes"`
}

// Hash is a record's link in the chain.
type Hash [32]byte

// Checkpoint writes "position:hash", what a verifier needs to notice a ledger
// whose end was cut off.
func Checkpoint(position int64, hash Hash) string { return fmt.Sprintf("%d:%x", position, hash) }

// Day is the tally of one UTC day that is not closed yet.
type Day struct {
	Active, Inactive int
	TotalChanges     int
	From, To         int64
	Hash             Hash
	Changes          map[uuid.UUID]DailyChange
}

// dayEnd is what a day hands on to the next.
type dayEnd struct {
	active, inactive int
	position         int64
	hash             Hash
}

// maxDaysPerClosing bounds one transaction after a long outage.
const maxDaysPerClosing = 100

// CloseDays decides to close every day that is over at now, oldest first, up to
// a bound: call it again until it returns nothing.
func (c *Catalog) CloseDays(now time.Time) []Change {
	var changes []Change
	end := c.state.closed
	for d := c.state.closedThrough + 1; d < DateOf(now) && len(changes) < maxDaysPerClosing; d++ {
		var report DailyReport
		report, end = c.report(d, end)
		report.Final = true
		changes = append(changes, Change{Stream: DaysStream, Event: DayClosed{Report: report}})
	}
	return changes
}

// report writes the report of a day that follows a day that ended as end.
func (c *Catalog) report(d Date, end dayEnd) (DailyReport, dayEnd) {
	r := DailyReport{Date: d, FromPosition: end.position + 1, Experiments: []DailyChange{}}
	if day, ok := c.days[d]; ok {
		end = dayEnd{active: day.Active, inactive: day.Inactive, position: day.To, hash: day.Hash}
		r.FromPosition = day.From
		r.TotalChanges = day.TotalChanges
		r.ChangedExperiments = len(day.Changes)
		for _, ch := range day.Changes {
			r.Experiments = append(r.Experiments, ch)
		}
		slices.SortFunc(r.Experiments, func(a, b DailyChange) int {
			return bytes.Compare(a.ExperimentID[:], b.ExperimentID[:])
		})
	}
	r.Active, r.Inactive = end.active, end.inactive
	r.ToPosition = end.position
	r.Checkpoint = Checkpoint(end.position, end.hash)
	return r, end
}

// Days returns the tallies of the days not closed yet. The caller must not
// change them.
func (c *Catalog) Days() map[Date]Day { return c.days }

// ClosedThrough is the last closed day.
func (c *Catalog) ClosedThrough() Date { return c.state.closedThrough }

// tally counts a record into its day, after the record was applied.
func (c *Catalog) tally(s Stamp) {
	d := DateOf(s.At)
	day := c.day(d)
	if day.From == 0 {
		day.From = s.Position
	}
	day.To, day.Hash = s.Position, s.Hash
	day.Active, day.Inactive = c.state.active, c.state.inactive
	put(c, c.days, d, day)
}

func (c *Catalog) day(d Date) Day {
	day, ok := c.days[d]
	if !ok {
		day.Changes = map[uuid.UUID]DailyChange{}
	}
	return day
}

// tallyTransition counts a status transition.
func (c *Catalog) tallyTransition(s Stamp, e *Experiment) {
	d := DateOf(s.At)
	day := c.day(d)
	day.TotalChanges++
	put(c, day.Changes, e.ID, DailyChange{
		ExperimentID: e.ID, Key: e.Key, Name: e.Name, Changes: day.Changes[e.ID].Changes + 1,
	})
	put(c, c.days, d, day)
}

// tallyName keeps the name of today's tally as the experiment's own.
func (c *Catalog) tallyName(s Stamp, e *Experiment) {
	if ch, ok := c.days[DateOf(s.At)].Changes[e.ID]; ok && ch.Name != e.Name {
		ch.Name = e.Name
		put(c, c.days[DateOf(s.At)].Changes, e.ID, ch)
	}
}

func (c *Catalog) applyDayClosed(r DailyReport) {
	for d := range c.days {
		if d <= r.Date {
			drop(c, c.days, d)
		}
	}
	_, hash, err := ParseCheckpoint(r.Checkpoint)
	if err != nil {
		hash = Hash{} // CloseDays wrote it: it cannot be malformed
	}
	c.state.closedThrough = r.Date
	c.state.closed = dayEnd{active: r.Active, inactive: r.Inactive, position: r.ToPosition, hash: hash}
}
