package queries

import (
	"context"
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/projections"
)

// Experiment reads an experiment's document by id or key, as it stands or as it
// stood at a moment, with its version and the position of the ledger that the
// answer holds at. It is domain.ErrNotFound before the creation and after the
// deletion.
func (s *Service) Experiment(ctx context.Context, ref string, m Moment) (doc jsontext.Value, version int, position int64, err error) {
	past, err := m.past()
	if err != nil {
		return nil, 0, 0, err
	}
	if past {
		return s.experimentThen(ctx, ref, m)
	}
	return s.experimentNow(ctx, ref)
}

// experimentNow reads memory where that holds all that this process knows of,
// else Postgres, and else the newer of Redis and memory, which say how old they
// are.
func (s *Service) experimentNow(ctx context.Context, ref string) (doc jsontext.Value, version int, position int64, err error) {
	if s.current() {
		return experimentInMemory(s.follower.View(), ref)
	}
	doc, version, position, err = s.experimentInPostgres(ctx, ref)
	if err == nil || !errors.Is(err, domain.ErrUnavailable) {
		return doc, version, position, err
	}
	view := s.follower.View()
	if all, position, ok := s.readRedis(ctx, view.Position); ok {
		return experimentIn(all, position, ref)
	}
	if !view.Loaded {
		return nil, 0, 0, err
	}
	return experimentInMemory(view, ref)
}

func experimentInMemory(view *projections.View, ref string) (doc jsontext.Value, version int, position int64, err error) {
	found, ok := view.ByKey[ref]
	if id, bad := uuid.Parse(ref); !ok && bad == nil {
		found, ok = view.ByID[id]
	}
	if !ok {
		return nil, 0, 0, domain.ErrNotFound
	}
	return found.JSON, found.Experiment.Version, view.Position, nil
}

// experimentIn finds an experiment by key, else by id.
func experimentIn(all []*entry, position int64, ref string) (doc jsontext.Value, version int, _ int64, err error) {
	i := slices.IndexFunc(all, func(e *entry) bool { return e.experiment.Key == ref })
	if id := idOf(ref); i < 0 && id != nil {
		i = slices.IndexFunc(all, func(e *entry) bool { return e.experiment.ID == *id })
	}
	if i < 0 {
		return nil, 0, 0, domain.ErrNotFound
	}
	return all[i].doc, all[i].experiment.Version, position, nil
}

func (s *Service) experimentInPostgres(ctx context.Context, ref string) (doc jsontext.Value, version int, position int64, err error) {
	if !nameable(ref) {
		return nil, 0, 0, domain.ErrNotFound
	}
	if s.postgres.down() {
		return nil, 0, 0, errDown
	}
	err = s.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, `select h.position, e.doc, e.version from event_head h, lateral (
				select doc, version from experiments where not deleted and (key = $1 or id = $2) order by key = $1 desc limit 1
			) e`, ref, idOf(ref)).Scan(&position, (*[]byte)(&doc), &version)
	})
	return doc, version, position, err
}

// nameable says whether an experiment could have that key or id at all. What
// Postgres cannot take for a text is not worth asking it.
func nameable(ref string) bool { return checkSearch("id", ref) == nil }

// idOf is the id that ref is, nil where it is none.
func idOf(ref string) *uuid.UUID {
	id, err := uuid.Parse(ref)
	if err != nil {
		return nil
	}
	return &id
}
