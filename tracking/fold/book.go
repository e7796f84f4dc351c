package fold

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/tally"
)

// phaseKey names a phase of an experiment.
type phaseKey struct {
	experiment uuid.UUID
	phase      int
}

func (k phaseKey) compare(o phaseKey) int {
	return cmp.Or(bytes.Compare(k.experiment[:], o.experiment[:]), cmp.Compare(k.phase, o.phase))
}

// book is what plans are made of, as the ledger had it at a position. Not safe
// for concurrent use.
type book struct {
	position int64
	hash     []byte
	catalog  *domain.Catalog // metrics and segments; experiments as they stand
	// phases are the experiments as their last record in a phase left them.
	phases map[phaseKey]*domain.Experiment
}

func newBook() *book {
	return &book{catalog: domain.NewCatalog(time.Time{}), phases: map[phaseKey]*domain.Experiment{}}
}

// selectPages is what books read. Who entered and left segments is read when it
// is needed: at this place it is enough that somebody did.
const selectPages = `select position, stream_id, version, type, schema_version, recorded_at,
		case when type <> 'segment.members_changed' then data end
	from events where position > $1 and position <= $2
		and type in ('experiment.created', 'experiment.changed', 'metric.created', 'metric.changed', 'metric.deleted',
			'segment.created', 'segment.changed', 'segment.deleted', 'segment.members_changed')`

// read takes up the records that a query of selectPages returns.
func (b *book) read(ctx context.Context, q eventstore.Querier, sql string, args ...any) error {
	rows, err := q.Query(ctx, sql+` order by position`, args...)
	if err != nil {
		return err
	}
	var stamp domain.Stamp
	var stream, typ string
	var schema int
	var data []byte
	_, err = pgx.ForEachRow(rows, []any{&stamp.Position, &stream, &stamp.Version, &typ, &schema, &stamp.At, &data}, func() error {
		var event domain.Event = domain.MembersChanged{}
		if data != nil {
			var err error
			if event, err = eventstore.Decode(typ, schema, data); err != nil {
				return &eventstore.PoisonError{Position: stamp.Position, Err: err}
			}
		}
		b.catalog.Apply(stamp, domain.Stream(stream), event)
		if kind, id, _ := domain.Stream(stream).Entity(); kind == domain.KindExperiment {
			if e, ok := b.catalog.Experiments.ByID(id); ok {
				b.phases[phaseKey{id, e.Phase}] = e
			}
		}
		return nil
	})
	return err
}

// readOn takes up all that the ledger has by now. Where it is another ledger than
// was read, by a restore or a fail-over, all of it is read again.
func (b *book) readOn(ctx context.Context, q eventstore.Querier) error {
	head, err := eventstore.ReadHead(ctx, q)
	if err != nil {
		return err
	}
	if b.position > 0 {
		var hash []byte
		err := q.QueryRow(ctx, `select hash from events where position = $1`, b.position).Scan(&hash)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if !bytes.Equal(hash, b.hash) {
			*b = *newBook()
		}
	}
	if b.position == head.Position {
		return nil
	}
	if err := b.read(ctx, q, selectPages, b.position, head.Position); err != nil {
		*b = *newBook() // some of it is applied
		return err
	}
	b.position, b.hash = head.Position, bytes.Clone(head.Hash[:])
	return nil
}

// plan is how a phase is counted; ok is false where there is no such phase.
func (b *book) plan(key phaseKey) (plan tally.Plan, ok bool) {
	e, ok := b.phases[key]
	if !ok {
		return tally.Plan{}, false
	}
	plan = tally.Plan{Experiment: key.experiment, Phase: key.phase, UnitType: e.UnitType, Dimensions: e.Analysis.Dimensions}
	for _, v := range e.Variations {
		plan.Variations = append(plan.Variations, v.Key)
	}
	for _, use := range e.Metrics {
		if m, ok := b.catalog.Metrics.ByKey(use.Metric); ok {
			plan.Metrics = append(plan.Metrics, metricOf(m))
		}
	}
	for _, segment := range e.Analysis.Exclude {
		if g, ok := b.catalog.Segments.ByKey(segment); ok {
			plan.Exclude = append(plan.Exclude, tally.Segment{ID: g.ID, Key: g.Key, Version: g.Version})
		}
	}
	return plan, true
}

// metricOf is a metric as far as counting goes.
func metricOf(m *domain.Metric) tally.Metric {
	of := tally.Metric{
		Key: m.Key, Kind: m.MetricKind, Event: m.Event, Denominator: m.Denominator,
		WindowHours: m.WindowHours, CUPED: m.CUPED && m.MetricKind != "quantile",
	}
	if of.CUPED {
		of.LookbackDays = m.LookbackDays
	}
	if m.Quantile != nil {
		of.Quantile = *m.Quantile
	}
	if m.Cap != nil {
		// One that is more than any value may be is none.
		if amount, err := tracking.AmountOf(*m.Cap); err == nil {
			of.Cap = new(int64(amount))
		}
	}
	return of
}
