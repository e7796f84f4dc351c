package evaluator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/assaylabs/assay/domain"
)

// head is what a delta needs to know of an experiment.
type head struct {
	ID       string `json:"id"`
	Position int64  `json:"position"`
}

// Since returns what changed after a position, as a document to Merge; ok is
// false where a delta cannot say it, and the whole document must be sent.
func (d Document) Since(position int64) (delta Document, ok bool) {
	if position < d.DeltasFrom || position > d.Position {
		return Document{}, false
	}
	delta = Document{Position: d.Position, At: d.At, Base: position, DeltasFrom: d.DeltasFrom}
	for _, raw := range d.Experiments {
		var h head
		if err := jsonv2.Unmarshal(raw, &h); err != nil {
			return Document{}, false
		}
		if h.Position > position {
			delta.Experiments = append(delta.Experiments, raw)
		}
	}
	delta.Layers = after(d.Layers, func(l domain.Layer) bool { return l.Position > position })
	delta.Holdouts = after(d.Holdouts, func(h domain.Holdout) bool { return h.Position > position })
	delta.Segments = after(d.Segments, func(g Segment) bool { return g.Position > position })
	delta.Deleted = after(d.Deleted, func(t Tombstone) bool { return t.Position > position })
	return delta, true
}

func after[T any](list []T, changed func(T) bool) []T {
	var some []T
	for _, item := range list {
		if changed(item) {
			some = append(some, item)
		}
	}
	return some
}

// Merge returns the document that a delta makes of d: of an older document and
// what a newer one has since it, the newer one. A whole document takes the place
// of d. Merge fails where the delta does not start at d or before, where it ends
// before d, and where an experiment has no id.
func (d Document) Merge(delta Document) (Document, error) {
	if delta.Base == 0 {
		return delta, nil
	}
	if delta.Base > d.Position || delta.Position < d.Position {
		return Document{}, fmt.Errorf("a delta of positions %d to %d does not fit position %d", delta.Base, delta.Position, d.Position)
	}
	gone := make(map[string]bool, len(delta.Deleted))
	for _, t := range delta.Deleted {
		gone[t.ID] = true
	}
	merged := Document{Position: delta.Position, At: delta.At, Base: d.Base, DeltasFrom: delta.DeltasFrom}
	var err error
	if merged.Experiments, err = mergeExperiments(d.Experiments, delta.Experiments, gone); err != nil {
		return Document{}, err
	}
	merged.Layers = merge(d.Layers, delta.Layers, gone, func(l domain.Layer) string { return l.ID.String() })
	merged.Holdouts = merge(d.Holdouts, delta.Holdouts, gone, func(h domain.Holdout) string { return h.ID.String() })
	merged.Segments = merge(d.Segments, delta.Segments, gone, func(g Segment) string { return g.ID })
	merged.Deleted = mergeDeleted(d.Deleted, delta)
	return merged, nil
}

// identified is an experiment's document with its id.
type identified struct {
	id  string
	raw json.RawMessage
}

func mergeExperiments(old, next []json.RawMessage, gone map[string]bool) ([]json.RawMessage, error) {
	before, err := identify(old)
	if err != nil {
		return nil, err
	}
	after, err := identify(next)
	if err != nil {
		return nil, err
	}
	var raws []json.RawMessage
	for _, e := range merge(before, after, gone, func(e identified) string { return e.id }) {
		raws = append(raws, e.raw)
	}
	return raws, nil
}

func identify(raws []json.RawMessage) ([]identified, error) {
	list := make([]identified, len(raws))
	for i, raw := range raws {
		var h head
		if err := jsonv2.Unmarshal(raw, &h); err != nil {
			return nil, fmt.Errorf("experiment %d: %w", i, err)
		}
		list[i] = identified{h.ID, raw}
	}
	return list, nil
}

// merge replaces and adds by id, without what is gone.
func merge[T any](old, next []T, gone map[string]bool, id func(T) string) []T {
	replaced := make(map[string]bool, len(next))
	for _, item := range next {
		replaced[id(item)] = true
	}
	var all []T
	for _, item := range old {
		if !replaced[id(item)] && !gone[id(item)] {
			all = append(all, item)
		}
	}
	all = append(all, next...)
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	return all
}

// mergeDeleted keeps the tombstones that deltas from the merged document need.
func mergeDeleted(old []Tombstone, delta Document) []Tombstone {
	all := after(old, func(t Tombstone) bool {
		return t.Position > delta.DeltasFrom && t.Position <= delta.Base
	})
	return append(all, delta.Deleted...)
}
