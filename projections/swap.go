package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// The swap needs every reader out of the tables, and others wait while it waits:
// it tries for lockWait, then lets them go on for swapPause, until it succeeds or
// swapTime is over.
const (
	lockWait  = 25 * time.Millisecond
	swapPause = 10 * lockWait
	swapTime  = 2 * time.Minute
)

// swap lets the tables change places as soon as nobody reads them.
func (r *replayer) swap(ctx context.Context) error {
	for start := time.Now(); ; {
		err := r.trySwap(ctx)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != lockNotAvailable {
			return err
		}
		if time.Since(start) > swapTime {
			return fmt.Errorf("%w: others read the tables all the time: %w", domain.ErrUnavailable, err)
		}
		if err := sleep(ctx, swapPause); err != nil {
			return err
		}
		if err := r.catchUp(ctx); err != nil {
			return err
		}
	}
}

const lockNotAvailable = "55P03"

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// trySwap lets the tables change places, unless somebody reads the old ones.
// Nothing is folded before all locks are held, so that the catalog never is ahead
// of the new tables.
func (r *replayer) trySwap(ctx context.Context) error {
	var start time.Time
	err := pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error {
		grants, err := tableGrants(ctx, tx)
		if err != nil {
			return err
		}
		indexes, err := indexNames(ctx, tx)
		if err != nil {
			return err
		}
		if err := r.keepVacuumOut(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "select one from event_head for update"); err != nil {
			return err
		}
		start = time.Now()
		// No commit of a writer is on disk before this one is: it need not wait.
		_, err = tx.Exec(ctx, fmt.Sprintf("set local synchronous_commit = off; set local lock_timeout = %d; lock table %s in access exclusive mode",
			lockWait.Milliseconds(), strings.Join(r.tables, ", ")))
		if err != nil {
			return err
		}
		if err := r.fold(ctx, r.catalog.Position()); err != nil {
			return err
		}
		b := &pgx.Batch{}
		for _, t := range r.tables {
			queueSwap(b, t, grants, indexes)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if !start.IsZero() {
		r.blocked = max(r.blocked, time.Since(start))
	}
	return err
}

// keepVacuumOut takes the new tables, and the old ones as a vacuum does: whatever
// vacuums them is waited for, and then kept out, while others read and write on.
func (r *replayer) keepVacuumOut(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, fmt.Sprintf("lock table %s in access exclusive mode; lock table %s in share update exclusive mode",
		strings.Join(r.tables, staging+", ")+staging, strings.Join(r.tables, ", ")))
	return err
}

// index is an index of a new table, and what that of the old table is called.
type index struct{ table, made, name string }

// indexNames pairs the indexes of new and old tables by what they are.
func indexNames(ctx context.Context, q eventstore.Querier) ([]index, error) {
	rows, err := q.Query(ctx, `with defined as (
			select c.relname as table_name, i.indexrelid::regclass::text as name, indisprimary,
				substring(pg_get_indexdef(i.indexrelid) from ' USING .*') as definition
			from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = current_schema()::regnamespace)
		select o.table_name, n.name, o.name from defined o join defined n
			on n.table_name = o.table_name || $1 and (n.indisprimary, n.definition) = (o.indisprimary, o.definition)`, staging)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (i index, err error) {
		err = row.Scan(&i.table, &i.made, &i.name)
		return i, err
	})
}

// grant is a right that somebody has on a table.
type grant struct{ table, grantee, privilege string }

func tableGrants(ctx context.Context, q eventstore.Querier) ([]grant, error) {
	rows, err := q.Query(ctx, `select c.relname, pg_get_userbyid(a.grantee), a.privilege_type
		from pg_class c, aclexplode(c.relacl) a
		where c.relnamespace = current_schema()::regnamespace and a.grantee <> 0 and a.grantee <> c.relowner`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (g grant, err error) {
		err = row.Scan(&g.table, &g.grantee, &g.privilege)
		return g, err
	})
}

// queueSwap puts the new table in the place of one, with its rights and the names
// of its indexes. The old one is dropped later: that takes time, and writers wait.
func queueSwap(b *pgx.Batch, table string, grants []grant, indexes []index) {
	b.Queue("alter table " + table + " rename to " + table + retired)
	b.Queue("alter table " + table + staging + " rename to " + table)
	for _, i := range indexes {
		if i.table == table {
			b.Queue("alter index " + i.name + " rename to " + i.name + retired)
			b.Queue("alter index " + i.made + " rename to " + i.name)
		}
	}
	for _, g := range grants {
		if g.table == table {
			b.Queue("grant " + g.privilege + " on " + table + " to " + pgx.Identifier{g.grantee}.Sanitize())
		}
	}
}
