package projections

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// growing is a catalog that random commands change, and what changed since the
// last view of it.
type growing struct {
	*domain.Catalog
	Follower
	now time.Time
}

func (g *growing) append(changes []domain.Change, err error) {
	if err != nil {
		return // nothing to delete, or it was there
	}
	for _, ch := range changes {
		g.now = g.now.Add(time.Second)
		g.Catalog.Apply(domain.Stamp{
			Position: g.Catalog.Position() + 1, Version: g.Catalog.Version(ch.Stream) + 1, At: g.now,
		}, ch.Stream, ch.Event)
		g.dirty[ch.Stream] = struct{}{}
		if e, ok := ch.Event.(domain.MembersChanged); ok {
			_, segment, _ := ch.Stream.Entity()
			g.move(segment, e)
		}
	}
}

// Views by pieces, however large the pieces are, are what a view of the whole is:
// the same documents, keys, fields and sums.
func TestViewsByPiecesAreTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := domain.NewCatalog(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
		g := &growing{Catalog: c, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
		g.Follower.catalog, g.dirty, g.moved = c, map[domain.Stream]struct{}{}, map[uuid.UUID]map[string]struct{}{}
		view := emptyView()
		held := map[string]string{}
		key := rapid.SampledFrom([]string{"a", "b", "c"})
		member := rapid.SampledFrom([]string{"u1", "u2", "u3", "u4", "ü"})
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) { g.append(g.make(t, key.Draw(t, "key"))) },
			"delete": func(t *rapid.T) { g.append(g.remove(t, key.Draw(t, "key"))) },
			"members": func(t *rapid.T) {
				if s, ok := c.Segments.ByKey(key.Draw(t, "segment")); ok {
					g.append(c.ChangeMembers(s, rapid.SliceOf(member).Draw(t, "add"), rapid.SliceOf(member).Draw(t, "remove")))
				}
			},
			"edit": func(t *rapid.T) {
				if l, ok := c.Layers.ByKey(key.Draw(t, "layer")); ok {
					g.append(c.EditLayer(l, fmt.Appendf(nil, `{"description":"%d"}`, c.Position())))
				}
			},
			"view": func(t *rapid.T) {
				before := view
				next, changed := g.draft(view)
				if err := next.change(changed); err != nil {
					t.Fatal(err)
				}
				view = next
				for _, f := range view.contextFields(before.Position) {
					held[f.name] = string(f.value)
				}
				for _, field := range view.contextGone(before.Position) {
					delete(held, field)
				}
			},
		})
		next, changed := g.draft(view)
		if err := next.change(changed); err != nil {
			t.Fatal(err)
		}
		for _, f := range next.contextFields(view.Position) {
			held[f.name] = string(f.value)
		}
		for _, field := range next.contextGone(view.Position) {
			delete(held, field)
		}
		whole, err := viewOf(c)
		if err != nil {
			t.Fatal(err)
		}
		same(t, next, whole, held)
	})
}

func same(t *rapid.T, pieces, whole *View, held map[string]string) {
	t.Helper()
	have, err := pieces.Document().Encode()
	want, err2 := whole.Document().Encode()
	if err != nil || err2 != nil || string(have) != string(want) {
		t.Fatalf("document %s, %v, want %s, %v", have, err, want, err2)
	}
	if pieces.mark() != whole.mark() {
		t.Fatalf("mark %v, want %v", pieces.mark(), whole.mark())
	}
	if h, w := fmt.Sprint(pieces.Keys()), fmt.Sprint(whole.Keys()); h != w {
		t.Fatalf("keys %s, want %s", h, w)
	}
	fields := map[string]string{}
	for _, f := range whole.contextFields(-1) {
		fields[f.name] = string(f.value)
	}
	if !maps.Equal(held, fields) {
		t.Fatalf("fields %v, want %v", held, fields)
	}
	if partOf(fields) != whole.contextPart() {
		t.Fatalf("part %v, want %v", whole.contextPart(), partOf(fields))
	}
}

// make creates one entity of any kind.
func (g *growing) make(t *rapid.T, key string) ([]domain.Change, error) {
	id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, g.Catalog.Position(), key))
	body := fmt.Appendf(nil, `{"name":%q,"key":%[1]q}`, key)
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return g.Catalog.CreateLayer(id, body)
	case 1:
		return g.Catalog.CreateHoldout(id, body)
	case 2:
		return g.Catalog.CreateSegment(id, fmt.Appendf(nil, `{"name":%q,"key":%[1]q,"ids":["u3","u1"]}`, key))
	case 3:
		return g.Catalog.CreateKey(id, fmt.Appendf(nil, `{"name":%q,"key":%[1]q,"role":"server"}`, key), "00")
	}
	return g.Catalog.CreateExperiment(domain.ExperimentDraft{ID: id, Key: key, Settings: []byte(`{"name":"x"}`)})
}

func (g *growing) remove(t *rapid.T, key string) ([]domain.Change, error) {
	c := g.Catalog
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return removed(c.Layers, key, c.DeleteLayer)
	case 1:
		return removed(c.Holdouts, key, c.DeleteHoldout)
	case 2:
		return removed(c.Segments, key, c.DeleteSegment)
	case 3:
		return removed(c.Keys, key, c.DeleteKey)
	}
	return removed(c.Experiments, key, c.DeleteExperiment)
}

func removed[P any](in interface{ Find(string) (P, error) }, key string, remove func(P) ([]domain.Change, error)) ([]domain.Change, error) {
	e, err := in.Find(key)
	if err != nil {
		return nil, err
	}
	return remove(e)
}

// Only the newest tombstones are kept; what was dropped is known, so that Redis
// drops it too and no delta claims to know of it.
func TestTombstonesAreBounded(t *testing.T) {
	c := domain.NewCatalog(time.Time{})
	version := map[domain.Stream]int{}
	append := func(stream domain.Stream, e domain.Event) {
		version[stream]++
		c.Apply(domain.Stamp{Position: c.Position() + 1, Version: version[stream], At: time.Unix(c.Position(), 0)}, stream, e)
	}
	bury := func(n int) {
		for range n {
			id := uuid.New()
			stream := domain.StreamOf(domain.KindLayer, id)
			append(stream, domain.Created[domain.Layer]{After: domain.Layer{Header: domain.Header{ID: id, Key: id.String()}}})
			append(stream, domain.Deleted[domain.Layer]{})
		}
	}
	bury(maxTombstones - 1)
	before, err := viewOf(c)
	if err != nil {
		t.Fatal(err)
	}
	if d := before.Document(); len(d.Deleted) != maxTombstones-1 || d.DeltasFrom != 0 {
		t.Errorf("%d deleted, deltas from %d", len(d.Deleted), d.DeltasFrom)
	}
	bury(6)
	whole, err := viewOf(c)
	if err != nil {
		t.Fatal(err)
	}
	d := whole.Document()
	if len(d.Deleted) != maxTombstones || d.DeltasFrom != 10 || d.Deleted[0].Position != 12 {
		t.Errorf("%d deleted from %d, deltas from %d", len(d.Deleted), d.Deleted[0].Position, d.DeltasFrom)
	}
	held := map[string]string{}
	for _, f := range before.contextFields(-1) {
		held[f.name] = string(f.value)
	}
	for _, f := range whole.contextFields(before.Position) {
		held[f.name] = string(f.value)
	}
	for _, field := range whole.contextGone(before.Position) {
		delete(held, field)
	}
	if partOf(held) != whole.contextPart() {
		t.Errorf("redis would hold %v, not %v", partOf(held), whole.contextPart())
	}
	// The same by a piece.
	piece := *before
	piece.stand(c)
	var all changes
	for l := range c.Layers.Ever() {
		if l.Position > before.Position {
			all.layers = slices.Concat(all.layers, []*domain.Layer{l})
		}
	}
	if err := piece.change(all); err != nil || piece.mark() != whole.mark() {
		t.Errorf("by a piece %v, %v, want %v", piece.mark(), err, whole.mark())
	}
}

// A segment is written as any other entity would be.
func TestEncodeSegment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := evaluator.Segment{
			ID: uuid.NewString(), Key: "k", Position: 7, Version: 2,
			IDs: rapid.SliceOf(rapid.String()).Draw(t, "ids"),
		}
		have, err := encodeItem(g)
		want, err2 := domain.Encode(g)
		if err != nil || err2 != nil || string(have) != string(want) {
			t.Fatalf("%s, %v, want %s, %v", have, err, want, err2)
		}
	})
}
