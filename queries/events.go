package queries

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

const (
	// maxEventBytes ends a page of events early: one change of a segment may have
	// megabytes.
	maxEventBytes = 8 << 20
	// maxScan bounds the records that a page looks at for those of a type or an
	// actor, for which there is no index.
	maxScan = 50_000
	// maxStreams bounds the entities that had a key, one after the other.
	maxStreams = 100
)

// EventOptions say which records are asked for; the zero value is all of them, in
// order.
type EventOptions struct {
	// After and Before are positions, neither included; 0 is no bound.
	After, Before int64
	// From and To are times, the first included; zero is no bound.
	From, To time.Time
	// Type is a type, or what types begin with, ending in a dot.
	Type  string
	Actor string
	// Stream is a stream, or the id or key of what a stream is of, deleted or not.
	Stream string
	// Newest is for the newest first.
	Newest bool
	// Limit is 1 to MaxLimit, 0 for 100.
	Limit int
}

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

// Events reads records as they are stored: also those of types that this program
// does not know. The cursor is the position to go on from, as After, or as Before
// where the newest come first; nil where there are no more. A page may hold less
// than its limit, and even nothing, and have a cursor: it looked at as many
// records as it may.
func (s *Service) Events(ctx context.Context, o EventOptions) (Page[EventEntry], error) {
	page := Page[EventEntry]{Items: []EventEntry{}}
	if err := o.check(); err != nil {
		return page, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w, err := s.window(ctx, o)
	if err != nil {
		return page, err
	}
	err = s.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
		if o.Stream != "" {
			if w.streams, err = readStreams(ctx, pool, o.Stream); err != nil {
				return err
			}
		} else if o.filters() {
			if err = w.shorten(ctx, pool); err != nil {
				return err
			}
		}
		page, err = w.read(ctx, pool)
		return err
	})
	return page, err
}

// filters says whether records must be looked at to tell if they are wanted.
func (o *EventOptions) filters() bool { return o.Type != "" || o.Actor != "" }

func (o *EventOptions) check() (err error) {
	if o.Limit, err = bound(o.Limit); err != nil {
		return err
	}
	if o.After < 0 {
		return domain.Invalid("after", "must be 0 or more")
	}
	if o.Before < 0 {
		return domain.Invalid("before", "must be 0 or more")
	}
	if !o.From.IsZero() && !o.To.IsZero() && !o.From.Before(o.To) {
		return domain.Invalid("from", "must be before to")
	}
	for field, text := range map[string]string{"type": o.Type, "actor": o.Actor, "stream": o.Stream} {
		if err := checkSearch(field, text); err != nil {
			return err
		}
	}
	return nil
}

// window is the part of the ledger that a page looks at.
type window struct {
	EventOptions
	// low and high are positions, neither included.
	low, high int64
	// short says that the ledger goes on where the window ends.
	short bool
	// streams are the only ones to look at; nil is all.
	streams []string
}

// window finds the positions that the options bound.
func (s *Service) window(ctx context.Context, o EventOptions) (*window, error) {
	w := &window{EventOptions: o, low: o.After, high: math.MaxInt64}
	if o.Before > 0 {
		w.high = o.Before
	}
	if !o.From.IsZero() {
		earlier, err := s.store.PositionAt(ctx, o.From.Add(-time.Nanosecond))
		if err != nil {
			return nil, err
		}
		w.low = max(w.low, earlier)
	}
	if !o.To.IsZero() {
		last, err := s.store.PositionAt(ctx, o.To.Add(-time.Nanosecond))
		if err != nil {
			return nil, err
		}
		w.high = min(w.high, last+1)
	}
	return w, nil
}

// shorten makes the window one that may be looked through.
func (w *window) shorten(ctx context.Context, q eventstore.Querier) error {
	var head int64
	if err := q.QueryRow(ctx, `select position from event_head`).Scan(&head); err != nil {
		return err
	}
	w.high = min(w.high, head+1)
	if w.high-w.low-1 <= maxScan {
		return nil
	}
	w.short = true
	if w.Newest {
		w.low = w.high - 1 - maxScan
	} else {
		w.high = w.low + 1 + maxScan
	}
	return nil
}

// readStreams finds the streams that a text names.
func readStreams(ctx context.Context, q eventstore.Querier, ref string) ([]string, error) {
	if strings.ContainsRune(ref, '/') || ref == string(domain.DaysStream) {
		return []string{ref}, nil
	}
	rows, err := q.Query(ctx, `select $3 || '/' || id::text from experiments where key = $1 or id = $2
		union all select kind || '/' || id::text from resources where key = $1 or id = $2 limit $4`,
		ref, idOf(ref), string(domain.KindExperiment), maxStreams)
	if err != nil {
		return nil, err
	}
	streams, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return append([]string{}, streams...), err
}

const eventColumns = `position, stream_id, version, type, schema_version, data, data_hash, command_id,
	actor, key_id, reason, request_id, correlation_id, recorded_at, hash`

// sql is the statement of the page, which has one row more. Streams are read
// through the index of their versions, everything else by position.
func (w *window) sql() (string, []any) {
	args := []any{w.low, w.high, w.Limit + 1}
	where := "position > $1 and position < $2"
	if w.streams != nil { // no range for the planner to take the index of positions for
		where = "position + 0 > $1 and position + 0 < $2"
	}
	filter := func(condition string, arg any) {
		args = append(args, arg)
		where += fmt.Sprintf(" and "+condition, len(args))
	}
	switch {
	case strings.HasSuffix(w.Type, "."):
		filter("starts_with(type, $%d)", w.Type)
	case w.Type != "":
		filter("type = $%d", w.Type)
	}
	if w.Actor != "" {
		filter("actor = $%d", w.Actor)
	}
	direction := "asc"
	if w.Newest {
		direction = "desc"
	}
	from := "events where " + where
	if w.streams != nil {
		args = append(args, w.streams)
		from = fmt.Sprintf(`unnest($%d::text[]) stream cross join lateral (
			select %s from events where stream_id = stream and %s order by version %s limit $3) of_stream`,
			len(args), eventColumns, where, direction)
	}
	return fmt.Sprintf(`select %s from %s order by position %s limit $3`, eventColumns, from, direction), args
}

func (w *window) read(ctx context.Context, pool *pgxpool.Pool) (Page[EventEntry], error) {
	page := Page[EventEntry]{Items: []EventEntry{}}
	// Ending the context ends a page that is cut short: the rest is not read.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sql, args := w.sql()
	rows, err := pool.Query(ctx, sql, args...)
	if err != nil {
		return page, err
	}
	defer rows.Close()
	for size := 0; rows.Next(); {
		r, err := eventstore.Scan(rows)
		if err != nil {
			return page, err
		}
		size += len(r.Data)
		if n := len(page.Items); n == w.Limit || n > 0 && size > maxEventBytes {
			cancel()
			page.NextCursor = positionCursor(page.Items[n-1].Position)
			return page, nil
		}
		page.Items = append(page.Items, eventOf(&r))
	}
	if w.short {
		page.NextCursor = positionCursor(w.end())
	}
	return page, rows.Err()
}

// end is the position to go on from after the whole window.
func (w *window) end() int64 {
	if w.Newest {
		return w.low + 1
	}
	return w.high - 1
}

func positionCursor(position int64) *string {
	text := strconv.FormatInt(position, 10)
	return &text
}

func eventOf(r *eventstore.Record) EventEntry {
	return EventEntry{
		Position: r.Position, Stream: r.Stream, Version: r.Version, Type: r.Type, SchemaVersion: r.SchemaVersion,
		Data: jsontext.Value(r.Data).Clone(), DataHash: hex.EncodeToString(r.DataHash[:]), CommandID: r.CommandID,
		Actor: r.Actor, KeyID: r.KeyID, Reason: r.Reason, RequestID: r.RequestID, CorrelationID: r.CorrelationID,
		At: r.RecordedAt, Hash: hex.EncodeToString(r.Hash[:]),
	}
}
