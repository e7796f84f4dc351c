package projections

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

// changes are entities that changed, as they stand now, deleted ones too; and
// who entered and left segments.
type changes struct {
	experiments []*domain.Experiment
	layers      []*domain.Layer
	holdouts    []*domain.Holdout
	segments    []*domain.Segment
	keys        []*domain.Key
	members     map[uuid.UUID]roll
}

// everything is the change from nothing to a catalog.
func everything(c *domain.Catalog) changes {
	all := changes{
		experiments: slices.Collect(c.Experiments.Ever()), layers: slices.Collect(c.Layers.Ever()),
		holdouts: slices.Collect(c.Holdouts.Ever()), segments: slices.Collect(c.Segments.Ever()), keys: slices.Collect(c.Keys.Ever()),
		members: map[uuid.UUID]roll{},
	}
	for _, g := range all.segments {
		if g.Deleted {
			continue
		}
		members := c.Members(g.ID)
		entered := make(roll, 0, len(members))
		for id := range members {
			entered = append(entered, mention{id, true})
		}
		all.members[g.ID] = entered
	}
	return all
}

// add takes the entity of a stream up.
func (all *changes) add(c *domain.Catalog, stream domain.Stream) {
	kind, id, _ := stream.Entity()
	switch kind {
	case domain.KindExperiment:
		all.experiments = appendFound(all.experiments, c.Experiments, id)
	case domain.KindLayer:
		all.layers = appendFound(all.layers, c.Layers, id)
	case domain.KindHoldout:
		all.holdouts = appendFound(all.holdouts, c.Holdouts, id)
	case domain.KindSegment:
		all.segments = appendFound(all.segments, c.Segments, id)
	case domain.KindKey:
		all.keys = appendFound(all.keys, c.Keys, id)
	}
}

func appendFound[P any](list []P, in finder[P], id uuid.UUID) []P {
	if e, ok := in.ByID(id); ok {
		return append(list, e)
	}
	return list
}

// roll is the ids that entered or left a segment, each once.
type roll []mention

type mention struct {
	id string
	in bool
}

// apply returns the sorted ids with those that entered and without those that
// left. It leaves the list as it is.
func (r roll) apply(ids []string) []string {
	if len(r) == 0 {
		return ids
	}
	slices.SortFunc(r, func(a, b mention) int { return cmp.Compare(a.id, b.id) })
	next := make([]string, 0, len(ids)+len(r))
	for _, m := range r {
		i, found := slices.BinarySearch(ids, m.id)
		next, ids = append(next, ids[:i]...), ids[i:]
		if found {
			ids = ids[1:]
		}
		if m.in {
			next = append(next, m.id)
		}
	}
	return append(next, ids...)
}
