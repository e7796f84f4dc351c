package projections

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

const (
	// chunkSize is how many records are decoded and folded at once.
	chunkSize = 2_000
	// ahead is how many chunks are read before they are folded.
	ahead = 8
)

// patience lets a transaction read the whole ledger, however long that takes and
// however long its reader is busy with what it has read. Without statistics a
// query for the last few records looks long enough to be compiled first: that
// takes longer than to run it.
const patience = "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local jit = off"

// chunk is a run of records as read; fault says what is wrong with the first
// record that is missing from records.
type chunk struct {
	records []eventstore.Record
	// data holds what the records' Data are slices of.
	data []byte
	// redacted are positions whose data need not be what was hashed.
	redacted []int64
	fault    *fault
	ready    chan struct{}
}

// newChunk returns an empty chunk, in the memory of one that was folded if there
// is one: events keep nothing of the data that they were decoded from.
func newChunk(redacted []int64, folded <-chan *chunk) *chunk {
	c := &chunk{redacted: redacted, ready: make(chan struct{})}
	select {
	case old := <-folded:
		c.records, c.data = old.records[:0], old.data[:0]
	default:
		c.records = make([]eventstore.Record, 0, chunkSize)
	}
	return c
}

// keep copies what a record holds to where it stays.
func (c *chunk) keep(b []byte) []byte {
	if cap(c.data)-len(c.data) < len(b) {
		c.data = make([]byte, 0, max(len(b), 1<<20))
	}
	start := len(c.data)
	c.data = append(c.data, b...)
	return c.data[start:len(c.data):len(c.data)]
}

// fault is the first record that is not what was appended.
type fault struct {
	position int64
	problem  string
}

func faultf(position int64, format string, args ...any) *fault {
	return &fault{position, fmt.Sprintf(format, args...)}
}

// stream reads the ledger after a position and hands it to fold in chunks, in
// order. Chunks are decoded in parallel, a few ahead of fold. Data at the redacted
// positions is taken as it is.
func stream(ctx context.Context, q eventstore.Querier, after int64, redacted []int64, fold func(*chunk) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	chunks, folded := make(chan *chunk, ahead), make(chan *chunk, ahead)
	read := make(chan error, 1)
	go func() {
		defer close(chunks)
		read <- readChunks(ctx, q, after, chunks, func() *chunk { return newChunk(redacted, folded) })
	}()
	// After the end of folding chunks are still taken: the reader must not be
	// left waiting.
	var err error
	stopped := false
	for c := range chunks {
		<-c.ready
		if stopped {
			continue
		}
		if err = fold(c); err != nil || c.fault != nil {
			stopped = true
			cancel()
			continue
		}
		select {
		case folded <- c:
		default:
		}
	}
	if failed := <-read; !stopped {
		return failed
	}
	return err
}

// readOn is stream in a transaction of its own, which may take as long as it
// takes.
func readOn(ctx context.Context, pool *pgxpool.Pool, after int64, redacted []int64, fold func(*chunk) error) error {
	return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// Sorting what an index has in order would keep who waits for the end
		// waiting; without statistics Postgres may think otherwise.
		if _, err := tx.Exec(ctx, patience+"; set local enable_sort = off"); err != nil {
			return err
		}
		return stream(ctx, tx, after, redacted, fold)
	})
}

// readChunks reads rows and starts the decoding of each full chunk.
func readChunks(ctx context.Context, q eventstore.Querier, after int64, chunks chan<- *chunk, newChunk func() *chunk) error {
	sql, args := selectRecords, []any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}
	if after > 0 { // else records with no position, or with one below 1, show too
		sql, args = sql+` where position > $1`, append(args, after)
	}
	rows, err := q.Query(ctx, sql+` order by position`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	next := after + 1
	c := newChunk()
	var reader *reader
	for rows.Next() {
		if reader == nil {
			reader = newReader(rows)
		}
		if c.fault = reader.record(c, next); c.fault != nil {
			break
		}
		next++
		if len(c.records) == chunkSize {
			if !send(ctx, chunks, c) {
				return ctx.Err()
			}
			c = newChunk()
		}
	}
	if c.fault == nil {
		if err := rows.Err(); err != nil {
			return err
		}
	}
	send(ctx, chunks, c)
	return nil
}

func send(ctx context.Context, chunks chan<- *chunk, c *chunk) bool {
	select {
	case chunks <- c:
		go c.decode()
		return true
	case <-ctx.Done():
		return false
	}
}

// maxMemo is how many bytes data may have to be decoded once for all records of a
// chunk that have the same. Most of a ledger is switching on and off.
const maxMemo = 64

// decoded is what data of a type came to.
type decoded struct {
	typ    string
	schema int
	hash   eventstore.Hash
	event  domain.Event
	err    error
}

// decode checks each record's data against its hash, and decodes it.
func (c *chunk) decode() {
	defer close(c.ready)
	memo := map[string]decoded{}
	for i := range c.records {
		r := &c.records[i]
		d, ok := memo[string(r.Data)]
		if !ok || d.typ != r.Type || d.schema != r.SchemaVersion {
			d = decoded{typ: r.Type, schema: r.SchemaVersion, hash: sha256.Sum256(r.Data)}
			d.event, d.err = eventstore.Decode(r.Type, r.SchemaVersion, r.Data)
			if len(r.Data) <= maxMemo {
				memo[string(r.Data)] = d
			}
		}
		switch {
		case d.hash != r.DataHash && !slices.Contains(c.redacted, r.Position):
			c.cut(i, faultf(r.Position, "the data is not what was hashed"))
			return
		case d.err != nil:
			c.cut(i, faultf(r.Position, "%v", d.err))
			return
		}
		r.Event = d.event
	}
}

// cut ends the chunk before record i.
func (c *chunk) cut(i int, f *fault) {
	c.records, c.fault = c.records[:i], f
}
