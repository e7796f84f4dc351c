package projections

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// maxTombstones is how many deletions a view tells of, the newest.
const maxTombstones = 10_000

// viewContext is what a view holds besides experiments, each kind in the order of
// ids, without what is deleted.
type viewContext struct {
	layers   []*item[domain.Layer]
	holdouts []*item[domain.Holdout]
	segments []*item[evaluator.Segment]
	keys     []*item[domain.Key]
	// graves are all deletions of what evaluation needs, revoked those of keys,
	// by position. Views that follow each other share them and append.
	graves, revoked []evaluator.Tombstone
	// buried is the sum of the tombstones' fields.
	buried uint64
}

// item is an entity with the document that Redis holds of it, encoded once.
type item[V any] struct {
	id       uuid.UUID
	position int64
	value    V
	json     []byte
	sum      uint64
}

func newItem[V any](kind domain.Kind, h domain.Header, value V) (*item[V], error) {
	b, err := encodeItem(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", kind, h.ID, err)
	}
	return &item[V]{h.ID, h.Position, value, b, fieldSum(fieldOf(kind, h.ID.String()), b)}, nil
}

// encodeItem is domain.Encode, but for segments in the time that a copy of a
// million ids takes: each change of one writes it anew.
func encodeItem(value any) ([]byte, error) {
	g, ok := value.(evaluator.Segment)
	if !ok || len(g.IDs) == 0 {
		return domain.Encode(value)
	}
	ids, size := g.IDs, 0
	for _, id := range ids {
		size += len(id) + len(`"",`)
	}
	g.IDs = []string{}
	empty, err := domain.Encode(g)
	head, found := bytes.CutSuffix(empty, []byte("]}"))
	if err != nil || !found {
		return nil, fmt.Errorf("%s does not end in a list: %w", empty, err)
	}
	b := append(make([]byte, 0, len(empty)+size), head...)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = jsontext.AppendQuote(b, id); err != nil {
			return nil, err
		}
	}
	return append(b, "]}"...), nil
}

// fieldOf names an entity in Redis.
func fieldOf(kind domain.Kind, id string) string { return string(kind) + "/" + id }

func tombstoneField(t evaluator.Tombstone) string { return "tombstone/" + fieldOf(t.Kind, t.ID) }

func values[V any](items []*item[V]) []V {
	all := make([]V, len(items))
	for i, it := range items {
		all[i] = it.value
	}
	return all
}

// tombstones are the deletions that are told of.
func (c *viewContext) tombstones() []evaluator.Tombstone { return c.graves[firstKept(c.graves):] }

func firstKept(graves []evaluator.Tombstone) int { return max(0, len(graves)-maxTombstones) }

// deltasFrom is the lowest position from which the tombstones are complete.
func (c *viewContext) deltasFrom() int64 {
	if first := firstKept(c.graves); first > 0 {
		return c.graves[first-1].Position
	}
	return 0
}

// change brings the context up to entities as they stand now.
func (c *viewContext) change(all changes) error {
	graves := buryExperiments(all.experiments)
	var revoked []evaluator.Tombstone
	var err error
	if c.layers, err = shelve(c.layers, all.layers, &graves, itself); err != nil {
		return err
	}
	if c.holdouts, err = shelve(c.holdouts, all.holdouts, &graves, itself); err != nil {
		return err
	}
	segment := func(g *domain.Segment, old *item[evaluator.Segment]) evaluator.Segment {
		next := evaluator.Segment{ID: g.ID.String(), Key: g.Key, Position: g.Position, Version: g.Version, IDs: []string{}}
		if old != nil {
			next.IDs = old.value.IDs
		}
		next.IDs = all.members[g.ID].apply(next.IDs)
		return next
	}
	if c.segments, err = shelve(c.segments, all.segments, &graves, segment); err != nil {
		return err
	}
	if c.keys, err = shelve(c.keys, all.keys, &revoked, itself); err != nil {
		return err
	}
	c.bury(graves)
	c.revoked = append(c.revoked, byPosition(revoked)...)
	return nil
}

// shelve returns the items with the entities in their places. Deleted ones leave
// a grave. value makes the value of an item of the entity and of the item before,
// nil for none.
func shelve[V any, P headed](items []*item[V], changed []P, graves *[]evaluator.Tombstone, value func(P, *item[V]) V) ([]*item[V], error) {
	if len(changed) == 0 {
		return items, nil
	}
	items = slices.Clone(items)
	for _, p := range changed {
		h := p.Head()
		i, found := slices.BinarySearchFunc(items, h.ID, func(it *item[V], id uuid.UUID) int { return compareIDs(it.id, id) })
		if h.Deleted {
			*graves = append(*graves, evaluator.Tombstone{Kind: p.Kind(), ID: h.ID.String(), Position: h.Position})
			if found {
				items = slices.Delete(items, i, i+1)
			}
			continue
		}
		var old *item[V]
		if found {
			old = items[i]
		}
		next, err := newItem(p.Kind(), h, value(p, old))
		if err != nil {
			return nil, err
		}
		if found {
			items[i] = next
		} else {
			items = slices.Insert(items, i, next)
		}
	}
	return items, nil
}

func itself[T any](entity *T, _ *item[T]) T { return *entity }

func buryExperiments(experiments []*domain.Experiment) []evaluator.Tombstone {
	var graves []evaluator.Tombstone
	for _, e := range experiments {
		if e.Deleted {
			graves = append(graves, evaluator.Tombstone{Kind: domain.KindExperiment, ID: e.ID.String(), Position: e.Position})
		}
	}
	return graves
}

func byPosition(graves []evaluator.Tombstone) []evaluator.Tombstone {
	slices.SortFunc(graves, func(a, b evaluator.Tombstone) int { return cmp.Compare(a.Position, b.Position) })
	return graves
}

// bury adds deletions to those before.
func (c *viewContext) bury(graves []evaluator.Tombstone) {
	before := firstKept(c.graves)
	for _, t := range byPosition(graves) {
		c.buried += tombstoneSum(t)
		c.graves = append(c.graves, t)
	}
	for _, t := range c.graves[before:firstKept(c.graves)] {
		c.buried -= tombstoneSum(t)
	}
}

func tombstoneSum(t evaluator.Tombstone) uint64 {
	return textSum(tombstoneField(t), strconv.FormatInt(t.Position, 10))
}

// contextField is a field of Redis's hash of the context.
type contextField struct {
	name  string
	value []byte
}

// contextFields are the fields that are not the same as at an earlier position;
// all of them after -1.
func (v *View) contextFields(after int64) []contextField {
	fields := []contextField{
		{"at", []byte(v.At.Format(time.RFC3339Nano))},
		{"deltas_from", strconv.AppendInt(nil, v.deltasFrom(), 10)},
	}
	fields = appendFields(fields, domain.KindLayer, v.layers, after)
	fields = appendFields(fields, domain.KindHoldout, v.holdouts, after)
	fields = appendFields(fields, domain.KindSegment, v.segments, after)
	fields = appendFields(fields, domain.KindKey, v.keys, after)
	for _, t := range since(v.tombstones(), after) {
		fields = append(fields, contextField{tombstoneField(t), strconv.AppendInt(nil, t.Position, 10)})
	}
	return fields
}

func appendFields[V any](fields []contextField, kind domain.Kind, items []*item[V], after int64) []contextField {
	for _, it := range items {
		if it.position > after {
			fields = append(fields, contextField{fieldOf(kind, it.id.String()), it.json})
		}
	}
	return fields
}

// contextGone are the fields that there were at an earlier position and are not
// any more.
func (v *View) contextGone(after int64) []string {
	var gone []string
	for _, t := range since(v.graves, after) {
		if t.Kind != domain.KindExperiment {
			gone = append(gone, fieldOf(t.Kind, t.ID))
		}
	}
	for _, t := range since(v.revoked, after) {
		gone = append(gone, fieldOf(t.Kind, t.ID))
	}
	old := v.graves[:len(v.graves)-len(since(v.graves, after))]
	for _, t := range old[firstKept(old):min(len(old), firstKept(v.graves))] {
		gone = append(gone, tombstoneField(t))
	}
	return gone
}

// since are the deletions after a position.
func since(graves []evaluator.Tombstone, position int64) []evaluator.Tombstone {
	i, _ := slices.BinarySearchFunc(graves, position+1, func(t evaluator.Tombstone, p int64) int { return cmp.Compare(t.Position, p) })
	return graves[i:]
}

// contextPart is the number and the sum of all fields of the context.
func (v *View) contextPart() part {
	p := part{
		count: 2 + len(v.layers) + len(v.holdouts) + len(v.segments) + len(v.keys) + len(v.tombstones()),
		sum:   v.buried + textSum("at", v.At.Format(time.RFC3339Nano)) + textSum("deltas_from", strconv.FormatInt(v.deltasFrom(), 10)),
	}
	p.sum += sumOf(v.layers) + sumOf(v.holdouts) + sumOf(v.segments) + sumOf(v.keys)
	return p
}

func sumOf[V any](items []*item[V]) (sum uint64) {
	for _, it := range items {
		sum += it.sum
	}
	return sum
}
