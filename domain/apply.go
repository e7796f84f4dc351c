package domain

import (
	"time"

	"github.com/google/uuid"
)

// Stamp is what the ledger adds to an event when it is appended.
type Stamp struct {
	Position int64
	Version  int
	At       time.Time
	Hash     Hash
}

func (s Stamp) stamp(h *Header) {
	h.Version, h.Position, h.UpdatedAt = s.Version, s.Position, s.At
}

// Apply folds one event into the catalog. Records must come in the order of
// their positions, without a gap.
func (c *Catalog) Apply(s Stamp, stream Stream, event Event) {
	put(c, c.versions, stream, s.Version)
	switch e := event.(type) {
	case Created[Experiment]:
		c.Experiments.created(s, e.After)
		c.state.inactive++
	case Changed[Experiment]:
		c.tallyName(s, c.Experiments.changed(s, e.After))
	case StatusChanged:
		c.applyStatus(s, stream, e)
	case Deleted[Experiment]:
		c.Experiments.deleted(s, stream)
		c.state.inactive--
	case Created[Layer]:
		c.Layers.created(s, e.After)
	case Changed[Layer]:
		c.Layers.changed(s, e.After)
	case Deleted[Layer]:
		c.Layers.deleted(s, stream)
	case Created[Segment]:
		c.Segments.created(s, e.After)
	case Changed[Segment]:
		c.Segments.changed(s, e.After)
	case Deleted[Segment]:
		c.Segments.deleted(s, stream)
	case MembersChanged:
		c.applyMembers(s, stream, e)
	case Created[Holdout]:
		c.Holdouts.created(s, e.After)
	case Changed[Holdout]:
		c.Holdouts.changed(s, e.After)
	case Deleted[Holdout]:
		c.Holdouts.deleted(s, stream)
	case Created[Metric]:
		c.Metrics.created(s, e.After)
	case Changed[Metric]:
		c.Metrics.changed(s, e.After)
	case Deleted[Metric]:
		c.Metrics.deleted(s, stream)
	case Created[Key]:
		c.Keys.created(s, e.After)
	case Changed[Key]:
		c.Keys.changed(s, e.After)
	case Deleted[Key]:
		c.Keys.deleted(s, stream)
	case DayClosed:
		c.applyDayClosed(e.Report)
	}
	c.state.position, c.state.at, c.state.hash = s.Position, s.At, s.Hash
	c.tally(s)
}

// Switched makes the experiment what a change of its status makes of it. Of several
// in a row the last says it all.
func (e *Experiment) Switched(s Stamp, to Status) {
	s.stamp(&e.Header)
	e.Status = to
	e.EverActive = true // to active, or from it
	e.Pending = e.Pending.after(s.At)
}

func (c *Catalog) applyStatus(s Stamp, stream Stream, e StatusChanged) {
	exp := c.Experiments.touched(s, stream, func(x *Experiment) { x.Switched(s, e.New) })
	if exp == nil {
		return
	}
	if e.New == Active {
		c.state.active, c.state.inactive = c.state.active+1, c.state.inactive-1
	} else {
		c.state.active, c.state.inactive = c.state.active-1, c.state.inactive+1
	}
	c.tallyTransition(s, exp)
}

func (c *Catalog) applyMembers(s Stamp, stream Stream, e MembersChanged) {
	_, id, _ := stream.Entity()
	set, ok := c.members[id]
	if !ok {
		set = map[string]struct{}{}
		put(c, c.members, id, set)
	}
	for _, m := range e.Added {
		put(c, set, m, struct{}{})
	}
	for _, m := range e.Removed {
		drop(c, set, m)
	}
	c.Segments.touched(s, stream, func(g *Segment) { g.Size = len(set) })
}

// Members returns the ids in a segment. The caller must not change the map.
func (c *Catalog) Members(segment uuid.UUID) map[string]struct{} { return c.members[segment] }

// Saved is a catalog's content as the read models keep it, from which Restore
// makes a catalog without reading the ledger from its beginning.
type Saved struct {
	Position         int64
	At               time.Time
	Hash             Hash
	Active, Inactive int
	ClosedThrough    Date
	// Closed is the last closed day's report; nil before the first closing.
	Closed *DailyReport
	// DaysVersion is the version of the stream of day closings.
	DaysVersion int
	Days        map[Date]Day
	Experiments []Experiment
	Layers      []Layer
	Segments    []Segment
	Holdouts    []Holdout
	Metrics     []Metric
	Keys        []Key
	Members     map[uuid.UUID]map[string]struct{}
}

// Restore returns the catalog that was saved.
func Restore(s Saved) *Catalog {
	c := NewCatalog(time.Time{})
	if s.Closed != nil {
		c.applyDayClosed(*s.Closed)
	}
	c.state.position, c.state.at, c.state.hash = s.Position, s.At, s.Hash
	c.state.active, c.state.inactive = s.Active, s.Inactive
	c.state.closedThrough = s.ClosedThrough
	if s.Days != nil {
		c.days = s.Days
	}
	if s.Members != nil {
		c.members = s.Members
	}
	if s.DaysVersion > 0 {
		c.versions[DaysStream] = s.DaysVersion
	}
	restore(c.Experiments, s.Experiments)
	restore(c.Layers, s.Layers)
	restore(c.Segments, s.Segments)
	restore(c.Holdouts, s.Holdouts)
	restore(c.Metrics, s.Metrics)
	restore(c.Keys, s.Keys)
	return c
}

func restore[T Entity, P entityPtr[T]](k *Collection[T, P], all []T) {
	for i := range all {
		p := P(&all[i])
		h := p.header()
		k.byID[h.ID] = p
		k.catalog.versions[StreamOf(all[i].Kind(), h.ID)] = h.Version
		if !h.Deleted {
			k.byKey[h.Key] = h.ID
		}
	}
}
