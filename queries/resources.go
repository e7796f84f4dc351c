package queries

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// resource is a document with what a page and an answer need to know of it.
type resource struct {
	id      uuid.UUID
	key     string
	version int
	doc     jsontext.Value
}

// Resource reads a layer, segment, holdout, metric definition or API key by id
// or key, with its version and the position of the ledger that the answer holds
// at. The document of a layer says who holds what of it; that of a key has
// nothing of its secret.
func (s *Service) Resource(ctx context.Context, kind domain.Kind, ref string) (doc jsontext.Value, version int, position int64, err error) {
	all, position, err := s.resources(ctx, kind, selection{ref: &ref, limit: 1})
	if err == nil && len(all) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return nil, 0, 0, err
	}
	return all[0].doc, all[0].version, position, nil
}

// Resources lists what there is of a kind, by key.
func (s *Service) Resources(ctx context.Context, kind domain.Kind, limit int, after string) (Page[jsontext.Value], error) {
	page := Page[jsontext.Value]{Items: []jsontext.Value{}}
	limit, err := bound(limit)
	if err != nil {
		return page, err
	}
	list := scope("resources", string(kind))
	from, err := parseCursor(list, after)
	if err != nil {
		return page, err
	}
	wanted := selection{limit: limit + 1}
	if from != nil {
		wanted.after = from.value
	}
	all, _, err := s.resources(ctx, kind, wanted)
	if err != nil {
		return page, err
	}
	if len(all) > limit {
		all = all[:limit]
		page.NextCursor = cursor{all[limit-1].key, all[limit-1].id}.encode(list)
	}
	for _, r := range all {
		page.Items = append(page.Items, r.doc)
	}
	return page, nil
}

// selection is one resource by id or key, or those whose keys come after one.
type selection struct {
	ref   *string
	after string
	limit int
}

// resources reads memory where that holds all that this process knows of, else
// Postgres, and else memory again.
func (s *Service) resources(ctx context.Context, kind domain.Kind, wanted selection) (all []resource, position int64, err error) {
	if !isResource(kind) {
		return nil, 0, fmt.Errorf("%w: no such kind of resource: %s", domain.ErrNotFound, kind)
	}
	if !s.current() {
		all, position, err = s.resourcesInPostgres(ctx, kind, wanted)
		if err == nil || !errors.Is(err, domain.ErrUnavailable) || !s.follower.View().Loaded {
			return all, position, err
		}
	}
	s.follower.WithCatalog(func(c *domain.Catalog) {
		position = c.Position()
		all, err = selectFrom(c, kind, wanted)
	})
	return all, position, err
}

// resourcesInPostgres makes a catalog of no more than the kind needs, and
// selects from that.
func (s *Service) resourcesInPostgres(ctx context.Context, kind domain.Kind, wanted selection) (all []resource, position int64, err error) {
	if s.postgres.down() {
		return nil, 0, errDown
	}
	var saved domain.Saved
	err = s.postgres.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		head, err := eventstore.ReadHead(ctx, tx)
		if err != nil {
			return err
		}
		position = head.Position
		return loadKind(ctx, tx, kind, &saved)
	})
	if err != nil {
		return nil, 0, err
	}
	all, err = selectFrom(domain.Restore(saved), kind, wanted)
	return all, position, err
}

// loadKind loads the resources of a kind, with the experiments that a layer's
// occupancy is made of.
func loadKind(ctx context.Context, tx pgx.Tx, kind domain.Kind, saved *domain.Saved) (err error) {
	docs := func() (pgx.Rows, error) {
		return tx.Query(ctx, `select doc from resources where kind = $1 and not deleted`, string(kind))
	}
	switch kind {
	case domain.KindLayer:
		if saved.Layers, err = decodeDocs[domain.Layer](docs()); err != nil {
			return err
		}
		saved.Experiments, err = decodeDocs[domain.Experiment](tx.Query(ctx,
			`select doc from experiments where not deleted and doc -> 'layer' ->> 'key' is not null`))
	case domain.KindSegment:
		saved.Segments, err = decodeDocs[domain.Segment](docs())
	case domain.KindHoldout:
		saved.Holdouts, err = decodeDocs[domain.Holdout](docs())
	case domain.KindMetric:
		saved.Metrics, err = decodeDocs[domain.Metric](docs())
	case domain.KindKey:
		saved.Keys, err = decodeDocs[domain.Key](docs())
	}
	return err
}

func decodeDocs[T any](rows pgx.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e T, err error) {
		var doc []byte
		if err := row.Scan(&doc); err != nil {
			return e, err
		}
		return e, json.Unmarshal(doc, &e)
	})
}

// entity is any of the domain's entities.
type entity interface {
	Kind() domain.Kind
	Head() domain.Header
}

// collection is what all collections of a catalog have in common.
type collection[P entity] interface {
	Find(ref string) (P, error)
	All() iter.Seq[P]
}

func isResource(kind domain.Kind) bool {
	switch kind {
	case domain.KindLayer, domain.KindSegment, domain.KindHoldout, domain.KindMetric, domain.KindKey:
		return true
	}
	return false
}

// selectFrom selects resources of a catalog, by key.
func selectFrom(c *domain.Catalog, kind domain.Kind, wanted selection) ([]resource, error) {
	switch kind {
	case domain.KindLayer:
		return choose(c, c.Layers, wanted)
	case domain.KindSegment:
		return choose(c, c.Segments, wanted)
	case domain.KindHoldout:
		return choose(c, c.Holdouts, wanted)
	case domain.KindMetric:
		return choose(c, c.Metrics, wanted)
	}
	return choose(c, c.Keys, wanted)
}

func choose[P entity](c *domain.Catalog, from collection[P], wanted selection) ([]resource, error) {
	var chosen []P
	if wanted.ref != nil {
		e, err := from.Find(*wanted.ref)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, e)
	} else {
		for e := range from.All() {
			if e.Head().Key > wanted.after {
				chosen = append(chosen, e)
			}
		}
		slices.SortFunc(chosen, func(a, b P) int { return cmp.Compare(a.Head().Key, b.Head().Key) })
		chosen = chosen[:min(len(chosen), wanted.limit)]
	}
	all := make([]resource, len(chosen))
	for i, e := range chosen {
		doc, err := resourceDoc(c, e)
		if err != nil {
			return nil, err
		}
		h := e.Head()
		all[i] = resource{id: h.ID, key: h.Key, version: h.Version, doc: doc}
	}
	return all, nil
}

// resourceDoc is the document as readers see it.
func resourceDoc(c *domain.Catalog, e entity) (jsontext.Value, error) {
	switch e := e.(type) {
	case *domain.Layer:
		return layerDoc(c, e)
	case *domain.Key:
		public := *e
		public.SecretHash = ""
		return domain.Encode(&public)
	}
	return domain.Encode(e)
}

// layerDoc adds to a layer what experiments hold of it.
func layerDoc(c *domain.Catalog, l *domain.Layer) (jsontext.Value, error) {
	occupied := c.Occupancy(l)
	free := domain.Slots
	for _, o := range occupied {
		free -= o.To - o.From
	}
	return domain.Encode(struct {
		Layer     domain.Layer      `json:",embed"`
		Occupancy []domain.Occupied `json:"occupancy"`
		FreePPM   int               `json:"free_ppm"`
	}{*l, occupied, free})
}
