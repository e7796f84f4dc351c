package projections

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// selectRecords is what a reader reads, in binary.
const selectRecords = `select position, stream_id, version, type, schema_version, data, data_hash, command_id,
	actor, key_id, reason, request_id, correlation_id, recorded_at, hash from events`

// recordTypes are those of its columns.
func recordTypes() []uint32 {
	return []uint32{
		pgtype.Int8OID, pgtype.TextOID, pgtype.Int4OID, pgtype.TextOID, pgtype.Int4OID, pgtype.JSONOID, pgtype.ByteaOID, pgtype.UUIDOID,
		pgtype.TextOID, pgtype.TextOID, pgtype.TextOID, pgtype.TextOID, pgtype.TextOID, pgtype.TimestamptzOID, pgtype.ByteaOID,
	}
}

// reader reads rows of the ledger that may have been tampered with in any
// column. It takes values as they come over the wire, and makes as little
// garbage as it can: a ledger is read by the million.
type reader struct {
	rows pgx.Rows
	// asMade says that the columns have the types that they were made with.
	asMade bool
	// streams and types are those that were seen: each text is made once.
	streams map[string]domain.Stream
	types   map[string]string
	before  *eventstore.Record
}

// newReader returns a reader of rows whose first has come: before, nobody knows
// their columns.
func newReader(rows pgx.Rows) *reader {
	asMade := slices.EqualFunc(rows.FieldDescriptions(), recordTypes(), func(column pgconn.FieldDescription, oid uint32) bool {
		return column.DataTypeOID == oid
	})
	return &reader{
		rows: rows, asMade: asMade,
		streams: map[string]domain.Stream{}, types: map[string]string{}, before: &eventstore.Record{},
	}
}

// record adds the present row, which should be of that position, to the chunk.
func (r *reader) record(c *chunk, want int64) *fault {
	if !r.asMade {
		return faultf(want, "the record cannot be read: a column has another type")
	}
	v := r.rows.RawValues()
	if v[0] != nil {
		switch position := int64(binary.BigEndian.Uint64(v[0])); {
		case position < want:
			return faultf(position, "a record that was never appended, or twice the same position")
		case position > want:
			return faultf(want, "the record is missing")
		}
	}
	for _, column := range v {
		if column == nil {
			return faultf(want, "the record cannot be read: a column is null")
		}
	}
	if len(v[6]) != 32 || len(v[14]) != 32 {
		return faultf(want, "a hash does not have 32 bytes")
	}
	at, finite := timestamp(v[13])
	if !finite {
		return faultf(want, "the record cannot be read: the time is infinite")
	}
	last := r.before
	c.records = append(c.records, eventstore.Record{
		Position: want, Stream: once(r.streams, v[1]), Version: whole(v[2]),
		Type: once(r.types, v[3]), SchemaVersion: whole(v[4]),
		Data: c.keep(v[5]), DataHash: eventstore.Hash(v[6]), CommandID: uuid.UUID(v[7]),
		Actor: again(last.Actor, v[8]), KeyID: again(last.KeyID, v[9]), Reason: again(last.Reason, v[10]),
		RequestID: again(last.RequestID, v[11]), CorrelationID: again(last.CorrelationID, v[12]),
		RecordedAt: at, Hash: eventstore.Hash(v[14]),
	})
	r.before = &c.records[len(c.records)-1]
	return nil
}

// whole reads an integer.
func whole(b []byte) int { return int(int32(binary.BigEndian.Uint32(b))) }

// timestamp reads a timestamptz: microseconds since the year 2000, whose first and
// last mean infinity.
func timestamp(b []byte) (t time.Time, finite bool) {
	const year2000 = 946_684_800_000_000
	micros := int64(binary.BigEndian.Uint64(b))
	return time.UnixMicro(year2000 + micros).UTC(), micros != math.MinInt64 && micros != math.MaxInt64
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
