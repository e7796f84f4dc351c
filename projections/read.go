package projections

import (
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// reader reads rows of the ledger that may have been tampered with in any
// column. It makes as little garbage as it can: a ledger is read by the million.
type reader struct {
	rows pgx.Rows
	row  struct {
		position                               pgtype.Int8
		version, schema                        pgtype.Int4
		stream, typ                            borrowed
		data, dataHash, hash                   borrowed
		command                                pgtype.UUID
		actor, key, reason, request, correlate borrowed
		at                                     pgtype.Timestamptz
	}
	targets []any
	// streams and types are those that were seen: each text is made once.
	streams map[string]domain.Stream
	types   map[string]string
	before  *eventstore.Record
}

// borrowed is a value in pgx's own buffer, gone with the next row; nil is null.
type borrowed []byte

func (b *borrowed) ScanBytes(v []byte) error {
	*b = v
	return nil
}

func newReader(rows pgx.Rows) *reader {
	r := &reader{rows: rows, streams: map[string]domain.Stream{}, types: map[string]string{}, before: &eventstore.Record{}}
	w := &r.row
	r.targets = []any{
		&w.position, &w.stream, &w.version, &w.typ, &w.schema, &w.data, &w.dataHash, &w.command,
		&w.actor, &w.key, &w.reason, &w.request, &w.correlate, &w.at, &w.hash,
	}
	return r
}

// record adds the present row, which should be of that position, to the chunk.
func (r *reader) record(c *chunk, want int64) *fault {
	w := &r.row
	w.position.Valid = false
	err := r.rows.Scan(r.targets...)
	if w.position.Valid && w.position.Int64 < want {
		return faultf(w.position.Int64, "a record that was never appended, or twice the same position")
	}
	if w.position.Valid && w.position.Int64 > want {
		return faultf(want, "the record is missing")
	}
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return faultf(want, "the record cannot be read: %v", err)
	}
	if len(w.dataHash) != 32 || len(w.hash) != 32 {
		return faultf(want, "a hash does not have 32 bytes")
	}
	last := r.before
	c.records = append(c.records, eventstore.Record{
		Position: w.position.Int64, Stream: once(r.streams, w.stream), Version: int(w.version.Int32),
		Type: once(r.types, w.typ), SchemaVersion: int(w.schema.Int32),
		Data: c.keep(w.data), DataHash: eventstore.Hash(w.dataHash), CommandID: uuid.UUID(w.command.Bytes),
		Actor: again(last.Actor, w.actor), KeyID: again(last.KeyID, w.key), Reason: again(last.Reason, w.reason),
		RequestID: again(last.RequestID, w.request), CorrelationID: again(last.CorrelationID, w.correlate),
		RecordedAt: w.at.Time.UTC(), Hash: eventstore.Hash(w.hash),
	})
	r.before = &c.records[len(c.records)-1]
	return nil
}

// check looks for what no column may hold.
func (r *reader) check() error {
	w := &r.row
	for _, null := range [...]bool{
		!w.position.Valid, !w.version.Valid, !w.schema.Valid, !w.command.Valid, !w.at.Valid,
		w.stream == nil, w.typ == nil, w.data == nil, w.dataHash == nil, w.hash == nil,
		w.actor == nil, w.key == nil, w.reason == nil, w.request == nil, w.correlate == nil,
	} {
		if null {
			return errors.New("a column is null")
		}
	}
	if w.at.InfinityModifier != pgtype.Finite {
		return errors.New("the time is infinite")
	}
	return nil
}

// once returns the text that was made for these bytes when they were first seen.
func once[T ~string](seen map[string]T, b []byte) T {
	if s, ok := seen[string(b)]; ok {
		return s
	}
	s := string(b)
	seen[s] = T(s)
	return T(s)
}

// again returns the bytes as text, the one before where it is the same.
func again(before string, b []byte) string {
	if string(b) == before {
		return before
	}
	return string(b)
}
