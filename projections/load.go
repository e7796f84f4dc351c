package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-json-experiment/json"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// Snapshot runs f in a transaction that sees one state of the ledger and of all
// read models. It locks them against a replay's swap before it looks: to a
// snapshot that is older than its rows a new table is empty.
func Snapshot(ctx context.Context, pool *pgxpool.Pool, f func(pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "lock table "+strings.Join(Tables(), ", ")+" in access share mode"); err != nil {
			return err
		}
		return f(tx)
	})
}

// Load restores the catalog that the read models hold. It must run in a
// transaction that sees one state: under the append lock, or in a Snapshot.
func Load(ctx context.Context, q eventstore.Querier) (*domain.Catalog, error) {
	head, err := eventstore.ReadHead(ctx, q)
	if err != nil {
		return nil, err
	}
	saved := domain.Saved{
		Position: head.Position, At: head.RecordedAt.UTC(), Hash: head.Hash,
		ClosedThrough: domain.DateOf(head.BeganAt) - 1,
		Days:          map[domain.Date]domain.Day{},
		Members:       map[uuid.UUID]map[string]struct{}{},
	}
	for _, load := range []func(context.Context, eventstore.Querier, *domain.Saved) error{
		loadExperiments, loadResources, loadMembers, loadClosed, loadDays, loadChanges,
	} {
		if err := load(ctx, q, &saved); err != nil {
			return nil, err
		}
	}
	return domain.Restore(saved), nil
}

// Load restores the catalog that the read models hold.
func (Inline) Load(ctx context.Context, q eventstore.Querier) (*domain.Catalog, error) {
	return Load(ctx, q)
}

func loadExperiments(ctx context.Context, q eventstore.Querier, saved *domain.Saved) error {
	rows, err := q.Query(ctx, `select doc from experiments`)
	if err != nil {
		return err
	}
	saved.Experiments, err = pgx.CollectRows(rows, decodeDoc[domain.Experiment])
	for i := range saved.Experiments {
		e := &saved.Experiments[i]
		switch {
		case e.Deleted:
		case e.Status == domain.Active:
			saved.Active++
		default:
			saved.Inactive++
		}
	}
	return err
}

func decodeDoc[T any](row pgx.CollectableRow) (T, error) {
	var doc []byte
	var e T
	if err := row.Scan(&doc); err != nil {
		return e, err
	}
	err := json.Unmarshal(doc, &e)
	return e, err
}

func loadResources(ctx context.Context, q eventstore.Querier, saved *domain.Saved) error {
	rows, err := q.Query(ctx, `select kind, doc from resources`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var kind domain.Kind
		var doc []byte
		if err := rows.Scan(&kind, &doc); err != nil {
			return err
		}
		if err := addSaved(saved, kind, doc); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return rows.Err()
}

func addSaved(saved *domain.Saved, kind domain.Kind, doc []byte) error {
	switch kind {
	case domain.KindLayer:
		return appendDoc(&saved.Layers, doc)
	case domain.KindSegment:
		return appendDoc(&saved.Segments, doc)
	case domain.KindHoldout:
		return appendDoc(&saved.Holdouts, doc)
	case domain.KindMetric:
		return appendDoc(&saved.Metrics, doc)
	case domain.KindKey:
		return appendDoc(&saved.Keys, doc)
	}
	return errors.New("unknown kind of resource")
}

func appendDoc[T any](all *[]T, doc []byte) error {
	var e T
	err := json.Unmarshal(doc, &e)
	*all = append(*all, e)
	return err
}

func loadMembers(ctx context.Context, q eventstore.Querier, saved *domain.Saved) error {
	rows, err := q.Query(ctx, `select segment_id, member from segment_members`)
	if err != nil {
		return err
	}
	var id uuid.UUID
	var member string
	_, err = pgx.ForEachRow(rows, []any{&id, &member}, func() error {
		set, ok := saved.Members[id]
		if !ok {
			set = map[string]struct{}{}
			saved.Members[id] = set
		}
		set[member] = struct{}{}
		return nil
	})
	return err
}

func loadClosed(ctx context.Context, q eventstore.Querier, saved *domain.Saved) error {
	var report []byte
	err := q.QueryRow(ctx, `select report, (select version from events where position = r.position)
		from daily_reports r order by date desc limit 1`).Scan(&report, &saved.DaysVersion)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	saved.Closed = &domain.DailyReport{}
	if err := json.Unmarshal(report, saved.Closed); err != nil {
		return err
	}
	saved.ClosedThrough = saved.Closed.Date
	return nil
}

func loadDays(ctx context.Context, q eventstore.Querier, saved *domain.Saved) error {
	rows, err := q.Query(ctx, `select date, active, inactive, total_changes, from_position, to_position, hash
		from daily_state where date > $1::text::date`, saved.ClosedThrough.String())
	if err != nil {
		return err
	}
	var date time.Time
	var day domain.Day
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&date, &day.Active, &day.Inactive, &day.TotalChanges, &day.From, &day.To, &hash}, func() error {
		day.Changes = map[uuid.UUID]domain.DailyChange{}
		copy(day.Hash[:], hash)
		saved.Days[domain.DateOf(date)] = day
		return nil
	})
	return err
}

func loadChanges(ctx context.Context, q eventstore.Querier, saved *domain.Saved) error {
	rows, err := q.Query(ctx, `select date, experiment_id, key, name, changes
		from daily_changes where date > $1::text::date`, saved.ClosedThrough.String())
	if err != nil {
		return err
	}
	var date time.Time
	var ch domain.DailyChange
	_, err = pgx.ForEachRow(rows, []any{&date, &ch.ExperimentID, &ch.Key, &ch.Name, &ch.Changes}, func() error {
		saved.Days[domain.DateOf(date)].Changes[ch.ExperimentID] = ch
		return nil
	})
	return err
}
