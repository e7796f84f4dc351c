package queries

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// maxEventBytes ends a page of events early: one change of a segment may have
// megabytes.
const maxEventBytes = 8 << 20

// EventEntry is a record with all that its place in the chain can be checked
// from; see docs/ledger.md.
type EventEntry struct {
	Position      int64          `json:"position"`
	Stream        domain.Stream  `json:"stream"`
	Version       int            `json:"version"`
	Type          string         `json:"type"`
	SchemaVersion int            `json:"schema_version"`
	Data          jsontext.Value `json:"data"`
	// DataHash is SHA-256 of the bytes of Data.
	DataHash      string    `json:"data_hash"`
	CommandID     uuid.UUID `json:"command_id"`
	Actor         string    `json:"actor"`
	KeyID         string    `json:"key_id"`
	Reason        string    `json:"reason"`
	RequestID     string    `json:"request_id"`
	CorrelationID string    `json:"correlation_id"`
	// At has microseconds.
	At   time.Time `json:"at"`
	Hash string    `json:"hash"`
}

// Events reads up to limit records after a position, in order, as they are
// stored: also those of types that this program does not know. The cursor is
// the last position; nil at the ledger's end.
func (s *Service) Events(ctx context.Context, after int64, limit int) (Page[EventEntry], error) {
	limit, err := bound(limit)
	if err != nil {
		return Page[EventEntry]{}, err
	}
	if after < 0 {
		return Page[EventEntry]{}, domain.Invalid("after", "must be 0 or more")
	}
	page := Page[EventEntry]{Items: []EventEntry{}}
	more := false
	err = s.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		page.Items, more, err = readEvents(ctx, pool, after, limit)
		return err
	})
	if more {
		next := strconv.FormatInt(page.Items[len(page.Items)-1].Position, 10)
		page.NextCursor = &next
	}
	return page, err
}

func readEvents(ctx context.Context, pool *pgxpool.Pool, after int64, limit int) (entries []EventEntry, more bool, err error) {
	// Ending the context ends a page that is cut short: the rest is not read.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := pool.Query(ctx, `select position, stream_id, version, type, schema_version, data, data_hash, command_id,
			actor, key_id, reason, request_id, correlation_id, recorded_at, hash
		from events where position > $1 order by position limit $2`, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	entries = []EventEntry{}
	for size := 0; rows.Next(); {
		r, err := eventstore.Scan(rows)
		if err != nil {
			return nil, false, err
		}
		size += len(r.Data)
		if len(entries) == limit || len(entries) > 0 && size > maxEventBytes {
			cancel()
			return entries, true, nil
		}
		entries = append(entries, eventOf(&r))
	}
	return entries, false, rows.Err()
}

func eventOf(r *eventstore.Record) EventEntry {
	return EventEntry{
		Position: r.Position, Stream: r.Stream, Version: r.Version, Type: r.Type, SchemaVersion: r.SchemaVersion,
		Data: jsontext.Value(r.Data).Clone(), DataHash: hex.EncodeToString(r.DataHash[:]), CommandID: r.CommandID,
		Actor: r.Actor, KeyID: r.KeyID, Reason: r.Reason, RequestID: r.RequestID, CorrelationID: r.CorrelationID,
		At: r.RecordedAt, Hash: hex.EncodeToString(r.Hash[:]),
	}
}
