package commands

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// verbs are the commands on one kind of resource.
type verbs struct {
	create func(c *domain.Catalog, id uuid.UUID, body []byte) ([]domain.Change, error)
	find   func(c *domain.Catalog, ref string) (entity, error)
	edit   func(c *domain.Catalog, e entity, patch []byte) ([]domain.Change, error)
	remove func(c *domain.Catalog, e entity) ([]domain.Change, error)
}

func verbsOf(kind domain.Kind) (verbs, error) {
	type catalog = domain.Catalog
	switch kind {
	case domain.KindLayer:
		return bind((*catalog).CreateLayer, (*catalog).EditLayer, (*catalog).DeleteLayer,
			func(c *catalog, ref string) (*domain.Layer, error) { return c.Layers.Find(ref) }), nil
	case domain.KindSegment:
		return bind((*catalog).CreateSegment, (*catalog).EditSegment, (*catalog).DeleteSegment,
			func(c *catalog, ref string) (*domain.Segment, error) { return c.Segments.Find(ref) }), nil
	case domain.KindHoldout:
		return bind((*catalog).CreateHoldout, (*catalog).EditHoldout, (*catalog).DeleteHoldout,
			func(c *catalog, ref string) (*domain.Holdout, error) { return c.Holdouts.Find(ref) }), nil
	case domain.KindMetric:
		return bind((*catalog).CreateMetric, (*catalog).EditMetric, (*catalog).DeleteMetric,
			func(c *catalog, ref string) (*domain.Metric, error) { return c.Metrics.Find(ref) }), nil
	case domain.KindKey:
		return bind(nil, (*catalog).EditKey, (*catalog).DeleteKey,
			func(c *catalog, ref string) (*domain.Key, error) { return c.Keys.Find(ref) }), nil
	}
	return verbs{}, fmt.Errorf("%w: no such kind of resource: %s", domain.ErrNotFound, kind)
}

// bind hides the type of one kind of resource.
func bind[P entity](
	create func(*domain.Catalog, uuid.UUID, []byte) ([]domain.Change, error),
	edit func(*domain.Catalog, P, []byte) ([]domain.Change, error),
	remove func(*domain.Catalog, P) ([]domain.Change, error),
	find func(*domain.Catalog, string) (P, error),
) verbs {
	return verbs{
		create: create,
		find:   func(c *domain.Catalog, ref string) (entity, error) { return find(c, ref) },
		edit: func(c *domain.Catalog, e entity, patch []byte) ([]domain.Change, error) {
			return edit(c, e.(P), patch)
		},
		remove: func(c *domain.Catalog, e entity) ([]domain.Change, error) { return remove(c, e.(P)) },
	}
}

// CreateResource creates a layer, segment, holdout or metric definition from a
// JSON object.
func (s *Service) CreateResource(ctx context.Context, call Call, kind domain.Kind, body []byte) (Answer, error) {
	v, err := verbsOf(kind)
	if err != nil {
		return Answer{}, err
	}
	id, err := newID()
	if err != nil {
		return Answer{}, err
	}
	return s.run(ctx, call, func(tx *eventstore.Tx) (Answer, error) {
		changes, err := v.create(tx.Catalog, id, body)
		if err != nil {
			return Answer{}, err
		}
		return appendTo(tx, changes, func() (entity, error) { return v.find(tx.Catalog, entityID(changes)) })
	})
}

// entityID is the id of what the first change is about.
func entityID(changes []domain.Change) string {
	_, id, _ := changes[0].Stream.Entity()
	return id.String()
}

// PatchResource edits a resource by a JSON merge patch.
func (s *Service) PatchResource(ctx context.Context, call Call, kind domain.Kind, ref string, patch []byte) (Answer, error) {
	v, err := verbsOf(kind)
	if err != nil {
		return Answer{}, err
	}
	return s.run(ctx, call, func(tx *eventstore.Tx) (Answer, error) {
		e, err := v.expect(tx, call, ref)
		if err != nil {
			return Answer{}, err
		}
		changes, err := v.edit(tx.Catalog, e, patch)
		if err != nil {
			return Answer{}, err
		}
		return appendTo(tx, changes, func() (entity, error) { return v.find(tx.Catalog, e.Head().ID.String()) })
	})
}

// DeleteResource deletes a resource that nothing refers to.
func (s *Service) DeleteResource(ctx context.Context, call Call, kind domain.Kind, ref string) (Answer, error) {
	v, err := verbsOf(kind)
	if err != nil {
		return Answer{}, err
	}
	return s.run(ctx, call, func(tx *eventstore.Tx) (Answer, error) {
		e, err := v.expect(tx, call, ref)
		if err != nil {
			return Answer{}, err
		}
		changes, err := v.remove(tx.Catalog, e)
		if err != nil {
			return Answer{}, err
		}
		return gone(tx, changes, e.Head())
	})
}

// expect finds a resource that has the version that the caller expects.
func (v verbs) expect(tx *eventstore.Tx, call Call, ref string) (entity, error) {
	e, err := v.find(tx.Catalog, ref)
	if err != nil {
		return nil, err
	}
	return e, call.expect(e.Head().Version)
}

// ChangeMembers adds ids to a segment and removes others.
func (s *Service) ChangeMembers(ctx context.Context, call Call, ref string, add, remove []string) (Answer, error) {
	return s.run(ctx, call, func(tx *eventstore.Tx) (Answer, error) {
		g, err := tx.Catalog.Segments.Find(ref)
		if err != nil {
			return Answer{}, err
		}
		if err := call.expect(g.Version); err != nil {
			return Answer{}, err
		}
		changes, err := tx.Catalog.ChangeMembers(g, add, remove)
		if err != nil {
			return Answer{}, err
		}
		return appendTo(tx, changes, func() (*domain.Segment, error) { return tx.Catalog.Segments.Find(g.ID.String()) })
	})
}
