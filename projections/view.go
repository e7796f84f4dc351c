package projections

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
)

// View is the experiments as they stand at one position of the ledger. It is
// never changed: keep it and share it freely.
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
	// Tombstones say at which position an experiment was deleted.
	Tombstones map[uuid.UUID]int64

	sum        uint64
	generation uint64
}

// Doc is an experiment with its stamped document, encoded once.
type Doc struct {
	Experiment *domain.Experiment
	JSON       []byte

	sum uint64
}

func emptyView() *View {
	return &View{ByID: map[uuid.UUID]*Doc{}, ByKey: map[string]*Doc{}, Tombstones: map[uuid.UUID]int64{}}
}

func newDoc(e *domain.Experiment) (*Doc, error) {
	b, err := domain.Encode(e)
	if err != nil {
		return nil, fmt.Errorf("encode experiment %s: %w", e.ID, err)
	}
	return &Doc{Experiment: e, JSON: b, sum: xxh3.HashSeed(b, xxh3.HashString(e.ID.String()))}, nil
}

// change replaces experiments in a view that still shares its content with the
// one before. What it does not touch stays shared.
func (v *View) change(experiments []*domain.Experiment) error {
	if len(experiments) == 0 {
		return nil
	}
	v.ByID, v.ByKey = maps.Clone(v.ByID), maps.Clone(v.ByKey)
	// Deletions first: a key may already belong to a new experiment.
	deleted := v.bury(experiments)
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
		i, _ := slices.BinarySearchFunc(v.Docs, e.ID, func(d *Doc, id uuid.UUID) int { return compareIDs(d.Experiment.ID, id) })
		v.Docs[i] = v.ByID[e.ID]
	}
	return nil
}

// bury takes deleted experiments out and says whether there were any.
func (v *View) bury(experiments []*domain.Experiment) bool {
	found := false
	for _, e := range experiments {
		if !e.Deleted {
			continue
		}
		if !found {
			v.Tombstones, found = maps.Clone(v.Tombstones), true
		}
		v.Tombstones[e.ID] = e.Position
		if d, ok := v.ByID[e.ID]; ok {
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
