package eventstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// clockTrust is how long one reading of the ledger's clock serves to tell
	// its time. Clocks drift by less than a microsecond in a millisecond.
	clockTrust = time.Second
	// movedOn is the SQLSTATE of take_head.
	movedOn = "AS001"
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
// ledger had moved on.
func (g *group) goAhead(ctx context.Context) (bool, error) {
	s := g.store
	position, hash := s.catalog.Position(), s.catalog.Hash()
	g.now = later(s.clock.now(), s.catalog.At()).UTC()
	s.catalog.Begin()
	g.decide()
	b := &pgx.Batch{}
	b.Queue("begin")
	var clock time.Time
	b.Queue("select take_head($1, $2, $3)", position, hash[:], g.now).QueryRow(func(row pgx.Row) error {
		return row.Scan(&clock)
	})
	err := g.write(ctx, b)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == movedOn {
		s.alone = false
		s.catalog.Rollback()
		g.rollback(ctx)
		g.records, g.fresh = nil, nil
		return false, nil
	}
	if err == nil {
		s.catalog.Keep()
		s.clock = reading{clock, time.Now()}
	}
	return true, err
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
