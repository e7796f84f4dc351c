package fold

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/tracking/tally"
)

// rolls are the members of segments at versions. They are read from the ledger,
// since a plan is counted by the members that it was made for, even while they
// change. It may be used by many goroutines.
type rolls struct {
	mu sync.Mutex
	// last are those read last of each segment; guarded by mu.
	last map[uuid.UUID]roll
}

type roll struct {
	version int
	members map[string]struct{}
}

// of returns the members of a segment at a version.
func (r *rolls) of(ctx context.Context, q eventstore.Querier, segment tally.Segment) (map[string]struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.last[segment.ID]; ok && last.version == segment.Version {
		return last.members, nil
	}
	members, err := readMembers(ctx, q, segment)
	if err != nil {
		return nil, err
	}
	if r.last == nil {
		r.last = map[uuid.UUID]roll{}
	}
	r.last[segment.ID] = roll{segment.Version, members}
	return members, nil
}

func readMembers(ctx context.Context, q eventstore.Querier, segment tally.Segment) (map[string]struct{}, error) {
	rows, err := q.Query(ctx, `select position, type, schema_version, data from events
		where stream_id = $1 and version <= $2 and type = 'segment.members_changed' order by version`,
		string(domain.StreamOf(domain.KindSegment, segment.ID)), segment.Version)
	if err != nil {
		return nil, err
	}
	members := map[string]struct{}{}
	var position int64
	var typ string
	var schema int
	var data []byte
	_, err = pgx.ForEachRow(rows, []any{&position, &typ, &schema, &data}, func() error {
		event, err := eventstore.Decode(typ, schema, data)
		if err != nil {
			return &eventstore.PoisonError{Position: position, Err: err}
		}
		if changed, ok := event.(domain.MembersChanged); ok {
			for _, id := range changed.Added {
				members[id] = struct{}{}
			}
			for _, id := range changed.Removed {
				delete(members, id)
			}
		}
		return nil
	})
	return members, err
}

// excluded says which units a plan leaves out; nil for none.
func (r *rolls) excluded(ctx context.Context, q eventstore.Querier, plan *tally.Plan) (func(unit string) bool, error) {
	var all []map[string]struct{}
	for _, segment := range plan.Exclude {
		members, err := r.of(ctx, q, segment)
		if err != nil {
			return nil, err
		}
		all = append(all, members)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return func(unit string) bool {
		return slices.ContainsFunc(all, func(members map[string]struct{}) bool { _, in := members[unit]; return in })
	}, nil
}
