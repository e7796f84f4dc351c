package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	// transactTimeout bounds one transaction.
	transactTimeout = 5 * time.Second
	// waryFor is how many transactions look for duplicates after one was met.
	waryFor = 16
)

// copyIDs begins a transaction. It costs half of what insertIDs does, but fails
// when an id is not new.
const copyIDs = `begin; copy tracked_ids from stdin (format binary)`

// insertIDs returns the ids that are new, in their order.
const insertIDs = `insert into tracked_ids select unnest($1::uuid[]) on conflict do nothing returning id`

// errOrder would be a surprise.
var errOrder = errors.New("new ids came back in another order")

// takeBatch also says in how many days from 2000 on it is, and how far the ledger
// is. Days never fall.
const takeBatch = `update track_head set batch = batch + 1, day = greatest(day, (ledger_clock() at time zone 'UTC')::date)
	returning batch, day - date '2000-01-01', (select position from event_head)`

// transact stores what is new of items, which are sorted by id, in one
// transaction. On error no fate was decided.
func (w *writer) transact(ctx context.Context, items []*item) (err error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, transactTimeout)
	defer cancel()
	held, err := w.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer held.Release()
	conn := held.Conn()
	defer func() {
		if err != nil {
			rollback(ctx, conn)
		}
	}()
	s, fresh, err := w.begin(ctx, conn, items)
	if err != nil {
		return err
	}
	if len(fresh) == 0 { // an empty batch is none
		rollback(ctx, conn)
	} else if err := w.commit(ctx, conn, s, fresh); err != nil {
		return err
	}
	mark(items, isDuplicate)
	mark(fresh, isNew)
	w.metrics.observe(start, len(fresh))
	return nil
}

// begin begins a transaction with the items' ids and the batch's number, and
// returns those that are new.
func (w *writer) begin(ctx context.Context, conn *pgx.Conn, items []*item) (s stamp, fresh []*item, err error) {
	if w.wary > 0 {
		w.wary--
		return beginWarily(ctx, conn, items)
	}
	w.ids = append(w.ids[:0], copyHeader...)
	for _, it := range items {
		w.ids = append(append(w.ids, 0, 1, 0, 0, 0, 16), it.ID[:]...)
	}
	w.ids = append(w.ids, copyEnd...)
	_, err = conn.PgConn().CopyFrom(ctx, bytes.NewReader(w.ids), copyIDs)
	if err != nil {
		w.ids = nil // a copy that was cut off may still read them
	}
	if isCode(err, "23505") { // not unique
		w.wary = waryFor
		rollback(ctx, conn)
		return beginWarily(ctx, conn, items)
	}
	if err == nil {
		err = conn.QueryRow(ctx, takeBatch).Scan(&s.batch, &s.day, &s.ledger)
	}
	return s, items, err
}

// beginWarily is begin for items of which some may not be new.
func beginWarily(ctx context.Context, conn *pgx.Conn, items []*item) (s stamp, fresh []*item, err error) {
	ids := make(pgtype.FlatArray[pgtype.UUID], len(items))
	for i, it := range items {
		ids[i] = pgtype.UUID{Bytes: it.ID, Valid: true}
	}
	b := &pgx.Batch{}
	b.Queue("begin")
	b.Queue(insertIDs, ids).Query(func(rows pgx.Rows) error {
		rest := items
		for rows.Next() {
			id := rows.RawValues()[0]
			for len(rest) > 0 && !bytes.Equal(rest[0].ID[:], id) {
				rest = rest[1:]
			}
			if len(rest) == 0 {
				return errOrder
			}
			fresh = append(fresh, rest[0])
		}
		return rows.Err()
	})
	b.Queue(takeBatch).QueryRow(func(row pgx.Row) error { return row.Scan(&s.batch, &s.day, &s.ledger) })
	err = conn.SendBatch(ctx, b).Close()
	return s, fresh, err
}

// commit copies the rows of items, and commits.
func (w *writer) commit(ctx context.Context, conn *pgx.Conn, s stamp, items []*item) error {
	w.rows = append(w.rows[:0], copyHeader...)
	for _, it := range items {
		w.rows = appendRows(w.rows, s, it.Event)
	}
	w.rows = append(w.rows, copyEnd...)
	tag, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(w.rows), copyInto+"; commit")
	if err != nil || cap(w.rows) > keptRows {
		w.rows = nil // a copy that was cut off may still read them
	}
	if err == nil && tag.String() != "COMMIT" {
		err = fmt.Errorf("the commit became a %s", tag)
	}
	return err
}

func rollback(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		_ = conn.Close(ctx) // the pool discards closed connections
	}
}

func (in *Intake) makePartitions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, transactTimeout)
	defer cancel()
	_, err := in.pool.Exec(ctx, `select track_partitions()`)
	return err
}

// lacksPartition says that there is none for the day.
func lacksPartition(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23514" && pg.ConstraintName == ""
}

func isCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

// refused says that Postgres would not have what it was given, and would not have
// it the next time. A session that ended, FATAL, may have committed before.
func refused(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Severity != "ERROR" {
		return false
	}
	switch pg.Code[:2] {
	case "22", "23", "54": // the data, a constraint, a limit of the program
		return true
	}
	return false
}
