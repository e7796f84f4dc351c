package evaluator_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// ledger makes documents as the control plane does: commands are decided by the
// domain and folded into a catalog.
type ledger struct {
	*domain.Catalog
	tb      testing.TB
	ids     int
	deleted []evaluator.Tombstone
}

func newLedger(tb testing.TB) *ledger {
	return &ledger{Catalog: domain.NewCatalog(time.Unix(0, 0)), tb: tb}
}

// id returns the next of the ids that the ledger gives.
func (l *ledger) id() uuid.UUID {
	l.ids++
	return uuid.MustParse(fmt.Sprintf("0193f000-0000-7000-8000-%012x", l.ids*0x9e3779b1%0xffffff))
}

// append appends what was decided.
func (l *ledger) append(changes []domain.Change, err error) {
	l.tb.Helper()
	if err != nil {
		l.tb.Fatal(err)
	}
	for _, change := range changes {
		position := l.Position() + 1
		l.Apply(domain.Stamp{
			Position: position, Version: l.Version(change.Stream) + 1, At: time.Unix(position, 0).UTC(),
		}, change.Stream, change.Event)
	}
}

// create creates an experiment and starts it.
func (l *ledger) create(key, settings string) {
	l.tb.Helper()
	draft, err := domain.ParseExperimentDraft([]byte(fmt.Sprintf(`{"id":%q,"key":%q,"name":%[2]q,%s}`, l.id(), key, settings)))
	if err != nil {
		l.tb.Fatal(err)
	}
	l.append(l.CreateExperiment(draft))
	l.append(l.SetStatus(l.find(key), domain.Active))
}

func (l *ledger) find(key string) *domain.Experiment {
	l.tb.Helper()
	e, err := l.Experiments.Find(key)
	if err != nil {
		l.tb.Fatalf("%s: %v", key, err)
	}
	return e
}

func (l *ledger) remove(kind domain.Kind, id uuid.UUID, changes []domain.Change, err error) {
	l.tb.Helper()
	l.append(changes, err)
	l.deleted = append(l.deleted, evaluator.Tombstone{Kind: kind, ID: id.String(), Position: l.Position()})
}

// document is all of the catalog that evaluation needs.
func (l *ledger) document() evaluator.Document {
	l.tb.Helper()
	d := evaluator.Document{Position: l.Position(), At: l.At(), Deleted: slices.Clone(l.deleted)}
	byID := func(a, b domain.Header) int { return cmp.Compare(a.ID.String(), b.ID.String()) }
	for _, e := range slices.SortedFunc(l.Experiments.All(), func(a, b *domain.Experiment) int { return byID(a.Header, b.Header) }) {
		raw, err := domain.Encode(e)
		if err != nil {
			l.tb.Fatal(err)
		}
		d.Experiments = append(d.Experiments, raw)
	}
	for _, y := range slices.SortedFunc(l.Layers.All(), func(a, b *domain.Layer) int { return byID(a.Header, b.Header) }) {
		d.Layers = append(d.Layers, *y)
	}
	for _, h := range slices.SortedFunc(l.Holdouts.All(), func(a, b *domain.Holdout) int { return byID(a.Header, b.Header) }) {
		d.Holdouts = append(d.Holdouts, *h)
	}
	for _, g := range slices.SortedFunc(l.Segments.All(), func(a, b *domain.Segment) int { return byID(a.Header, b.Header) }) {
		d.Segments = append(d.Segments, evaluator.Segment{
			ID: g.ID.String(), Key: g.Key, Position: g.Position, Version: g.Version,
			IDs: slices.Sorted(maps.Keys(l.Members(g.ID))),
		})
	}
	return d
}

func (l *ledger) snapshot() *evaluator.Snapshot {
	l.tb.Helper()
	return compile(l.tb, l.document())
}

func compile(tb testing.TB, d evaluator.Document) *evaluator.Snapshot {
	tb.Helper()
	s, faults := evaluator.Compile(d)
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	return s
}

// answer is what an experiment says of a unit.
func answer(tb testing.TB, s *evaluator.Snapshot, key, id string, attributes map[string]any) (variation, reason string) {
	tb.Helper()
	r, ok := s.EvaluateRaw(key, id, attributes)
	if !ok {
		tb.Fatalf("%s is not there", key)
	}
	return r.Experiment.Variations()[r.Variation].Key, r.Reason.String()
}

func encode(tb testing.TB, v any) string {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}
