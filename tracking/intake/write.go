package intake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assaylabs/assay/tracking"
)

// transactTimeout bounds one transaction.
const transactTimeout = 5 * time.Second

// item is one event of a group.
type item struct {
	*tracking.Event
	request *request
	place   int // in the request
	fate    fate
}

// fate is what became of an item.
type fate byte

const (
	pending fate = iota
	isNew
	isDuplicate
	isRefused
	isUnknown // stored or not
)

// writer stores one group at a time; its memory serves the next one too.
type writer struct {
	*Intake
	items []item
	rows  []byte
}

// write stores what waits until ctx ends.
func (in *Intake) write(ctx context.Context) {
	w := &writer{Intake: in}
	for ctx.Err() == nil {
		if group := in.take(); group != nil {
			w.store(ctx, group)
			continue
		}
		select {
		case <-ctx.Done():
		case <-in.ready:
		}
	}
}

func (w *writer) store(ctx context.Context, group []*request) {
	w.items = w.items[:0]
	for _, r := range group {
		for i := range r.events {
			w.items = append(w.items, item{Event: &r.events[i], request: r, place: i})
		}
	}
	slices.SortStableFunc(w.items, func(a, b item) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	err := w.settle(ctx, w.items)
	for i := range w.items {
		w.items[i].tell()
	}
	w.answer(group, nil)
	clear(w.items) // what they point to may go
	if err != nil {
		w.metrics.failed.Inc()
		w.cfg.Log.WarnContext(ctx, "tracked events were not stored", "events", len(w.items), "error", err)
	}
}

// tell counts the item for its caller.
func (it *item) tell() {
	r := it.request
	switch it.fate {
	case isNew:
		r.stored.New++
	case isDuplicate:
		r.stored.Duplicates++
	case isRefused:
		r.stored.Refused = append(r.stored.Refused, tracking.Rejection{
			Index: it.place, Problem: "event: cannot be stored", Reason: tracking.Refused,
		})
	default:
		r.err = tracking.ErrDown
	}
}

// settle decides the fate of items, which are sorted by id. Of those that share an
// id the first counts, unless it is refused. The error is why some are unknown.
func (w *writer) settle(ctx context.Context, items []item) error {
	var err error
	for {
		unique := make([]*item, 0, len(items))
		for i := range items {
			switch it := &items[i]; {
			case it.fate != pending:
			case len(unique) > 0 && unique[len(unique)-1].ID == it.ID:
			default:
				unique = append(unique, it)
			}
		}
		if len(unique) == 0 {
			return err
		}
		err = cmp.Or(w.divide(ctx, unique), err)
		var first *item // of its id, and not refused
		for i := range items {
			switch it := &items[i]; {
			case it.fate != pending && it.fate != isRefused:
				first = it
			case it.fate == pending && first != nil && first.ID == it.ID:
				it.fate = first.fate
				if it.fate == isNew {
					it.fate = isDuplicate
				}
			}
		}
	}
}

// divide stores items of different ids; when the database refuses them, by
// halves, so that a bad one goes alone.
func (w *writer) divide(ctx context.Context, items []*item) error {
	err := w.transact(ctx, items)
	if lacksPartition(err) {
		if err = w.makePartitions(ctx); err == nil {
			err = w.transact(ctx, items)
		}
	}
	switch {
	case err == nil:
		return nil
	case !refused(err):
		mark(items, isUnknown)
		return err
	case len(items) > 1:
		half := len(items) / 2
		return cmp.Or(w.divide(ctx, items[:half]), w.divide(ctx, items[half:]))
	}
	w.cfg.Log.WarnContext(ctx, "a tracked event was refused by the database", "id", items[0].ID, "error", err)
	mark(items, isRefused)
	return nil
}

func mark(items []*item, f fate) {
	for _, it := range items {
		it.fate = f
	}
}

// insertIDs returns the ids that are new, in their order.
const insertIDs = `insert into tracked_ids select unnest($1::uuid[]) on conflict do nothing returning id`

// errOrder would be a surprise.
var errOrder = errors.New("new ids came back in another order")

// takeBatch also says in how many days from 2000 on it is, and how far the ledger
// is.
const takeBatch = `update track_head set batch = batch + 1
	returning batch, (ledger_clock() at time zone 'UTC')::date - date '2000-01-01', (select position from event_head)`

// transact stores what is new of items, which are sorted by id, in one
// transaction. On error no fate was decided.
func (w *writer) transact(ctx context.Context, items []*item) (err error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, transactTimeout)
	defer cancel()
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	defer func() {
		if err != nil {
			rollback(ctx, conn.Conn())
		}
	}()
	ids := make([][16]byte, len(items))
	for i, it := range items {
		ids[i] = it.ID
	}
	isNewID := make([]bool, len(items))
	var stamp stamp
	b := &pgx.Batch{}
	b.Queue("begin")
	fresh := 0
	b.Queue(insertIDs, ids).Query(func(rows pgx.Rows) error {
		at := 0
		for rows.Next() {
			id := rows.RawValues()[0]
			for at < len(items) && !bytes.Equal(items[at].ID[:], id) {
				at++
			}
			if at == len(items) {
				return errOrder
			}
			isNewID[at] = true
			fresh++
		}
		return rows.Err()
	})
	b.Queue(takeBatch).QueryRow(func(row pgx.Row) error { return row.Scan(&stamp.batch, &stamp.day, &stamp.ledger) })
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if fresh == 0 { // an empty batch is none
		rollback(ctx, conn.Conn())
	} else if err := w.copy(ctx, conn.Conn(), stamp, items, isNewID); err != nil {
		return err
	}
	for i, it := range items {
		it.fate = isDuplicate
		if isNewID[i] {
			it.fate = isNew
		}
	}
	w.metrics.observe(start, fresh)
	return nil
}

// copy copies the rows of the new items, and commits.
func (w *writer) copy(ctx context.Context, conn *pgx.Conn, s stamp, items []*item, isNew []bool) error {
	w.rows = append(w.rows[:0], copyHeader...)
	for i, it := range items {
		if isNew[i] {
			w.rows = appendRows(w.rows, s, it.Event)
		}
	}
	w.rows = append(w.rows, copyEnd...)
	if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(w.rows), copyInto); err != nil {
		return err
	}
	if cap(w.rows) > keptRows {
		w.rows = nil
	}
	tag, err := conn.Exec(ctx, "commit")
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
