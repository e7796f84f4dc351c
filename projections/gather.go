package projections

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// gathered is what many records touched, each row once: as the last of them left
// it.
type gathered struct {
	*touched
	days    map[string]dayRow
	changes map[changeKey]changeRow
}

type changeKey struct {
	date string
	id   uuid.UUID
}

func gather(c *domain.Catalog) *gathered {
	return &gathered{touch(c), map[string]dayRow{}, map[changeKey]changeRow{}}
}

// apply folds a record into the catalog and notes what it touched.
func (g *gathered) apply(r *eventstore.Record) {
	if _, closing := r.Event.(domain.DayClosed); closing {
		g.keepDays()
	}
	g.catalog.Apply(r.Stamp(), r.Stream, r.Event)
	g.note(r)
}

// keepDays renders the days that were touched, before the catalog forgets them.
func (g *gathered) keepDays() {
	g.daily()
	for _, d := range g.rows.days {
		g.days[d.Date] = d
	}
	for _, ch := range g.rows.changes {
		g.changes[changeKey{ch.Date, ch.Experiment}] = ch
	}
	g.rows.days, g.rows.changes = nil, nil
	clear(g.dates)
	clear(g.touched.changes)
}

// all renders everything that was gathered, in order.
func (g *gathered) all() (*rows, error) {
	g.keepDays()
	g.rows.days = slices.Collect(maps.Values(g.days))
	g.rows.changes = slices.Collect(maps.Values(g.changes))
	err := g.entities() // which puts all rows in order
	return &g.rows, err
}
