package projections

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// View is what evaluation needs as it stands at one position of the ledger:
// experiments, and the context that they are evaluated in. It is never changed:
// keep it and share it freely.
type View struct {
	Position int64
	// Hash is the ledger's chain at Position, At the time of its record.
	Hash domain.Hash
	At   time.Time
	// Loaded is false until the ledger was read for the first time.
	Loaded bool
	// Docs are the experiments that are not deleted, in the order of their ids.
	Docs  []*Doc
	ByID  map[uuid.UUID]*Doc
	ByKey map[string]*Doc

	viewContext
	sum        uint64 // of Docs
	generation uint64
}

// Doc is an experiment with its stamped document, encoded once.
type Doc struct {
	Experiment *domain.Experiment
	JSON       []byte

	sum uint64
}

func emptyView() *View {
	return &View{ByID: map[uuid.UUID]*Doc{}, ByKey: map[string]*Doc{}}
}

// viewOf is the view of a catalog that was folded from the ledger.
func viewOf(c *domain.Catalog) (*View, error) {
	v := emptyView()
	v.stand(c)
	v.Loaded = true
	return v, v.change(everything(c))
}

// stand notes where in the ledger the catalog stands. Before the first record
// there is no time that all replicas would agree on.
func (v *View) stand(c *domain.Catalog) {
	v.Position, v.Hash, v.At = c.Position(), c.Hash(), time.Time{}
	if v.Position > 0 {
		v.At = c.At().UTC()
	}
}

// Document is what evaluation needs, as snapshots have it: the same bytes on
// every replica. It shares what it holds with the view.
func (v *View) Document() evaluator.Document {
	d := evaluator.Document{
		Position: v.Position, At: v.At,
		Experiments: make([]json.RawMessage, len(v.Docs)),
		Layers:      values(v.layers), Holdouts: values(v.holdouts), Segments: values(v.segments),
		Deleted: slices.Clip(v.tombstones()), DeltasFrom: v.deltasFrom(),
	}
	for i, doc := range v.Docs {
		d.Experiments[i] = doc.JSON
	}
	return d
}

// Keys are the API keys that are not revoked, with the hashes of their secrets,
// in the order of their ids.
func (v *View) Keys() []domain.Key { return values(v.keys) }

func newDoc(e *domain.Experiment) (*Doc, error) {
	b, err := domain.Encode(e)
	if err != nil {
		return nil, fmt.Errorf("encode experiment %s: %w", e.ID, err)
	}
	return &Doc{Experiment: e, JSON: b, sum: fieldSum(e.ID.String(), b)}, nil
}

// fieldSum is a field's part in the sum of a hash in Redis, textSum that of a
// field that is a text already: copies of large ones would cost more than the sum.
func fieldSum(field string, value []byte) uint64 {
	return xxh3.HashSeed(value, xxh3.HashString(field))
}

func textSum(field, value string) uint64 {
	return xxh3.HashStringSeed(value, xxh3.HashString(field))
}

// change replaces what changed in a view that still shares its content with the
// one before. What it does not touch stays shared.
func (v *View) change(c changes) error {
	if err := v.changeExperiments(c.experiments); err != nil {
		return err
	}
	return v.viewContext.change(c)
}

func (v *View) changeExperiments(experiments []*domain.Experiment) error {
	if len(experiments) == 0 {
		return nil
	}
	v.ByID, v.ByKey = maps.Clone(v.ByID), maps.Clone(v.ByKey)
	// Deletions first: a key may already belong to a new experiment.
	deleted := v.remove(experiments)
	created, err := v.replace(experiments)
	if err != nil {
		return err
	}
	if deleted || created {
		v.Docs = slices.SortedFunc(maps.Values(v.ByID), func(a, b *Doc) int { return compareIDs(a.Experiment.ID, b.Experiment.ID) })
		return nil
	}
	v.Docs = slices.Clone(v.Docs)
	for _, e := range experiments {
		if i, ok := slices.BinarySearchFunc(v.Docs, e.ID, func(d *Doc, id uuid.UUID) int { return compareIDs(d.Experiment.ID, id) }); ok {
			v.Docs[i] = v.ByID[e.ID]
		}
	}
	return nil
}

// remove takes deleted experiments out and says whether there were any.
func (v *View) remove(experiments []*domain.Experiment) bool {
	found := false
	for _, e := range experiments {
		if d, ok := v.ByID[e.ID]; ok && e.Deleted {
			found = true
			v.sum -= d.sum
			delete(v.ByID, e.ID)
			delete(v.ByKey, e.Key)
		}
	}
	return found
}

// replace puts experiments in and says whether one of them is new.
func (v *View) replace(experiments []*domain.Experiment) (created bool, err error) {
	for _, e := range experiments {
		if e.Deleted {
			continue
		}
		d, err := newDoc(e)
		if err != nil {
			return false, err
		}
		if before, ok := v.ByID[e.ID]; ok {
			v.sum -= before.sum
		} else {
			created = true
		}
		v.sum += d.sum
		v.ByID[e.ID], v.ByKey[e.Key] = d, d
	}
	return created, nil
}
