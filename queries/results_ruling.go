package queries

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking/tally"
)

//go:embed results_metrics.sql
var metricsThen string

// ruling is what the ledger says, up to a position, of how a phase is counted
// and judged. It is never changed.
type ruling struct {
	*story
	phase    int
	position int64
	// plan is how the phase is counted.
	plan tally.Plan
	// metrics are the definitions, by key.
	metrics map[string]domain.Metric
	// since are pointers to what has changed since the rule was fixed.
	since []string
}

// rulingKey names a ruling; phase 0 is the newest.
type rulingKey struct {
	experiment uuid.UUID
	phase      int
	position   int64
}

// rulingPatience bounds reading a ruling: a plan is made of all definitions.
const rulingPatience = 5 * time.Second

// ruling reads what the ledger says, once.
func (r *results) ruling(ctx context.Context, key rulingKey) (*ruling, error) {
	if known, ok := r.rulings.Get(key); ok {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, rulingPatience)
	defer cancel()
	records, err := r.store.StreamAt(ctx, domain.StreamOf(domain.KindExperiment, key.experiment), key.position)
	if err != nil {
		return nil, err
	}
	told, err := tell(records, key.phase)
	if err != nil {
		return nil, err
	}
	made := &ruling{story: told, phase: told.last.Phase, position: key.position}
	if made.plan, err = r.past.Plan(ctx, key.position, key.experiment, made.phase); err != nil {
		return nil, r.postgres.translate(err)
	}
	if made.metrics, err = r.definitions(ctx, key.position, told.last.Metrics); err != nil {
		return nil, err
	}
	if made.since, err = r.changes(ctx, made); err != nil {
		return nil, err
	}
	r.rulings.Add(key, made)
	return made, nil
}

// definitions reads metric definitions as they stood at a position, by key.
func (r *results) definitions(ctx context.Context, position int64, uses []domain.MetricUse) (map[string]domain.Metric, error) {
	all := map[string]domain.Metric{}
	keys := make([]string, len(uses))
	for i, use := range uses {
		keys[i] = use.Metric
	}
	err := r.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, metricsThen, position, keys)
		if err != nil {
			return err
		}
		var w whole
		_, err = pgx.ForEachRow(rows, w.targets(), func() error {
			event, err := w.decode()
			if err != nil {
				return err
			}
			switch e := event.(type) {
			case domain.Created[domain.Metric]:
				all[e.After.Key] = e.After
			case domain.Changed[domain.Metric]:
				all[e.After.Key] = e.After
			}
			return nil
		})
		return err
	})
	return all, err
}

// changes lists what of the analysis, of the metrics and of their definitions is
// no longer as it was when the rule was fixed.
func (r *results) changes(ctx context.Context, now *ruling) ([]string, error) {
	paths, err := now.changed()
	if err != nil || now.fixed == nil {
		return paths, err
	}
	then, err := r.definitions(ctx, now.fixed.Position, now.rule.Metrics)
	if err != nil {
		return nil, err
	}
	for _, use := range now.rule.Metrics {
		was, is := then[use.Metric], now.metrics[use.Metric]
		if !sameDefinition(was, is) && slices.Contains(now.last.Metrics, use) {
			paths = append(paths, "/metric-definitions/"+use.Metric)
		}
	}
	return paths, nil
}

// sameDefinition compares what numbers depend on.
func sameDefinition(a, b domain.Metric) bool {
	for _, m := range []*domain.Metric{&a, &b} {
		m.Header = domain.Header{ID: m.ID}
		m.Name, m.Description = "", ""
	}
	da, err := domain.Encode(&a)
	if err != nil {
		return false
	}
	db, err := domain.Encode(&b)
	return err == nil && string(da) == string(db)
}
