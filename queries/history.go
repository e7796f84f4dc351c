package queries

import (
	"context"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// HistoryOptions say which records of an experiment are asked for.
type HistoryOptions struct {
	// Types are event types; none is all.
	Types []string
	// Limit is 1 to MaxLimit, 0 for 100.
	Limit  int
	Cursor string
}

// HistoryEntry is a record of an experiment and what it changed. The statuses
// are those of a change of status.
type HistoryEntry struct {
	Position  int64         `json:"position"`
	Version   int           `json:"version"`
	Type      string        `json:"type"`
	At        time.Time     `json:"at"`
	Actor     string        `json:"actor"`
	KeyID     string        `json:"key_id,omitempty"`
	Reason    string        `json:"reason"`
	RequestID string        `json:"request_id,omitempty"`
	OldStatus domain.Status `json:"old_status,omitempty"`
	NewStatus domain.Status `json:"new_status,omitempty"`
	// Changes are the differences from the version before.
	Changes []FieldChange `json:"changes"`
	Hash    string        `json:"hash"`
}

// History reads the records of an experiment, newest first: by its id even when
// it is deleted, by key of the experiment that has it or had it last.
func (s *Service) History(ctx context.Context, ref string, o HistoryOptions) (Page[HistoryEntry], error) {
	limit, err := bound(o.Limit)
	if err != nil {
		return Page[HistoryEntry]{}, err
	}
	types, err := historyTypes(o.Types)
	if err != nil {
		return Page[HistoryEntry]{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id, err := s.holder(ctx, ref, math.MaxInt64)
	if err != nil {
		return Page[HistoryEntry]{}, err
	}
	list := scope("history", id.String(), strings.Join(types, ","))
	after, err := parseCursor(list, o.Cursor)
	if err != nil {
		return Page[HistoryEntry]{}, err
	}
	below := int64(math.MaxInt32)
	if after != nil {
		if below, err = strconv.ParseInt(after.value, 10, 32); err != nil {
			return Page[HistoryEntry]{}, domain.Invalid("cursor", "must be the next_cursor of a page of the same list")
		}
	}
	h, err := s.versions(ctx, id, types, below, limit)
	if err != nil {
		return Page[HistoryEntry]{}, err
	}
	entries, err := s.entries(ctx, h)
	page := Page[HistoryEntry]{Items: entries}
	if h.more {
		page.NextCursor = cursor{strconv.Itoa(h.wanted[len(h.wanted)-1]), id}.encode(list)
	}
	return page, err
}

// historyTypes checks types and brings them into one order.
func historyTypes(given []string) ([]string, error) {
	var known []string
	for _, t := range eventstore.Types() {
		if strings.HasPrefix(t, string(domain.KindExperiment)+".") {
			known = append(known, t)
		}
	}
	types := slices.Compact(slices.Sorted(slices.Values(given)))
	for _, t := range types {
		if !slices.Contains(known, t) {
			return nil, domain.Invalid("type", "must be one of %q", known)
		}
	}
	return types, nil
}

// pastVersions are versions of a stream, newest first, and the version that
// a fold up to them can begin after.
type pastVersions struct {
	stream domain.Stream
	wanted []int
	more   bool
	// base is the newest version before the wanted ones that holds a whole
	// document; 0 where that is the first wanted one.
	base int
}

// versions finds up to limit versions below one.
func (s *Service) versions(ctx context.Context, id uuid.UUID, types []string, below int64, limit int) (pastVersions, error) {
	h := pastVersions{stream: domain.StreamOf(domain.KindExperiment, id)}
	err := s.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, `select version from events
			where stream_id = $1 and version < $2 and ($3::text[] is null or type = any($3))
			order by version desc limit $4`, string(h.stream), below, types, limit+1)
		if err != nil {
			return err
		}
		if h.wanted, err = pgx.CollectRows(rows, pgx.RowTo[int]); err != nil || len(h.wanted) == 0 {
			return err
		}
		if len(h.wanted) > limit {
			h.wanted, h.more = h.wanted[:limit], true
		}
		return pool.QueryRow(ctx, `select coalesce(max(version), 0) from events
			where stream_id = $1 and version < $2 and type = any($3)`,
			string(h.stream), h.wanted[len(h.wanted)-1], wholeTypes()).Scan(&h.base)
	})
	return h, err
}

// wholeTypes are the types of events that hold an experiment's whole document.
func wholeTypes() []string {
	return []string{domain.Created[domain.Experiment]{}.Type(), domain.Changed[domain.Experiment]{}.Type()}
}

// entries reads the records from the base on and compares each document with
// the one before.
func (s *Service) entries(ctx context.Context, h pastVersions) ([]HistoryEntry, error) {
	entries := []HistoryEntry{}
	if len(h.wanted) == 0 {
		return entries, nil
	}
	first := max(h.base, 1)
	records, err := s.store.ReadStream(ctx, h.stream, first-1, h.wanted[0]-first+1)
	if err != nil {
		return nil, err
	}
	wanted := map[int]bool{}
	for _, version := range h.wanted {
		wanted[version] = true
	}
	f, err := newFold(records)
	if err != nil {
		return nil, err
	}
	var before []byte
	for i := range records {
		f.apply(&records[i])
		after, err := domain.Encode(f.experiment())
		if err != nil {
			return nil, err
		}
		if wanted[records[i].Version] {
			changes, err := diff(before, after)
			if err != nil {
				return nil, err
			}
			entries = append(entries, entryOf(&records[i], changes))
		}
		before = after
	}
	slices.Reverse(entries)
	return entries, nil
}

func entryOf(r *eventstore.Record, changes []FieldChange) HistoryEntry {
	e := HistoryEntry{
		Position: r.Position, Version: r.Version, Type: r.Type, At: r.RecordedAt,
		Actor: r.Actor, KeyID: r.KeyID, Reason: r.Reason, RequestID: r.RequestID,
		Changes: changes, Hash: hex.EncodeToString(r.Hash[:]),
	}
	if switched, ok := r.Event.(domain.StatusChanged); ok {
		e.OldStatus, e.NewStatus = switched.Old, switched.New
	}
	return e
}
