package queries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/projections"
)

const (
	// overviewDays are the days of activity, today included.
	overviewDays = 14
	// activityAge is how old the activity may be where nothing changed: days end.
	activityAge = 10 * time.Second
)

// Overview is all experiments at a glance, in the order of their keys.
type Overview struct {
	Position int64          `json:"position"`
	Items    []OverviewItem `json:"items"`
	// Activity counts changes of status by day, as the daily reports do.
	Activity []DayActivity `json:"activity"`
}

// OverviewItem is an experiment at a glance. What its results say is of AsOf, which
// may be behind Position; all of it is null until it was computed once.
type OverviewItem struct {
	ExperimentID uuid.UUID `json:"experiment_id"`
	Verdict      *Verdict  `json:"verdict"`
	// SRM says whether units do not come as the split says; null for no units.
	SRM *bool `json:"srm"`
	// AsOf is what to ask the results with for the same verdict. Like ComputedAt it
	// is null for an experiment that never was active, which needs no results.
	AsOf       *string    `json:"as_of"`
	ComputedAt *time.Time `json:"computed_at"`
	LastChange RecordRef  `json:"last_change"`
}

// DayActivity is a day of the ledger and its changes of status.
type DayActivity struct {
	Date    domain.Date `json:"date"`
	Changes int         `json:"changes"`
}

// overview is the last that was made. It may be used by many goroutines.
type overview struct {
	mu sync.Mutex
	// mu guards the rest.
	made     Readout
	position int64
	hash     domain.Hash
	revision int64 // of the glances
	activity []DayActivity
	readAt   time.Time
	changes  map[changeKey]RecordRef
}

// changeKey names a record, also where the ledger was restored to an earlier
// moment and has gone on otherwise.
type changeKey struct {
	position int64
	id       uuid.UUID
	at       time.Time
}

// Overview reads all experiments at a glance from this process's memory; Postgres
// is asked only for what is new. What the results say is what Watch saw last.
func (s *Service) Overview(ctx context.Context) (Readout, error) {
	view := s.follower.View()
	if !view.Loaded {
		return Readout{}, errUnread
	}
	o := &s.overview
	o.mu.Lock()
	defer o.mu.Unlock()
	revision, glances := s.glances.seen()
	moved := o.made.Body == nil || o.position != view.Position || o.hash != view.Hash
	aged := time.Since(o.readAt) > activityAge
	if !moved && !aged && o.revision == revision {
		return o.made, nil
	}
	if moved || aged {
		// Without Postgres nothing happens that is not in here.
		if err := o.refresh(ctx, s.postgres, view); err != nil && moved {
			return Readout{}, err
		}
	}
	doc := o.document(view, glances)
	body, err := domain.Encode(doc)
	if err != nil {
		return Readout{}, err
	}
	sum := sha256.Sum256(body)
	o.made = Readout{Body: body, Hash: hex.EncodeToString(sum[:])}
	o.position, o.hash, o.revision = view.Position, view.Hash, revision
	return o.made, nil
}

func (o *overview) refresh(ctx context.Context, p *postgres, view *projections.View) error {
	if p.down() {
		return errDown
	}
	return p.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error { return o.read(ctx, pool, view) })
}

// read reads the activity, and the last changes that are not known.
func (o *overview) read(ctx context.Context, pool *pgxpool.Pool, view *projections.View) error {
	rows, err := pool.Query(ctx, `select day::date, coalesce(s.total_changes, 0)
		from (select (greatest(recorded_at, ledger_clock()) at time zone 'UTC')::date as today,
			(began_at at time zone 'UTC')::date as first from event_head) h
		cross join lateral generate_series(greatest(h.today - $1::int, h.first), h.today, interval '1 day') day
		left join daily_state s on s.date = day::date order by day`, overviewDays-1)
	if err != nil {
		return err
	}
	activity, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a DayActivity, err error) {
		var day time.Time
		err = row.Scan(&day, &a.Changes)
		a.Date = domain.DateOf(day)
		return a, err
	})
	if err != nil {
		return err
	}
	changes := make(map[changeKey]RecordRef, len(view.Docs))
	var missing []int64
	for _, d := range view.Docs {
		key := changeOf(d)
		if known, ok := o.changes[key]; ok {
			changes[key] = known
		} else {
			missing = append(missing, key.position)
		}
	}
	if err := readChanges(ctx, pool, missing, changes); err != nil {
		return err
	}
	o.activity, o.changes, o.readAt = activity, changes, time.Now()
	return nil
}

func changeOf(d *projections.Doc) changeKey {
	return changeKey{d.Experiment.Position, d.Experiment.ID, d.Experiment.UpdatedAt}
}

func readChanges(ctx context.Context, pool *pgxpool.Pool, positions []int64, into map[changeKey]RecordRef) error {
	if len(positions) == 0 {
		return nil
	}
	rows, err := pool.Query(ctx, `select position, stream_id, type, recorded_at, actor, reason from events where position = any ($1)`, positions)
	if err != nil {
		return err
	}
	var c RecordRef
	var stream domain.Stream
	_, err = pgx.ForEachRow(rows, []any{&c.Position, (*string)(&stream), &c.Type, &c.At, &c.Actor, &c.Reason}, func() error {
		c.At = c.At.UTC()
		_, id, _ := stream.Entity()
		into[changeKey{c.Position, id, c.At}] = c
		return nil
	})
	return err
}

func (o *overview) document(view *projections.View, glances map[uuid.UUID]*glance) Overview {
	doc := Overview{Position: view.Position, Items: make([]OverviewItem, 0, len(view.Docs)), Activity: o.activity}
	docs := slices.SortedFunc(slices.Values(view.Docs), func(a, b *projections.Doc) int {
		return strings.Compare(a.Experiment.Key, b.Experiment.Key)
	})
	for _, d := range docs {
		change, ok := o.changes[changeOf(d)]
		if !ok { // the ledger was restored just now, and memory is about to be
			continue
		}
		item := OverviewItem{ExperimentID: d.Experiment.ID, LastChange: change}
		if !d.Experiment.EverActive {
			verdict := notStarted()
			item.Verdict = &verdict
		} else if g := glances[d.Experiment.ID]; g != nil && g.asOf != "" {
			item.Verdict, item.SRM, item.AsOf, item.ComputedAt = &g.verdict, g.srm, &g.asOf, &g.computedAt
		}
		doc.Items = append(doc.Items, item)
	}
	return doc
}
