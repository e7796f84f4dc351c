package queries

import (
	"context"
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// Moment is a point of the past: a time, a position of the ledger, or a version
// of the one thing that is asked about. At most one is set; none is now.
type Moment struct {
	At       time.Time
	Position int64
	Version  int
}

// past says whether it is a moment other than now.
func (m Moment) past() (bool, error) {
	set := 0
	for _, given := range [...]bool{!m.At.IsZero(), m.Position != 0, m.Version != 0} {
		if given {
			set++
		}
	}
	switch {
	case set > 1:
		return false, domain.Invalid("at", "must be the only one of at, position and version")
	case m.Position < 0:
		return false, domain.Invalid("position", "must be 1 or more")
	case m.Version < 0:
		return false, domain.Invalid("version", "must be 1 or more")
	}
	return set == 1, nil
}

// experimentThen reads an experiment as it stood, from its own records.
func (s *Service) experimentThen(ctx context.Context, ref string, m Moment) (doc jsontext.Value, version int, position int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if m.Version != 0 {
		return s.experimentVersion(ctx, ref, m.Version)
	}
	position, err = s.positionOf(ctx, m)
	if err != nil {
		return nil, 0, 0, err
	}
	id, err := s.holder(ctx, ref, position)
	if err != nil {
		return nil, 0, 0, err
	}
	records, err := s.store.StreamAt(ctx, domain.StreamOf(domain.KindExperiment, id), position)
	if err != nil {
		return nil, 0, 0, err
	}
	doc, version, err = standing(records)
	return doc, version, position, err
}

func (s *Service) experimentVersion(ctx context.Context, ref string, version int) (jsontext.Value, int, int64, error) {
	id, err := s.holder(ctx, ref, math.MaxInt64)
	if err != nil {
		return nil, 0, 0, err
	}
	records, err := s.store.ReadStream(ctx, domain.StreamOf(domain.KindExperiment, id), 0, version)
	if err != nil {
		return nil, 0, 0, err
	}
	if len(records) < version {
		return nil, 0, 0, domain.ErrNotFound
	}
	doc, version, err := standing(records)
	return doc, version, records[len(records)-1].Position, err
}

// positionOf is the position that the ledger had at a moment.
func (s *Service) positionOf(ctx context.Context, m Moment) (int64, error) {
	head, err := s.store.Head(ctx)
	if err != nil {
		return 0, err
	}
	if m.Position != 0 {
		if m.Position > head.Position {
			return 0, domain.Invalid("position", "must be at most %d, the ledger's last", head.Position)
		}
		return m.Position, nil
	}
	if m.At.After(head.Now) && m.At.After(head.RecordedAt) {
		return 0, domain.Invalid("at", "must not be in the future")
	}
	return s.store.PositionAt(ctx, m.At)
}

// holder resolves an id or key to the id of an experiment, deleted or not: a
// key is that of the experiment that had it last, up to a position.
func (s *Service) holder(ctx context.Context, ref string, position int64) (uuid.UUID, error) {
	var id uuid.UUID
	if !nameable(ref) {
		return id, domain.ErrNotFound
	}
	err := s.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
		id, err = readHolder(ctx, pool, ref, position)
		return err
	})
	return id, err
}

// readHolder is holder within a transaction. ref must be nameable.
func readHolder(ctx context.Context, q eventstore.Querier, ref string, position int64) (id uuid.UUID, err error) {
	err = q.QueryRow(ctx, `select x.id from experiments x
		join events e on e.stream_id = $3 || x.id::text and e.version = 1
		where (x.key = $1 or x.id = $2) and e.position <= $4
		order by x.key = $1 desc, e.position desc limit 1`,
		ref, idOf(ref), string(domain.KindExperiment)+"/", position).Scan(&id)
	return id, err
}

// standing is the document that an experiment's records, from its first, amount
// to.
func standing(records []eventstore.Record) (jsontext.Value, int, error) {
	f, err := newFold(records)
	if err != nil {
		return nil, 0, err
	}
	for i := range records {
		f.apply(&records[i])
	}
	e := f.experiment()
	if e == nil || e.Deleted {
		return nil, 0, domain.ErrNotFound
	}
	doc, err := domain.Encode(e)
	return doc, e.Version, err
}

// experimentFold folds the records of one experiment.
type experimentFold struct {
	catalog *domain.Catalog
	id      uuid.UUID
}

// newFold makes a fold for records that begin with those of an experiment's
// creation.
func newFold(records []eventstore.Record) (*experimentFold, error) {
	if len(records) == 0 {
		return nil, domain.ErrNotFound
	}
	_, id, _ := records[0].Stream.Entity()
	return &experimentFold{catalog: domain.NewCatalog(records[0].RecordedAt), id: id}, nil
}

func (f *experimentFold) apply(r *eventstore.Record) { f.catalog.Apply(r.Stamp(), r.Stream, r.Event) }

// experiment is nil before the creation.
func (f *experimentFold) experiment() *domain.Experiment {
	e, ok := f.catalog.Experiments.ByID(f.id)
	if !ok {
		return nil
	}
	return e
}
