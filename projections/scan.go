package projections

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// chunkSize is how many records are decoded and folded at once.
const chunkSize = 2_000

// chunk is a run of records as read; fault says what is wrong with the first
// record that is missing from records.
type chunk struct {
	records []eventstore.Record
	fault   *fault
	ready   chan struct{}
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
// order. Chunks are decoded in parallel, a few ahead of fold.
func stream(ctx context.Context, q eventstore.Querier, after int64, fold func(*chunk) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	chunks := make(chan *chunk, 8)
	read := make(chan error, 1)
	go func() {
		defer close(chunks)
		read <- readChunks(ctx, q, after, chunks)
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
		}
	}
	if failed := <-read; !stopped {
		return failed
	}
	return err
}

// readChunks reads rows and starts the decoding of each full chunk.
func readChunks(ctx context.Context, q eventstore.Querier, after int64, chunks chan<- *chunk) error {
	sql := `select position, stream_id, version, type, schema_version, data, data_hash, command_id,
			actor, key_id, reason, request_id, correlation_id, recorded_at, hash from events`
	args := []any{}
	if after > 0 { // else records with no position, or with one below 1, show too
		sql, args = sql+` where position > $1`, append(args, after)
	}
	rows, err := q.Query(ctx, sql+` order by position`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	next := after + 1
	c := &chunk{ready: make(chan struct{})}
	for rows.Next() {
		r, bad := scanRow(rows, next)
		if bad != nil {
			c.fault = bad
			break
		}
		c.records = append(c.records, r)
		next++
		if len(c.records) == chunkSize {
			if !send(ctx, chunks, c) {
				return ctx.Err()
			}
			c = &chunk{ready: make(chan struct{})}
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

// scanRow reads a row that may have been tampered with in any column.
func scanRow(rows pgx.Rows, want int64) (eventstore.Record, *fault) {
	var (
		position                               *int64
		streamID, typ                          *string
		version, schema                        *int
		data, dataHash, hash                   []byte
		command                                *uuid.UUID
		actor, key, reason, request, correlate *string
		at                                     *time.Time
	)
	err := rows.Scan(&position, &streamID, &version, &typ, &schema, &data, &dataHash, &command,
		&actor, &key, &reason, &request, &correlate, &at, &hash)
	if position != nil && *position < want {
		return eventstore.Record{}, faultf(*position, "a record that was never appended, or twice the same position")
	}
	if position != nil && *position > want {
		return eventstore.Record{}, faultf(want, "the record is missing")
	}
	for _, missing := range []bool{
		position == nil, streamID == nil, version == nil, typ == nil, schema == nil, data == nil, dataHash == nil,
		command == nil, actor == nil, key == nil, reason == nil, request == nil, correlate == nil, at == nil, hash == nil,
	} {
		if missing && err == nil {
			err = fmt.Errorf("a column is null")
		}
	}
	if err != nil {
		return eventstore.Record{}, faultf(want, "the record cannot be read: %v", err)
	}
	if len(dataHash) != 32 || len(hash) != 32 {
		return eventstore.Record{}, faultf(want, "a hash does not have 32 bytes")
	}
	return eventstore.Record{
		Position: *position, Stream: domain.Stream(*streamID), Version: *version, Type: *typ, SchemaVersion: *schema,
		Data: data, DataHash: eventstore.Hash(dataHash), CommandID: *command, Actor: *actor, KeyID: *key, Reason: *reason,
		RequestID: *request, CorrelationID: *correlate, RecordedAt: at.UTC(), Hash: eventstore.Hash(hash),
	}, nil
}

// decode checks each record's data against its hash, and decodes it.
func (c *chunk) decode() {
	defer close(c.ready)
	for i := range c.records {
		r := &c.records[i]
		if sha256.Sum256(r.Data) != r.DataHash {
			c.cut(i, faultf(r.Position, "the data is not what was hashed"))
			return
		}
		event, err := eventstore.Decode(r.Type, r.SchemaVersion, r.Data)
		if err != nil {
			c.cut(i, faultf(r.Position, "%v", err))
			return
		}
		r.Event = event
	}
}

// cut ends the chunk before record i.
func (c *chunk) cut(i int, f *fault) {
	c.records, c.fault = c.records[:i], f
}

// runs splits records so that each day's rows can be rendered before the
// catalog forgets the day: a closing begins a run.
func runs(records []eventstore.Record, each func([]eventstore.Record) error) error {
	start := 0
	for i := range records {
		if _, closing := records[i].Event.(domain.DayClosed); closing && i > start {
			if err := each(records[start:i]); err != nil {
				return err
			}
			start = i
		}
	}
	if start == len(records) {
		return nil
	}
	return each(records[start:])
}
