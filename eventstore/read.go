package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
)

const columns = `position, stream_id, version, type, schema_version, data, data_hash, command_id,
	actor, key_id, reason, request_id, correlation_id, recorded_at, hash`

// Head is the ledger's end.
type Head struct {
	Position   int64
	RecordedAt time.Time
	Hash       Hash
	// Now is the ledger's clock, which may be behind RecordedAt.
	Now time.Time
	// BeganAt is when the ledger was made.
	BeganAt time.Time
}

// Time is the ledger's time: its clock, but never before the last record.
func (h Head) Time() time.Time { return later(h.Now, h.RecordedAt) }

// Head reads the ledger's end.
func (s *Store) Head(ctx context.Context) (Head, error) {
	head, err := ReadHead(ctx, s.pool)
	return head, translate(err)
}

// ReadHead reads the ledger's end from within a transaction.
func ReadHead(ctx context.Context, q Querier) (Head, error) {
	var h Head
	var hash []byte
	err := q.QueryRow(ctx, `select position, recorded_at, hash, ledger_clock(), began_at from event_head`).
		Scan(&h.Position, &h.RecordedAt, &hash, &h.Now, &h.BeganAt)
	if len(hash) == len(h.Hash) { // else it is no record's
		h.Hash = Hash(hash)
	}
	return h, err
}

// ReadAll reads up to limit records after a position, in order.
func (s *Store) ReadAll(ctx context.Context, after int64, limit int) ([]Record, error) {
	records, err := readAll(ctx, s.pool, after, limit)
	return records, translateRead(err)
}

func readAll(ctx context.Context, q Querier, after int64, limit int) ([]Record, error) {
	rows, err := q.Query(ctx, `select `+columns+` from events where position > $1 order by position limit $2`, after, limit)
	if err != nil {
		return nil, err
	}
	return collect(rows)
}

// ReadStream reads up to limit records of one stream after a version, in order.
func (s *Store) ReadStream(ctx context.Context, stream domain.Stream, afterVersion, limit int) ([]Record, error) {
	return s.read(ctx, `select `+columns+` from events where stream_id = $1 and version > $2 order by version limit $3`,
		string(stream), afterVersion, limit)
}

// StreamAt reads all records of one stream up to a position, in order.
func (s *Store) StreamAt(ctx context.Context, stream domain.Stream, position int64) ([]Record, error) {
	return s.read(ctx, `select `+columns+` from events where stream_id = $1 and position <= $2 order by version`,
		string(stream), position)
}

// PositionAt is the last position recorded at t or before, 0 for none. Time never
// falls as position grows, so it halves the ledger until it has found it.
func (s *Store) PositionAt(ctx context.Context, t time.Time) (int64, error) {
	var position int64
	err := s.pool.QueryRow(ctx, `with recursive halve (low, high) as (
			select 0::bigint, position from event_head
			union all
			select case when e.recorded_at <= $1 then e.position else low end,
				case when e.recorded_at <= $1 then high else e.position - 1 end
			from halve, lateral (select position, recorded_at from events where position = (low + high + 1) / 2) e
			where low < high
		) select max(low) from halve`, t).Scan(&position)
	return position, translate(err)
}

// HashAt is the hash of the record at a position; ok is false where there is
// none. Position 0 has the zero hash.
func (s *Store) HashAt(ctx context.Context, position int64) (hash Hash, ok bool, err error) {
	if position == 0 {
		return Hash{}, true, nil
	}
	var b []byte
	err = s.pool.QueryRow(ctx, `select hash from events where position = $1`, position).Scan(&b)
	if errors.Is(err, pgx.ErrNoRows) {
		return Hash{}, false, nil
	}
	copy(hash[:], b)
	return hash, err == nil, translate(err)
}

func (s *Store) read(ctx context.Context, sql string, args ...any) ([]Record, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, translate(err)
	}
	records, err := collect(rows)
	return records, translateRead(err)
}

// translateRead leaves a PoisonError as it is: waiting does not cure it.
func translateRead(err error) error {
	var poison *PoisonError
	if errors.As(err, &poison) {
		return err
	}
	return translate(err)
}

// PoisonError is a record that cannot be decoded. What reads it must stop, not
// skip it. The records before it are returned with it.
type PoisonError struct {
	Position int64
	Err      error
}

func (e *PoisonError) Error() string { return fmt.Sprintf("record %d: %v", e.Position, e.Err) }
func (e *PoisonError) Unwrap() error { return e.Err }

// collect reads and decodes records.
func collect(rows pgx.Rows) ([]Record, error) {
	defer rows.Close()
	var records []Record
	for rows.Next() {
		r, err := Scan(rows)
		if err != nil {
			return records, err
		}
		if r.Event, err = Decode(r.Type, r.SchemaVersion, r.Data); err != nil {
			return records, &PoisonError{Position: r.Position, Err: err}
		}
		records = append(records, r)
	}
	return records, rows.Err()
}

// Scan reads a row of the events table, without decoding its event. The
// columns are those that a Record has, in its order.
func Scan(row pgx.CollectableRow) (Record, error) {
	var r Record
	var stream string
	var dataHash, hash []byte
	err := row.Scan(&r.Position, &stream, &r.Version, &r.Type, &r.SchemaVersion, &r.Data, &dataHash, &r.CommandID,
		&r.Actor, &r.KeyID, &r.Reason, &r.RequestID, &r.CorrelationID, &r.RecordedAt, &hash)
	r.Stream = domain.Stream(stream)
	copy(r.DataHash[:], dataHash)
	copy(r.Hash[:], hash)
	r.RecordedAt = r.RecordedAt.UTC()
	return r, err
}
