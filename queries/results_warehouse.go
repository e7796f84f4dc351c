package queries

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking/warehouse"
)

// WarehouseResults judges what a warehouse has counted of a phase, by the ledger
// as it stands. It is not pinned: the warehouse may say something else tomorrow.
// A warehouse does not know of splits, so that only a phase with one is checked
// for them; o.AsOf must be empty.
func (s *Service) WarehouseResults(ctx context.Context, ref string, db warehouse.Beginner, source warehouse.Source, o ResultsOptions) (Readout, error) {
	if o.AsOf != "" {
		return Readout{}, domain.Invalid("as_of", "must be absent where a warehouse counts")
	}
	if !nameable(ref) {
		return Readout{}, domain.ErrNotFound
	}
	r := s.results
	at, err := r.present(ctx, ref, o.Phase)
	if err != nil {
		return Readout{}, err
	}
	u, err := r.ruling(ctx, rulingKey{at.experiment, at.phase, at.position})
	if err != nil {
		return Readout{}, err
	}
	study := warehouse.Study{Plan: u.plan, Experiment: u.last.Key, From: u.began, Until: time.Now()}
	if study.Excluded, err = r.excluded(ctx, u); err != nil {
		return Readout{}, err
	}
	cells, err := warehouse.Count(ctx, db, source, study)
	if err != nil {
		return Readout{}, err
	}
	pooled := len(u.epochs) > 1
	if pooled {
		blind, told := *u, *u.story
		told.epochs = nil
		blind.story = &told
		u = &blind
	}
	doc, err := r.judge(u, &counted{counts: countAll(u.plan, cells), plan: u.plan}, Pair{u.position, 0}, o)
	if err != nil {
		return Readout{}, err
	}
	if pooled {
		doc.markPooled()
	}
	return seal(doc)
}

// markPooled warns that units of several splits are compared together: what
// changed with the split may pass for an effect.
func (r *Results) markPooled() {
	mark := func(metrics []MetricResult) {
		for _, m := range metrics {
			for v := 1; v < len(m.Variations); v++ {
				m.Variations[v].Flags = append(m.Variations[v].Flags, "epochs_pooled")
			}
		}
	}
	mark(r.Metrics)
	if r.Breakdown != nil {
		for _, value := range r.Breakdown.Values {
			mark(value.Metrics)
		}
	}
}

// excluded are the members of the segments that are left out.
func (r *results) excluded(ctx context.Context, u *ruling) (members []string, err error) {
	var segments []uuid.UUID
	for _, segment := range u.plan.Exclude {
		segments = append(segments, segment.ID)
	}
	err = r.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, `select distinct member from segment_members where segment_id = any ($1)`, segments)
		if err != nil {
			return err
		}
		members, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return members, err
}
