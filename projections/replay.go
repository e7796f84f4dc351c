package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// staging is what the tables that a replay fills are called until they take
// the place of the old ones.
const staging = "_replay"

// retired is what the old ones are called from then on until they are dropped.
const retired = "_retired"

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
	// Redacted are the positions whose data is known not to be what was hashed.
	Redacted []int64
	// Progress is told how many of how many records are done.
	Progress func(done, total int64)
}

// Replayed is what Replay did.
type Replayed struct {
	Records int64
	// Blocked is how long appends had to wait at most, for the swap or for an
	// attempt at it.
	Blocked time.Duration
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
	// All lock the tables in one order.
	tables = slices.DeleteFunc(Tables(), func(t string) bool { return !slices.Contains(tables, t) })
	if len(tables) == 0 {
		return Replayed{}, domain.Invalid("projection", "must be one of %q", Tables())
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return Replayed{}, err
	}
	defer conn.Release()
	r := &replayer{conn: conn.Conn(), pool: pool, tables: tables, opts: opts}
	if err := r.lock(ctx); err != nil {
		return Replayed{}, err
	}
	defer r.cleanUp(ctx)
	if err := r.begin(ctx); err != nil {
		return Replayed{}, err
	}
	if err := r.catchUp(ctx); err != nil {
		return Replayed{}, err
	}
	// Whoever reads the new tables first has statistics to plan with.
	if _, err := r.conn.Exec(ctx, "analyze "+strings.Join(r.tables, staging+", ")+staging); err != nil {
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

// replayLock is the key of the session's lock that keeps a second replay out.
const replayLock = "hashtext('assay replay ' || current_schema())"

func (r *replayer) lock(ctx context.Context) error {
	var alone bool
	if err := r.conn.QueryRow(ctx, "select pg_try_advisory_lock("+replayLock+")").Scan(&alone); err != nil {
		return err
	}
	if !alone {
		return &domain.ConflictError{Problem: "another replay is under way"}
	}
	return nil
}

// begin makes the empty tables.
func (r *replayer) begin(ctx context.Context) error {
	head, err := eventstore.ReadHead(ctx, r.conn)
	if err != nil {
		return err
	}
	r.catalog = domain.NewCatalog(head.BeganAt)
	// Every table is filled, so that one fold serves any choice; only the
	// chosen ones are swapped.
	for _, t := range Tables() {
		if err := makeStaging(ctx, r.conn, t); err != nil {
			return fmt.Errorf("make %s%s: %w", t, staging, err)
		}
	}
	return nil
}

// makeStaging makes an empty table like the one that serves, with its storage
// parameters, which LIKE leaves out.
func makeStaging(ctx context.Context, conn *pgx.Conn, table string) error {
	var parameters string
	err := conn.QueryRow(ctx, `select coalesce(array_to_string(reloptions, ', '), '') from pg_class where oid = $1::text::regclass`, table).
		Scan(&parameters)
	if err != nil {
		return err
	}
	sql := fmt.Sprintf("drop table if exists %[1]s%[2]s, %[1]s%[3]s; create table %[1]s%[2]s (like %[1]s including all)", table, staging, retired)
	if parameters != "" {
		sql += " with (" + parameters + ")"
	}
	_, err = conn.Exec(ctx, sql)
	return err
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
		if err := r.fold(ctx, head.Position); err != nil {
			return err
		}
	}
}

// fold applies what is after the catalog to it and to the new tables. Another
// connection than theirs reads, as long as it takes.
func (r *replayer) fold(ctx context.Context, total int64) error {
	g, records := gather(r.catalog), 0
	err := readOn(ctx, r.pool, r.catalog.Position(), r.opts.Redacted, func(c *chunk) error {
		if c.fault != nil {
			return fmt.Errorf("record %d: %s", c.fault.position, c.fault.problem)
		}
		for i := range c.records {
			g.apply(&c.records[i])
		}
		var err error
		if records += len(c.records); records >= storeEvery {
			err = r.store(ctx, g)
			g, records = gather(r.catalog), 0
		}
		if r.opts.Progress != nil {
			r.opts.Progress(r.catalog.Position(), total)
		}
		return err
	})
	if err != nil || records == 0 {
		return err
	}
	return r.store(ctx, g)
}

// storeEvery is how many records are folded before what they touched is
// written: a row that many of them touched is written once.
const storeEvery = 50_000

// store writes the rows that were gathered. The connection may be in a
// transaction.
func (r *replayer) store(ctx context.Context, g *gathered) error {
	made, err := g.all()
	if err != nil {
		return err
	}
	b := &eventstore.Batch{}
	staged.write(b, made)
	return r.conn.SendBatch(ctx, &b.Batch).Close()
}

// cleanUp drops what was not swapped and what was swapped out, and gives up the
// lock.
func (r *replayer) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if r.conn.IsClosed() { // as after a cancelled statement; its lock goes with it
		conn, err := r.pool.Acquire(ctx)
		if err != nil {
			return // the next replay cleans up
		}
		defer conn.Release()
		r.conn = conn.Conn()
		if _, err := r.conn.Exec(ctx, "select pg_advisory_lock("+replayLock+")"); err != nil {
			return
		}
	}
	var errs []error
	for _, t := range Tables() {
		_, err := r.conn.Exec(ctx, "drop table if exists "+t+staging+", "+t+retired)
		errs = append(errs, err)
	}
	_, err := r.conn.Exec(ctx, "select pg_advisory_unlock_all()")
	if err := errors.Join(append(errs, err)...); err != nil {
		_ = r.conn.Close(ctx) // gives up the lock with the session
	}
}
