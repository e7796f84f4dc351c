package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// staging is what the tables that a replay fills are called until they take
// the place of the old ones.
const staging = "_replay"

// nearEnough is how many records may be left to fold under the append lock.
const nearEnough = 200

// Tables are the read models that Replay rebuilds.
func Tables() []string {
	return []string{
		"experiments", "resources", "segment_members", "status_history", "daily_state", "daily_changes", "daily_reports",
	}
}

// ReplayOptions of Replay; the zero value is usable.
type ReplayOptions struct {
	// Progress is told how many of how many records are done.
	Progress func(done, total int64)
}

// Replayed is what Replay did.
type Replayed struct {
	Records int64 `json:"records"`
	// Blocked is how long appends waited for the swap.
	Blocked time.Duration `json:"blocked_ns"`
}

// Replay rebuilds read models from the first record on while the system serves:
// it fills new tables beside the old ones and lets them change places under the
// append lock. The pool must be the owner's. One replay runs at a time.
func Replay(ctx context.Context, pool *pgxpool.Pool, tables []string, opts ReplayOptions) (Replayed, error) {
	for _, t := range tables {
		if !slices.Contains(Tables(), t) {
			return Replayed{}, domain.Invalid("projection", "must be one of %q, is %q", Tables(), t)
		}
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return Replayed{}, err
	}
	defer conn.Release()
	r := &replayer{conn: conn.Conn(), pool: pool, tables: tables, opts: opts}
	if err := r.begin(ctx); err != nil {
		return Replayed{}, err
	}
	defer r.cleanUp(ctx)
	if err := r.catchUp(ctx); err != nil {
		return Replayed{}, err
	}
	err = r.swap(ctx)
	return Replayed{Records: r.catalog.Position(), Blocked: r.blocked}, err
}

type replayer struct {
	conn    *pgx.Conn
	pool    *pgxpool.Pool
	tables  []string
	opts    ReplayOptions
	catalog *domain.Catalog
	blocked time.Duration
}

// begin makes the empty tables. The session's advisory lock keeps a second
// replay out.
func (r *replayer) begin(ctx context.Context) error {
	var alone bool
	if err := r.conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtext('assay replay ' || current_schema()))`).Scan(&alone); err != nil {
		return err
	}
	if !alone {
		return &domain.ConflictError{Problem: "another replay is under way"}
	}
	head, err := eventstore.ReadHead(ctx, r.conn)
	if err != nil {
		return err
	}
	r.catalog = domain.NewCatalog(head.BeganAt)
	// Every table is filled, so that one fold serves any choice; only the
	// chosen ones are swapped.
	for _, t := range Tables() {
		sql := fmt.Sprintf("drop table if exists %[1]s%[2]s; create table %[1]s%[2]s (like %[1]s including all)", t, staging)
		if _, err := r.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make %s%s: %w", t, staging, err)
		}
	}
	return nil
}

// catchUp folds until few records are left.
func (r *replayer) catchUp(ctx context.Context) error {
	for {
		head, err := eventstore.ReadHead(ctx, r.pool)
		if err != nil {
			return err
		}
		if head.Position-r.catalog.Position() <= nearEnough {
			return nil
		}
		if err := r.fold(ctx, r.pool, head.Position); err != nil {
			return err
		}
	}
}

// fold applies what is after the catalog to it and to the new tables.
func (r *replayer) fold(ctx context.Context, q eventstore.Querier, total int64) error {
	return stream(ctx, q, r.catalog.Position(), func(c *chunk) error {
		if c.fault != nil {
			return fmt.Errorf("record %d: %s", c.fault.position, c.fault.problem)
		}
		err := runs(c.records, func(run []eventstore.Record) error {
			for i := range run {
				r.catalog.Apply(run[i].Stamp(), run[i].Stream, run[i].Event)
			}
			return r.store(ctx, run)
		})
		if r.opts.Progress != nil {
			r.opts.Progress(r.catalog.Position(), total)
		}
		return err
	})
}

// store writes the rows that a run of records made. The connection may be in a
// transaction.
func (r *replayer) store(ctx context.Context, run []eventstore.Record) error {
	made, err := render(r.catalog, run)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	made.queue(b, staging)
	return r.conn.SendBatch(ctx, b).Close()
}

// swap folds the rest under the append lock and lets the tables change places.
func (r *replayer) swap(ctx context.Context) error {
	return pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error {
		grants, err := tableGrants(ctx, tx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "select one from event_head for update"); err != nil {
			return err
		}
		start := time.Now()
		defer func() { r.blocked = time.Since(start) }()
		// Its own connection reads: this one cannot read and write at once.
		if err := r.fold(ctx, r.pool, r.catalog.Position()); err != nil {
			return err
		}
		b := &pgx.Batch{}
		for _, t := range r.tables {
			queueSwap(b, t, grants)
		}
		return tx.SendBatch(ctx, b).Close()
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

// queueSwap replaces a table by its new one, with its rights and the names of
// its indexes.
func queueSwap(b *pgx.Batch, table string, grants []grant) {
	b.Queue("drop table " + table)
	b.Queue("alter table " + table + staging + " rename to " + table)
	for _, g := range grants {
		if g.table == table {
			b.Queue("grant " + g.privilege + " on " + table + " to " + pgx.Identifier{g.grantee}.Sanitize())
		}
	}
}

// cleanUp drops what was not swapped.
func (r *replayer) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var errs []error
	for _, t := range Tables() {
		_, err := r.conn.Exec(ctx, "drop table if exists "+t+staging)
		errs = append(errs, err)
	}
	_, err := r.conn.Exec(ctx, "select pg_advisory_unlock_all()")
	if err := errors.Join(append(errs, err)...); err != nil {
		_ = r.conn.Close(ctx) // gives up the lock with the session
	}
}
