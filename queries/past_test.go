package queries

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// story makes a ledger in which keys are used again after deletions, and
// returns its records.
func (s *stack) story(t testing.TB) []eventstore.Record {
	t.Helper()
	for round := range 3 {
		for _, key := range []string{"a", "b"} {
			s.create(t, fmt.Sprintf(`{"name":"%s %d","key":"%[1]s"}`, key, round))
			s.set(t, key, domain.Active)
			s.patch(t, key, fmt.Sprintf(`{"description":"round %d","tags":["t%[1]d"]}`, round))
			s.patch(t, key, `{"phase":"new","variations":[{"key":"control","weight":1},{"key":"treatment","weight":3}],"audience":{"country":"US"}}`)
			s.set(t, key, domain.Inactive)
			if _, err := s.commands.RevertExperiment(t.Context(), commands.Call{}, key, 1, "new"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.commands.CreateResource(t.Context(), commands.Call{}, domain.KindSegment, fmt.Appendf(nil, `{"name":"s%d"}`, round)); err != nil {
			t.Fatal(err)
		}
		s.delete(t, "a")
		if round < 2 {
			s.delete(t, "b")
		}
	}
	records, err := s.store.ReadAll(t.Context(), 0, MaxLimit)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// Every moment of the past is what a fold of the ledger up to it gives: asked
// for by position, by time, by version, by id and by key.
func TestTimeTravel(t *testing.T) {
	s := newStack(t)
	records := s.story(t)
	c := domain.NewCatalog(records[0].RecordedAt)
	ids := map[uuid.UUID]bool{}
	for i := range records {
		r := &records[i]
		c.Apply(r.Stamp(), r.Stream, r.Event)
		if kind, id, _ := r.Stream.Entity(); kind == domain.KindExperiment {
			ids[id] = true
			e, _ := c.Experiments.ByID(id)
			s.same(t, id.String(), Moment{Version: r.Version}, e, r.Position)
		}
		moments := []Moment{{Position: r.Position}}
		if i+1 == len(records) || records[i+1].RecordedAt.After(r.RecordedAt) {
			moments = append(moments, Moment{At: r.RecordedAt})
		}
		if i+1 < len(records) && records[i+1].RecordedAt.Sub(r.RecordedAt) > time.Microsecond {
			moments = append(moments, Moment{At: records[i+1].RecordedAt.Add(-time.Microsecond)})
		}
		for _, m := range moments {
			for id := range ids {
				e, _ := c.Experiments.ByID(id)
				s.same(t, id.String(), m, e, r.Position)
			}
			for _, key := range []string{"a", "b"} {
				e, _ := c.Experiments.ByKey(key)
				s.same(t, key, m, e, r.Position)
			}
		}
	}
	s.settle(t)
	for _, key := range []string{"a", "b"} {
		e, _ := c.Experiments.ByKey(key)
		s.same(t, key, Moment{}, e, c.Position())
	}
}

// same checks that an answer about the past is the experiment as it stood.
func (s *stack) same(t testing.TB, ref string, m Moment, e *domain.Experiment, position int64) {
	t.Helper()
	doc, version, at, err := s.Experiment(t.Context(), ref, m)
	if e == nil || e.Deleted {
		if !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%s at %+v: %s, %v, want not found", ref, m, doc, err)
		}
		return
	}
	want, encoding := domain.Encode(e)
	if err = errors.Join(err, encoding); err != nil || string(doc) != string(want) || version != e.Version || at != position {
		t.Errorf("%s at %+v: %s version %d position %d, %v\nwant %s at %d", ref, m, doc, version, at, err, want, position)
	}
}

func TestMomentsThatAreNone(t *testing.T) {
	s := newStack(t)
	id := s.create(t, `{"name":"a"}`).ID.String()
	s.settle(t)
	for name, tt := range map[string]struct {
		moment Moment
		field  string
	}{
		"two":               {Moment{Position: 1, Version: 1}, "at"},
		"negative position": {Moment{Position: -1}, "position"},
		"negative version":  {Moment{Version: -1}, "version"},
		"position to come":  {Moment{Position: 2}, "position"},
		"time to come":      {Moment{At: time.Now().Add(time.Hour)}, "at"},
	} {
		_, _, _, err := s.Experiment(t.Context(), id, tt.moment)
		var invalid *domain.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != tt.field {
			t.Errorf("%s: %v, want a fault of %s", name, err, tt.field)
		}
	}
	for name, m := range map[string]Moment{
		"before the ledger": {At: time.Unix(0, 0)}, "year 1": {At: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)},
		"version to come": {Version: 2}, "version far away": {Version: 1 << 40},
	} {
		if _, _, _, err := s.Experiment(t.Context(), id, m); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A reference that no text column can hold is nobody's, whoever is asked, and
// says nothing about Postgres's health.
func TestReferencesThatAreNone(t *testing.T) {
	s := newStack(t)
	s.create(t, `{"name":"a"}`)
	s.settle(t)
	for _, ref := range []string{"", "x", "\x00", "a\x00", "\xff", strings.Repeat("k", 10_000), "019", uuid.Nil.String()} {
		for name, ask := range map[string]func() error{
			"now":     func() error { _, _, _, err := s.Experiment(t.Context(), ref, Moment{}); return err },
			"then":    func() error { _, _, _, err := s.Experiment(t.Context(), ref, Moment{Position: 1}); return err },
			"version": func() error { _, _, _, err := s.Experiment(t.Context(), ref, Moment{Version: 1}); return err },
			"history": func() error { _, err := s.History(t.Context(), ref, HistoryOptions{}); return err },
			"Postgres": func() error {
				_, _, _, err := s.experimentInPostgres(t.Context(), ref)
				return err
			},
			"resource": func() error {
				_, _, err := s.resourcesInPostgres(t.Context(), domain.KindLayer, selection{ref: &ref, limit: 1})
				return err
			},
		} {
			if err := ask(); !errors.Is(err, domain.ErrNotFound) {
				t.Errorf("%s of %.20q: %v", name, ref, err)
			}
		}
	}
	if s.postgres.down() {
		t.Error("Postgres is taken to be down")
	}
}

// The changes of a history, applied one after the other, make each version's
// document; pages of any size are parts of the same history.
func TestHistoryTellsEveryChange(t *testing.T) {
	s := newStack(t)
	records := s.story(t)
	s.settle(t)
	for _, ref := range []string{"a", "b"} {
		whole, err := s.History(t.Context(), ref, HistoryOptions{Limit: MaxLimit})
		if err != nil || whole.NextCursor != nil || len(whole.Items) < 6 {
			t.Fatalf("%s: %d entries, %v", ref, len(whole.Items), err)
		}
		var doc any = map[string]any{}
		for i := len(whole.Items) - 1; i >= 0; i-- {
			entry := whole.Items[i]
			r := records[entry.Position-1]
			if entry.Version != len(whole.Items)-i || entry.Type != r.Type || !entry.At.Equal(r.RecordedAt) || entry.Hash != fmt.Sprintf("%x", r.Hash) {
				t.Errorf("%s: entry %+v of record %+v", ref, entry, r)
			}
			for _, change := range entry.Changes {
				doc = apply(t, doc, change)
			}
			_, id, _ := r.Stream.Entity()
			now, _, _, err := s.Experiment(t.Context(), id.String(), Moment{Version: entry.Version})
			if errors.Is(err, domain.ErrNotFound) {
				continue // deleted
			}
			got, _ := json.Marshal(doc)
			if want := bare(t, now); err != nil || canonical(t, got) != want {
				t.Errorf("%s version %d: the changes make\n%s, want\n%s, %v", ref, entry.Version, canonical(t, got), want, err)
			}
		}
		for size := 1; size < 5; size++ {
			for _, types := range [][]string{nil, {"experiment.status_changed"}, {"experiment.changed", "experiment.created"}} {
				s.pages(t, ref, HistoryOptions{Limit: size, Types: types}, whole.Items)
			}
		}
	}
	if _, err := s.History(t.Context(), "a", HistoryOptions{Types: []string{"layer.created"}}); err == nil {
		t.Error("a type of another kind is taken")
	}
	page, err := s.History(t.Context(), "b", HistoryOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.History(t.Context(), "a", HistoryOptions{Limit: 1, Cursor: *page.NextCursor}); err == nil {
		t.Error("the cursor of another experiment's history is taken")
	}
}

// pages checks that a history by pages is the whole one, filtered.
func (s *stack) pages(t testing.TB, ref string, o HistoryOptions, whole []HistoryEntry) {
	t.Helper()
	wanted := func(e HistoryEntry) bool {
		for _, typ := range o.Types {
			if typ == e.Type {
				return true
			}
		}
		return len(o.Types) == 0
	}
	var got, want strings.Builder
	for _, e := range whole {
		if wanted(e) {
			fmt.Fprintln(&want, e)
		}
	}
	for {
		page, err := s.History(t.Context(), ref, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			fmt.Fprintln(&got, e)
		}
		if page.NextCursor == nil {
			break
		}
		o.Cursor = *page.NextCursor
	}
	if got.String() != want.String() {
		t.Errorf("%s %+v: by pages\n%s, want\n%s", ref, o, &got, &want)
	}
}

// apply makes one change in a document.
func apply(t testing.TB, doc any, change FieldChange) any {
	t.Helper()
	var set func(doc any, path []string) any
	set = func(doc any, path []string) any {
		if len(path) == 0 {
			return decode[any](t, change.New)
		}
		switch doc := doc.(type) {
		case map[string]any:
			if len(path) == 1 && change.New == nil {
				delete(doc, path[0])
			} else {
				doc[path[0]] = set(doc[path[0]], path[1:])
			}
			return doc
		case []any:
			var i int
			if _, err := fmt.Sscan(path[0], &i); err != nil {
				t.Fatal(err)
			}
			doc[i] = set(doc[i], path[1:])
			return doc
		}
		t.Fatalf("%s leads nowhere in %v", change.Path, doc)
		return nil
	}
	var path []string
	for token := range jsontext.Pointer(change.Path).Tokens() {
		path = append(path, token)
	}
	return set(doc, path)
}

func canonical(t testing.TB, doc []byte) string {
	t.Helper()
	v := jsontext.Value(append([]byte(nil), doc...))
	if err := v.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// bare is a document less the ledger's stamps.
func bare(t testing.TB, doc []byte) string {
	t.Helper()
	members := decode[map[string]jsontext.Value](t, doc)
	for name := range members {
		if stamped(name) {
			delete(members, name)
		}
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return canonical(t, b)
}

// A list of the past is made of the experiments that there were then, as they
// stood; its pages are of one moment, whatever happens meanwhile.
func TestListsOfThePast(t *testing.T) {
	s := newStack(t)
	s.create(t, `{"name":"Planned","key":"planned","schedule":{"start_at":"2100-01-01T00:00:00Z","stop_at":"2101-01-01T00:00:00Z"}}`)
	s.set(t, "planned", domain.Active)
	records := s.story(t)
	s.settle(t)
	c := domain.NewCatalog(records[0].RecordedAt)
	for i := range records {
		r := &records[i]
		c.Apply(r.Stamp(), r.Stream, r.Event)
		moments := []Moment{{Position: r.Position}}
		if i+1 == len(records) || records[i+1].RecordedAt.After(r.RecordedAt) {
			moments = append(moments, Moment{At: r.RecordedAt})
		}
		for _, o := range []ListOptions{
			{}, {Limit: 1}, {Status: "active"}, {Tag: "t1"}, {Q: "ROUND 2"}, {Sort: "-updated_at", Limit: 1}, {Sort: "created_at"},
		} {
			for _, o.Moment = range moments {
				s.lists(t, o, listed(t, c, o), r.Position)
			}
		}
	}
}

// lists checks that a list's pages are these documents at that position.
func (s *stack) lists(t testing.TB, o ListOptions, want []string, position int64) {
	t.Helper()
	docs := []string{}
	for {
		list, err := s.Experiments(t.Context(), o)
		if err != nil || list.Source != FromLedger || list.Position != position {
			t.Errorf("%+v: from %s at %d, %v, want position %d", o, list.Source, list.Position, err, position)
			return
		}
		for _, item := range list.Items {
			docs = append(docs, string(item))
		}
		if list.NextCursor == nil {
			break
		}
		o.Cursor = *list.NextCursor
	}
	if !slices.Equal(docs, want) {
		t.Errorf("%+v:\n%s, want\n%s", o, docs, want)
	}
}

// listed is the list that a catalog amounts to.
func listed(t testing.TB, c *domain.Catalog, o ListOptions) []string {
	t.Helper()
	o.Moment, o.Limit = Moment{}, MaxLimit
	l, err := newListing(o)
	if err != nil {
		t.Fatal(err)
	}
	var all []*entry
	for _, key := range []string{"planned", "a", "b"} {
		if e, ok := c.Experiments.ByKey(key); ok {
			doc, err := domain.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, newEntry(doc, e))
		}
	}
	docs := []string{}
	for _, item := range l.page(all, "", 0).Items {
		docs = append(docs, string(item))
	}
	return docs
}

func TestListsOfMomentsThatAreNone(t *testing.T) {
	s := newStack(t)
	for range 2 {
		s.create(t, `{"name":"a"}`)
	}
	for name, tt := range map[string]struct {
		options ListOptions
		field   string
	}{
		"two":      {ListOptions{Moment: Moment{Position: 1, At: time.Now()}}, "at"},
		"version":  {ListOptions{Moment: Moment{Version: 1}}, "version"},
		"to come":  {ListOptions{Moment: Moment{Position: 3}}, "position"},
		"tomorrow": {ListOptions{Moment: Moment{At: time.Now().Add(time.Hour)}}, "at"},
		"bad sort": {ListOptions{Moment: Moment{Position: 1}, Sort: "id"}, "sort"},
	} {
		var invalid *domain.InvalidError
		if _, err := s.Experiments(t.Context(), tt.options); !errors.As(err, &invalid) || invalid.Field != tt.field {
			t.Errorf("%s: %v, want a fault of %s", name, err, tt.field)
		}
	}
	before, err := s.Experiments(t.Context(), ListOptions{Moment: Moment{At: time.Unix(0, 0)}})
	if err != nil || len(before.Items) != 0 || before.Position != 0 || before.NextCursor != nil {
		t.Errorf("before the ledger: %+v, %v", before, err)
	}
	first, err := s.Experiments(t.Context(), ListOptions{Moment: Moment{Position: 2}, Limit: 1})
	if err != nil || first.NextCursor == nil {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, m := range []Moment{{}, {Position: 1}} {
		if _, err := s.Experiments(t.Context(), ListOptions{Moment: m, Limit: 1, Cursor: *first.NextCursor}); err == nil {
			t.Errorf("the cursor of another moment is taken at %+v", m)
		}
	}
}
