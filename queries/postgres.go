package queries

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/projections"
)

const (
	// patience bounds one query, so that a caller hears within 2 s that Postgres
	// is down.
	patience = 1800 * time.Millisecond
	// outage is how long queries that can do without Postgres leave it alone
	// after it did not answer.
	outage = time.Second
)

// postgres reads the tables, and remembers for a moment when that failed.
type postgres struct {
	pool *pgxpool.Pool
	// downUntil is a time in nanoseconds since 1970.
	downUntil atomic.Int64
}

// down says that Postgres did not answer just now.
func (p *postgres) down() bool { return time.Now().UnixNano() < p.downUntil.Load() }

// errDown is the answer in an outage of those who do not try.
var errDown = fmt.Errorf("%w: Postgres did not answer", domain.ErrUnavailable)

// read runs f with a bound on its time and translates its error.
func (p *postgres) read(ctx context.Context, f func(ctx context.Context, pool *pgxpool.Pool) error) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := p.translate(f(limited, p.pool))
	switch {
	case err == nil:
		p.downUntil.Store(0)
	case errors.Is(err, domain.ErrUnavailable) && ctx.Err() == nil:
		p.downUntil.Store(time.Now().Add(outage).UnixNano())
	}
	return err
}

// snapshot runs f in a transaction that sees one state of all tables.
func (p *postgres) snapshot(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	return p.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return projections.Snapshot(ctx, pool, func(tx pgx.Tx) error { return f(ctx, tx) })
	})
}

// translate makes Postgres's errors the domain's. A statement that Postgres
// does not understand, or a value that it cannot hold, is a fault of this
// program, which waiting does not cure.
func (p *postgres) translate(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.ErrNotFound
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "42") || strings.HasPrefix(pg.Code, "22")) {
		return fmt.Errorf("query: %w", err)
	}
	return unavailable(err)
}
