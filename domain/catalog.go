package domain

import (
	"iter"
	"maps"
	"time"

	"github.com/google/uuid"
)

// Catalog is the fold of the whole ledger: every entity as it stands at one
// position. Its own methods decide (they return changes or an error and touch
// nothing); Apply only assigns. Not safe for concurrent use; the entities it
// hands out are never changed afterwards and may be kept and shared.
type Catalog struct {
	Experiments *Collection[Experiment, *Experiment]
	Layers      *Collection[Layer, *Layer]
	Segments    *Collection[Segment, *Segment]
	Holdouts    *Collection[Holdout, *Holdout]
	Metrics     *Collection[Metric, *Metric]
	Keys        *Collection[Key, *Key]

	members  map[uuid.UUID]map[string]struct{}
	days     map[Date]Day
	versions map[Stream]int
	state    state

	journal []func()
	marks   []mark
}

// mark is where a tentative sequence began.
type mark struct {
	state   state
	journal int
}

// state is what one assignment saves and restores.
type state struct {
	position         int64
	at               time.Time
	hash             Hash
	active, inactive int
	closedThrough    Date
	closed           dayEnd
}

// NewCatalog returns the catalog of an empty ledger whose first day is that of
// began.
func NewCatalog(began time.Time) *Catalog {
	c := &Catalog{
		members:  map[uuid.UUID]map[string]struct{}{},
		days:     map[Date]Day{},
		versions: map[Stream]int{},
		state:    state{closedThrough: DateOf(began) - 1},
	}
	c.Experiments = newCollection[Experiment](c)
	c.Layers = newCollection[Layer](c)
	c.Segments = newCollection[Segment](c)
	c.Holdouts = newCollection[Holdout](c)
	c.Metrics = newCollection[Metric](c)
	c.Keys = newCollection[Key](c)
	return c
}

// Position is that of the last record applied, 0 for none.
func (c *Catalog) Position() int64 { return c.state.position }

// At is the time of the last record applied.
func (c *Catalog) At() time.Time { return c.state.at }

// Hash is the chain's at Position.
func (c *Catalog) Hash() Hash { return c.state.hash }

// Version is the version of the last event in the stream, 0 for none.
func (c *Catalog) Version(s Stream) int { return c.versions[s] }

// Counts returns how many experiments are active and inactive.
func (c *Catalog) Counts() (active, inactive int) { return c.state.active, c.state.inactive }

// Begin starts a tentative sequence of Apply that Rollback undoes or Keep keeps.
// Sequences may stand within each other.
func (c *Catalog) Begin() { c.marks = append(c.marks, mark{c.state, len(c.journal)}) }

// Keep ends the innermost tentative sequence and keeps it, as far as those
// around it are kept.
func (c *Catalog) Keep() {
	c.marks = c.marks[:len(c.marks)-1]
	if len(c.marks) == 0 {
		c.forget(0)
	}
}

// Rollback ends the innermost tentative sequence and undoes it.
func (c *Catalog) Rollback() {
	last := len(c.marks) - 1
	m := c.marks[last]
	for i := len(c.journal) - 1; i >= m.journal; i-- {
		c.journal[i]()
	}
	c.state = m.state
	c.forget(m.journal)
	c.marks = c.marks[:last]
}

// forget drops the journal from n on: what was replaced may be large.
func (c *Catalog) forget(n int) {
	clear(c.journal[n:])
	c.journal = c.journal[:n]
}

// put assigns to a map of the catalog, noting how to undo it.
func put[K comparable, V any](c *Catalog, m map[K]V, k K, v V) {
	note(c, m, k)
	m[k] = v
}

// drop deletes from a map of the catalog, noting how to undo it.
func drop[K comparable, V any](c *Catalog, m map[K]V, k K) {
	note(c, m, k)
	delete(m, k)
}

func note[K comparable, V any](c *Catalog, m map[K]V, k K) {
	if len(c.marks) == 0 {
		return
	}
	old, had := m[k]
	c.journal = append(c.journal, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
}

// Collection holds the entities of one kind. Deleted ones stay, reachable by
// id alone.
type Collection[T Entity, P entityPtr[T]] struct {
	catalog *Catalog
	byID    map[uuid.UUID]P
	byKey   map[string]uuid.UUID
}

func newCollection[T Entity, P entityPtr[T]](c *Catalog) *Collection[T, P] {
	return &Collection[T, P]{catalog: c, byID: map[uuid.UUID]P{}, byKey: map[string]uuid.UUID{}}
}

// Find returns the entity with that id or key, or ErrNotFound; deleted ones are
// not found.
func (k *Collection[T, P]) Find(ref string) (P, error) {
	if id, ok := k.byKey[ref]; ok {
		return k.byID[id], nil
	}
	if id, ok := parseID(ref); ok {
		if e, ok := k.byID[id]; ok && !e.header().Deleted {
			return e, nil
		}
	}
	return nil, ErrNotFound
}

// ByKey returns the entity with that key.
func (k *Collection[T, P]) ByKey(key string) (P, bool) {
	id, ok := k.byKey[key]
	return k.byID[id], ok
}

// ByID returns the entity with that id, deleted or not.
func (k *Collection[T, P]) ByID(id uuid.UUID) (P, bool) {
	e, ok := k.byID[id]
	return e, ok
}

// All yields the entities that are not deleted, in no order.
func (k *Collection[T, P]) All() iter.Seq[P] {
	return func(yield func(P) bool) {
		for _, id := range k.byKey {
			if !yield(k.byID[id]) {
				return
			}
		}
	}
}

// Ever yields every entity, deleted ones too, in no order.
func (k *Collection[T, P]) Ever() iter.Seq[P] { return maps.Values(k.byID) }

// Len counts the entities that are not deleted.
func (k *Collection[T, P]) Len() int { return len(k.byKey) }

// free checks that an id and a key may be used for a new entity.
func (k *Collection[T, P]) free(h *Header) error {
	if _, taken := k.byID[h.ID]; taken {
		return &ConflictError{Problem: "id is already used: " + h.ID.String()}
	}
	if _, taken := k.byKey[h.Key]; taken {
		return &ConflictError{Problem: "key is already used: " + h.Key}
	}
	// Entities go by id and by key: neither may be the other of another one.
	if id, ok := parseID(h.Key); ok && k.byID[id] != nil {
		return &ConflictError{Problem: "key is already used as an id: " + h.Key}
	}
	if _, taken := k.byKey[h.ID.String()]; taken {
		return &ConflictError{Problem: "id is already used as a key: " + h.ID.String()}
	}
	return nil
}

// parseID reads the canonical form of an id alone; package uuid takes more.
func parseID(s string) (uuid.UUID, bool) {
	id, err := uuid.Parse(s)
	return id, err == nil && len(s) == len(id.String())
}

func (k *Collection[T, P]) save(e P) {
	h := e.header()
	put(k.catalog, k.byID, h.ID, e)
	if h.Deleted {
		drop(k.catalog, k.byKey, h.Key)
	} else {
		put(k.catalog, k.byKey, h.Key, h.ID)
	}
}

func (k *Collection[T, P]) created(s Stamp, e T) P {
	p := P(&e)
	h := p.header()
	h.CreatedAt = s.At
	s.stamp(h)
	k.save(p)
	return p
}

func (k *Collection[T, P]) changed(s Stamp, e T) P {
	p := P(&e)
	h := p.header()
	if old, ok := k.byID[h.ID]; ok {
		h.CreatedAt = old.header().CreatedAt
	}
	s.stamp(h)
	k.save(p)
	return p
}

// touched saves a stamped copy of the entity of the stream after f changed it.
func (k *Collection[T, P]) touched(s Stamp, stream Stream, f func(P)) P {
	_, id, _ := stream.Entity()
	old, ok := k.byID[id]
	if !ok {
		return nil
	}
	e := *old
	p := P(&e)
	s.stamp(p.header())
	f(p)
	k.save(p)
	return p
}

func (k *Collection[T, P]) deleted(s Stamp, stream Stream) P {
	return k.touched(s, stream, func(p P) { p.header().Deleted = true })
}
