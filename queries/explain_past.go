package queries

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/eventstore"
)

var (
	//go:embed explain_experiments.sql
	experimentsThen string
	//go:embed explain_resources.sql
	resourcesThen string
	//go:embed explain_segments.sql
	segmentsThen string
)

// past is what evaluating some experiments at a position needs, read from
// the records that made it so and no others.
type past struct {
	tx       pgx.Tx
	position int64
	// ids are those of which it matters whether they are in a segment.
	ids []string

	experiments map[string]*domain.Experiment // by key
	layers      map[string]*domain.Layer      // by key
	holdouts    []domain.Holdout
	segments    []evaluator.Segment
	// switched are the positions at which experiments got their status; 0 where
	// they were created with it.
	switched map[uuid.UUID]int64
	// written are the positions of the last whole documents.
	written map[domain.Stream]int64
}

// readPast reads the experiment with that id, or all, and what they depend on.
func readPast(ctx context.Context, tx pgx.Tx, position int64, id *uuid.UUID, ids []string) (*past, error) {
	p := &past{
		tx: tx, position: position, ids: ids,
		experiments: map[string]*domain.Experiment{}, layers: map[string]*domain.Layer{},
		switched: map[uuid.UUID]int64{}, written: map[domain.Stream]int64{},
	}
	if err := p.readResources(ctx); err != nil {
		return nil, err
	}
	var only []uuid.UUID
	if id != nil {
		only = []uuid.UUID{*id}
	}
	if err := p.readExperiments(ctx, only, nil); err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for missing := p.missing(asked); len(missing) > 0; missing = p.missing(asked) {
		if err := p.readExperiments(ctx, nil, missing); err != nil {
			return nil, err
		}
	}
	return p, p.readSegments(ctx)
}

// missing are the keys of experiments that those read so far depend on, and that
// were not asked for before.
func (p *past) missing(asked map[string]bool) []string {
	var missing []string
	want := func(key string) {
		if p.experiments[key] == nil && !asked[key] {
			asked[key] = true
			missing = append(missing, key)
		}
	}
	for _, e := range p.experiments {
		for _, other := range e.Prerequisites {
			want(other.Experiment)
		}
		if e.Layer != nil && p.layers[e.Layer.Key] != nil {
			for _, key := range p.layers[e.Layer.Key].Order {
				want(key)
			}
		}
	}
	return missing
}

// document is what was read, for the evaluator.
func (p *past) document() (evaluator.Document, error) {
	d := evaluator.Document{Position: p.position, Holdouts: p.holdouts, Segments: p.segments}
	for _, key := range slices.Sorted(maps.Keys(p.experiments)) {
		raw, err := domain.Encode(p.experiments[key])
		if err != nil {
			return d, err
		}
		d.Experiments = append(d.Experiments, json.RawMessage(raw))
	}
	for _, key := range slices.Sorted(maps.Keys(p.layers)) {
		d.Layers = append(d.Layers, *p.layers[key])
	}
	return d, nil
}

// whole is a record that holds all of an entity.
type whole struct {
	position int64
	version  int
	typ      string
	schema   int
	at       time.Time
	data     []byte
}

func (w *whole) targets() []any {
	return []any{&w.position, &w.version, &w.typ, &w.schema, &w.at, &w.data}
}

// decode returns the record's event.
func (w *whole) decode() (domain.Event, error) {
	event, err := eventstore.Decode(w.typ, w.schema, w.data)
	if err != nil {
		return nil, &eventstore.PoisonError{Position: w.position, Err: err}
	}
	return event, nil
}

// stamp makes a header what it was after the record.
func (p *past) stamp(w *whole, kind domain.Kind, h *domain.Header) {
	h.Position, h.Version, h.UpdatedAt = w.position, w.version, w.at.UTC()
	p.written[domain.StreamOf(kind, h.ID)] = w.position
}

func (p *past) readResources(ctx context.Context) error {
	rows, err := p.tx.Query(ctx, resourcesThen, p.position)
	if err != nil {
		return err
	}
	var w whole
	_, err = pgx.ForEachRow(rows, w.targets(), func() error {
		event, err := w.decode()
		if err != nil {
			return err
		}
		switch e := event.(type) {
		case domain.Created[domain.Layer]:
			p.addLayer(&w, e.After)
		case domain.Changed[domain.Layer]:
			p.addLayer(&w, e.After)
		case domain.Created[domain.Holdout]:
			p.addHoldout(&w, e.After)
		case domain.Changed[domain.Holdout]:
			p.addHoldout(&w, e.After)
		}
		return nil
	})
	return err
}

func (p *past) addLayer(w *whole, l domain.Layer) {
	p.stamp(w, domain.KindLayer, &l.Header)
	p.layers[l.Key] = &l
}

func (p *past) addHoldout(w *whole, h domain.Holdout) {
	p.stamp(w, domain.KindHoldout, &h.Header)
	p.holdouts = append(p.holdouts, h)
}

// readExperiments reads those with the ids or keys, or all.
func (p *past) readExperiments(ctx context.Context, ids []uuid.UUID, keys []string) error {
	return readExperimentsThen(ctx, p.tx, p.position, ids, keys, func(x *domain.Experiment, written, switched int64) {
		p.written[domain.StreamOf(domain.KindExperiment, x.ID)] = written
		if switched > 0 {
			p.switched[x.ID] = switched
		}
		p.experiments[x.Key] = x
	})
}

// readExperimentsThen reads the experiments with the ids or keys, or all, as they
// stood at a position, each with the positions of its last whole document and of
// its last change of status, 0 for none.
func readExperimentsThen(ctx context.Context, tx pgx.Tx, position int64, ids []uuid.UUID, keys []string, f func(x *domain.Experiment, written, switched int64)) error {
	rows, err := tx.Query(ctx, experimentsThen, position, ids, keys)
	if err != nil {
		return err
	}
	var w whole
	var created time.Time
	var switched, version *int64
	var status *domain.Status
	var at *time.Time
	_, err = pgx.ForEachRow(rows, append(w.targets(), &created, &switched, &version, &status, &at), func() error {
		event, err := w.decode()
		if err != nil {
			return err
		}
		var x domain.Experiment
		switch e := event.(type) {
		case domain.Created[domain.Experiment]:
			x = e.After
		case domain.Changed[domain.Experiment]:
			x = e.After
		default:
			return fmt.Errorf("record %d: %s holds no experiment", w.position, w.typ)
		}
		x.CreatedAt = created.UTC()
		x.Position, x.Version, x.UpdatedAt = w.position, w.version, w.at.UTC()
		if switched == nil {
			f(&x, w.position, 0)
			return nil
		}
		if *switched > w.position {
			x.Switched(domain.Stamp{Position: *switched, Version: int(*version), At: at.UTC()}, *status)
		}
		f(&x, w.position, *switched)
		return nil
	})
	return err
}

// readSegments reads the segments that audiences look into, with those of the
// ids that matter. Who is in now is known; what came after the position is
// undone.
func (p *past) readSegments(ctx context.Context) error {
	keys := map[string]bool{}
	for _, e := range p.experiments {
		groups, err := e.Groups()
		if err != nil {
			return err
		}
		for _, key := range groups {
			keys[key] = true
		}
	}
	if len(keys) == 0 {
		return nil
	}
	rows, err := p.tx.Query(ctx, segmentsThen, p.position, slices.Collect(maps.Keys(keys)), p.ids)
	if err != nil {
		return err
	}
	p.segments, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (evaluator.Segment, error) {
		var g evaluator.Segment
		return g, row.Scan(&g.ID, &g.Key, &g.Position, &g.Version, &g.IDs)
	})
	if err != nil {
		return err
	}
	return p.undoMembers(ctx)
}

// undoMembers takes back what changed in the segments after the position.
func (p *past) undoMembers(ctx context.Context) error {
	members := map[string]map[string]bool{}
	for _, g := range p.segments {
		in := map[string]bool{}
		for _, id := range g.IDs {
			in[id] = true
		}
		members["segment/"+g.ID] = in
	}
	rows, err := p.tx.Query(ctx, `select stream_id, position, version, type, schema_version, recorded_at, data from events
		where stream_id = any ($1) and position > $2 and type = $3 order by position desc`,
		slices.Collect(maps.Keys(members)), p.position, domain.MembersChanged{}.Type())
	if err != nil {
		return err
	}
	var w whole
	var stream string
	_, err = pgx.ForEachRow(rows, append([]any{&stream}, w.targets()...), func() error {
		event, err := w.decode()
		if err != nil {
			return err
		}
		if e, ok := event.(domain.MembersChanged); ok {
			undo(members[stream], p.ids, e)
		}
		return nil
	})
	for i := range p.segments {
		p.segments[i].IDs = slices.Sorted(maps.Keys(members["segment/"+p.segments[i].ID]))
	}
	return err
}

// undo makes the ids that matter what they were before the event.
func undo(in map[string]bool, ids []string, e domain.MembersChanged) {
	for _, id := range ids {
		// Events list members sorted.
		if _, added := slices.BinarySearch(e.Added, id); added {
			delete(in, id)
		}
		if _, removed := slices.BinarySearch(e.Removed, id); removed {
			in[id] = true
		}
	}
}
