package projections

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// The rows of the read models. One code makes them, for appending, replaying
// and verifying alike: that is why a rebuilt table has the same bytes.

type experimentRow struct {
	ID                   uuid.UUID
	Key, Name, Status    string
	Doc                  string
	Version              int32
	Position             int64
	CreatedAt, UpdatedAt time.Time
	Deleted              bool
}

type resourceRow struct {
	Kind     string
	ID       uuid.UUID
	Key, Doc string
	Version  int32
	Position int64
	Deleted  bool
}

type memberRow struct {
	Segment uuid.UUID
	Member  string
}

type statusRow struct {
	ID         int64
	Experiment uuid.UUID
	Old, New   string
	At         time.Time
}

type dayRow struct {
	Date                             string
	Active, Inactive, Changed, Total int32
	From, To                         int64
	Hash                             []byte
}

type changeRow struct {
	Date       string
	Experiment uuid.UUID
	Key, Name  string
	Changes    int32
}

type reportRow struct {
	Date     string
	Report   string
	Position int64
}

// rows are what a run of records made of the read models: the whole new row of
// each entity and day that they touched.
type rows struct {
	experiments []experimentRow
	resources   []resourceRow
	entered     []memberRow
	left        []memberRow
	statuses    []statusRow
	days        []dayRow
	changes     []changeRow
	reports     []reportRow
}

// touched is what a run of records touched.
type touched struct {
	catalog *domain.Catalog
	streams map[domain.Stream]entity
	members map[memberRow]struct{}
	dates   map[domain.Date]struct{}
	changes map[dayExperiment]struct{}
	rows    rows
	scratch bytes.Buffer
}

// entity is what a stream is of; without a kind, of none.
type entity struct {
	kind domain.Kind
	id   uuid.UUID
}

type dayExperiment struct {
	date domain.Date
	id   uuid.UUID
}

// render makes the rows that records touched, from a catalog that holds them.
// Rows come in a fixed order, so that writers lock them in the same one.
func render(c *domain.Catalog, records []eventstore.Record) (rows, error) {
	t := touch(c)
	for i := range records {
		t.note(&records[i])
	}
	t.daily()
	err := t.entities()
	return t.rows, err
}

func touch(c *domain.Catalog) *touched {
	return &touched{
		catalog: c,
		streams: map[domain.Stream]entity{},
		members: map[memberRow]struct{}{},
		dates:   map[domain.Date]struct{}{},
		changes: map[dayExperiment]struct{}{},
	}
}

// entities makes the rows of entities and members, and puts all rows in order.
func (t *touched) entities() error {
	t.rows.experiments = make([]experimentRow, 0, len(t.streams))
	for _, e := range t.streams {
		if err := t.entity(e); err != nil {
			return err
		}
	}
	t.segmentMembers()
	t.sort()
	return nil
}

func (t *touched) note(r *eventstore.Record) {
	date := domain.DateOf(r.RecordedAt)
	t.dates[date] = struct{}{}
	of, seen := t.streams[r.Stream]
	if !seen {
		of.kind, of.id, _ = r.Stream.Entity()
		t.streams[r.Stream] = of
	}
	if of.kind == domain.KindExperiment {
		t.changes[dayExperiment{date, of.id}] = struct{}{}
	}
	switch e := r.Event.(type) {
	case domain.StatusChanged:
		if n := len(t.rows.statuses); n == cap(t.rows.statuses) {
			t.rows.statuses = slices.Grow(t.rows.statuses, max(n, 1)) // append would copy more often
		}
		t.rows.statuses = append(t.rows.statuses, statusRow{
			ID: r.Position, Experiment: of.id, Old: string(e.Old), New: string(e.New), At: r.RecordedAt,
		})
	case domain.MembersChanged:
		for _, m := range slices.Concat(e.Added, e.Removed) {
			t.members[memberRow{of.id, m}] = struct{}{}
		}
	case domain.DayClosed:
		t.rows.reports = append(t.rows.reports, reportRow{
			Date: e.Report.Date.String(), Report: string(r.Data), Position: r.Position,
		})
	}
}

func (t *touched) entity(of entity) error {
	c, id := t.catalog, of.id
	switch of.kind {
	case domain.KindExperiment:
		return t.experiment(id)
	case domain.KindLayer:
		return addResource(t, c.Layers, id)
	case domain.KindSegment:
		return addResource(t, c.Segments, id)
	case domain.KindHoldout:
		return addResource(t, c.Holdouts, id)
	case domain.KindMetric:
		return addResource(t, c.Metrics, id)
	case domain.KindKey:
		return addResource(t, c.Keys, id)
	}
	return nil
}

func (t *touched) experiment(id uuid.UUID) error {
	e, ok := t.catalog.Experiments.ByID(id)
	if !ok {
		return nil
	}
	doc, err := domain.EncodeString(e, &t.scratch)
	t.rows.experiments = append(t.rows.experiments, experimentRow{
		ID: id, Key: e.Key, Name: e.Name, Status: string(e.Status), Doc: doc,
		Version: int32(e.Version), Position: e.Position,
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, Deleted: e.Deleted,
	})
	return err
}

// finder is a collection of resources.
type finder[P any] interface {
	ByID(id uuid.UUID) (P, bool)
}

func addResource[P headed](t *touched, all finder[P], id uuid.UUID) error {
	e, ok := all.ByID(id)
	if !ok {
		return nil
	}
	doc, err := domain.EncodeString(e, &t.scratch)
	h := e.Head()
	t.rows.resources = append(t.rows.resources, resourceRow{
		Kind: string(e.Kind()), ID: id, Key: h.Key, Doc: doc,
		Version: int32(h.Version), Position: h.Position, Deleted: h.Deleted,
	})
	return err
}

// headed is an entity.
type headed interface {
	Kind() domain.Kind
	Head() domain.Header
}

func (t *touched) segmentMembers() {
	for m := range t.members {
		if _, in := t.catalog.Members(m.Segment)[m.Member]; in {
			t.rows.entered = append(t.rows.entered, m)
		} else {
			t.rows.left = append(t.rows.left, m)
		}
	}
}

// daily makes the rows of days. A day that these records closed had its last
// row written before: only the day of the closing itself can still change.
func (t *touched) daily() {
	for date := range t.dates {
		if day, ok := t.catalog.Days()[date]; ok {
			t.rows.days = append(t.rows.days, dayRow{
				Date: date.String(), Active: int32(day.Active), Inactive: int32(day.Inactive),
				Changed: int32(len(day.Changes)), Total: int32(day.TotalChanges),
				From: day.From, To: day.To, Hash: day.Hash[:],
			})
		}
	}
	for at := range t.changes {
		if ch, ok := t.catalog.Days()[at.date].Changes[at.id]; ok {
			t.rows.changes = append(t.rows.changes, changeRow{
				Date: at.date.String(), Experiment: at.id, Key: ch.Key, Name: ch.Name, Changes: int32(ch.Changes),
			})
		}
	}
}

func (t *touched) sort() {
	r := &t.rows
	slices.SortFunc(r.experiments, func(a, b experimentRow) int { return compareIDs(a.ID, b.ID) })
	slices.SortFunc(r.resources, func(a, b resourceRow) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), compareIDs(a.ID, b.ID))
	})
	for _, members := range [][]memberRow{r.entered, r.left} {
		slices.SortFunc(members, func(a, b memberRow) int {
			return cmp.Or(compareIDs(a.Segment, b.Segment), cmp.Compare(a.Member, b.Member))
		})
	}
	slices.SortFunc(r.days, func(a, b dayRow) int { return cmp.Compare(a.Date, b.Date) })
	slices.SortFunc(r.changes, func(a, b changeRow) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), compareIDs(a.Experiment, b.Experiment))
	})
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
