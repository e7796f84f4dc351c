package eventstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// clockTrust is how long one reading of the ledger's clock serves to tell
	// its time.
	clockTrust = time.Second
	// clockSlack is by how much a time told so may be behind the clock once the
	// lock is taken; it is never before it.
	clockSlack = 250 * time.Millisecond
)

// reading is the ledger's clock as it was read last.
type reading struct {
	ledger time.Time
	// local is this process's monotonic time after the reading.
	local time.Time
}

// now is the ledger's time, at most as late as its clock.
func (r reading) now() time.Time {
	return r.ledger.Add(time.Since(r.local)).Truncate(time.Microsecond)
}

// mayGoAhead says whether the group can probably be decided before it has the
// lock: nobody else appended of late, the ledger's time is known, and nothing
// has to be read.
func (g *group) mayGoAhead() bool {
	s := g.store
	if s.catalog == nil || !s.alone || time.Since(s.clock.local) > clockTrust {
		return false
	}
	for _, r := range g.requests {
		if r.cmd.Meta.IdempotencyKey != "" {
			return false
		}
	}
	return true
}

// goAhead decides on the catalog as it stands, then takes the lock, writes and
// commits in one round trip. It returns false, and has done nothing, where the
// ledger had moved on or there is nothing to write.
func (g *group) goAhead(ctx context.Context) (bool, error) {
	s := g.store
	slack := clockSlack
	g.now, g.slack = later(s.clock.now(), s.catalog.At()), &slack
	s.catalog.Begin()
	g.decide()
	if len(g.records) == 0 {
		s.catalog.Rollback()
		return false, nil
	}
	err := g.write(ctx)
	if movedOn(err) {
		s.alone = false
		s.expect(0)
		s.catalog.Rollback()
		return false, nil
	}
	if err == nil {
		s.catalog.Keep()
	}
	return true, err
}

// movedOn says that Postgres refused records which do not follow from the head.
func movedOn(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23502" && pg.ColumnName == "recorded_at"
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
