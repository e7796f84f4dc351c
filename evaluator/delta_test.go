package evaluator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

func bytesOf(tb testing.TB, d evaluator.Document) string {
	tb.Helper()
	data, err := d.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// step runs one drawn command.
func (l *ledger) step(t *rapid.T, n int) {
	key := fmt.Sprintf("k%d", n)
	some := func(prefix string) string { return fmt.Sprintf("%s%d", prefix, rapid.IntRange(0, n).Draw(t, "which")) }
	switch rapid.IntRange(0, 8).Draw(t, "command") {
	case 0, 1:
		l.create(key, fmt.Sprintf(`"tags":["%d"]`, n%3))
	case 2:
		l.append(l.CreateLayer(l.id(), []byte(fmt.Sprintf(`{"key":%q,"name":"y"}`, key))))
	case 3:
		l.append(l.CreateHoldout(l.id(), []byte(fmt.Sprintf(`{"key":%q,"name":"h","share_ppm":%d}`, key, n))))
	case 4:
		l.append(l.CreateSegment(l.id(), []byte(fmt.Sprintf(`{"key":%q,"name":"g","ids":["a","b%d"]}`, key, n))))
	case 5:
		if e, err := l.Experiments.Find(some("k")); err == nil {
			l.append(l.EditExperiment(e, []byte(fmt.Sprintf(`{"traffic_ppm":%d}`, n))))
		}
		if g, err := l.Segments.Find(some("k")); err == nil {
			l.append(l.ChangeMembers(g, []string{fmt.Sprint(n)}, []string{"a"}))
		}
	case 6:
		if e, err := l.Experiments.Find(some("k")); err == nil {
			changes, err := l.DeleteExperiment(e)
			l.remove(domain.KindExperiment, e.ID, changes, err)
		}
	case 7:
		if y, err := l.Layers.Find(some("k")); err == nil {
			changes, err := l.DeleteLayer(y)
			l.remove(domain.KindLayer, y.ID, changes, err)
		}
		if h, err := l.Holdouts.Find(some("k")); err == nil {
			changes, err := l.DeleteHoldout(h)
			l.remove(domain.KindHoldout, h.ID, changes, err)
		}
	case 8:
		if g, err := l.Segments.Find(some("k")); err == nil {
			changes, err := l.DeleteSegment(g)
			l.remove(domain.KindSegment, g.ID, changes, err)
		}
	}
}

// forgetting drops the oldest tombstones, as a ledger of many deletions does.
func forgetting(d evaluator.Document, keep int) evaluator.Document {
	if n := len(d.Deleted) - keep; n > 0 {
		d.DeltasFrom = d.Deleted[n-1].Position
		d.Deleted = d.Deleted[n:]
	}
	return d
}

// TestMergeOfSince draws a history and asks for every delta between two of its
// documents.
func TestMergeOfSince(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := newLedger(t)
		keep := rapid.IntRange(1, 4).Draw(r, "tombstones kept")
		documents := []evaluator.Document{l.document()}
		for n := range rapid.IntRange(1, 14).Draw(r, "commands") {
			l.step(r, n)
			documents = append(documents, forgetting(l.document(), keep))
		}
		next := documents[len(documents)-1]
		want := bytesOf(t, next)
		for i, old := range documents {
			delta, ok := next.Since(old.Position)
			if ok != (old.Position >= next.DeltasFrom) {
				t.Fatalf("a delta since %d of %d: %t, deltas from %d", old.Position, next.Position, ok, next.DeltasFrom)
			}
			if !ok {
				continue
			}
			sent, err := evaluator.ParseDocument([]byte(bytesOf(t, delta)))
			if err != nil {
				t.Fatal(err)
			}
			merged, err := old.Merge(sent)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytesOf(t, merged); got != want {
				t.Fatalf("document %d merged:\n%s\nwant\n%s", i, got, want)
			}
		}
	})
}

func TestMergeRefuses(t *testing.T) {
	l := newLedger(t)
	l.create("a", `"tags":[]`)
	old := l.document()
	l.create("b", `"tags":[]`)
	middle := l.document()
	l.create("c", `"tags":[]`)
	next := l.document()
	late, _ := next.Since(middle.Position)
	early, _ := middle.Since(old.Position)
	corrupt := old
	corrupt.Experiments = []json.RawMessage{[]byte(`{`)}
	for name, merge := range map[string]func() (evaluator.Document, error){
		"a gap":           func() (evaluator.Document, error) { return old.Merge(late) },
		"an end before":   func() (evaluator.Document, error) { return next.Merge(early) },
		"no id to go by":  func() (evaluator.Document, error) { return corrupt.Merge(early) },
		"a broken change": func() (evaluator.Document, error) { early.Experiments[0] = []byte(`{`); return old.Merge(early) },
	} {
		if _, err := merge(); err == nil {
			t.Errorf("%s is merged", name)
		}
	}
	if whole, err := corrupt.Merge(next); err != nil || bytesOf(t, whole) != bytesOf(t, next) {
		t.Errorf("a whole document does not take the place of a corrupt one: %v", err)
	}
	if _, ok := next.Since(next.Position + 1); ok {
		t.Error("a delta of the future")
	}
	if _, ok := corrupt.Since(0); ok {
		t.Error("a delta of what cannot be read")
	}
}

func TestDocument(t *testing.T) {
	l := newLedger(t)
	l.create("a", `"tags":["x"]`)
	l.append(l.CreateSegment(l.id(), []byte(`{"key":"g","name":"g","ids":["b","a","é"]}`)))
	want := bytesOf(t, l.document())
	read, err := evaluator.ParseDocument([]byte(want))
	if err != nil || bytesOf(t, read) != want {
		t.Errorf("read and written again: %v\n%s\nwant\n%s", err, bytesOf(t, read), want)
	}
	broken := read
	broken.Experiments = append([]json.RawMessage{[]byte(`{"id":`)}, broken.Experiments...)
	if got := bytesOf(t, broken); got != want {
		t.Errorf("what is not JSON is written: %s", got)
	}
	for _, bad := range []string{
		``, `null x`, `[]`, `{"position":-1}`, `{"position":"1"}`, `{"experiments":{}}`, `{"position":1,"position":2}`,
		`{"since":3,"position":2}`, "{\"at\":\"\xff\"}", `{"layers":[{"id":"no id"}]}`, `{"segments":[{"ids":[1]}]}`,
		`{"experiments":[` + strings.Repeat("1,", 100_000) + `1]}`,
	} {
		if _, err := evaluator.ParseDocument([]byte(bad)); err == nil {
			t.Errorf("%.40s is read", bad)
		}
	}
	if _, err := evaluator.ParseDocument([]byte(`{"position":1,"experiments":[7,null],"invented":{"later":true}}`)); err != nil {
		t.Errorf("what a later version adds is refused: %v", err)
	}
}

// FuzzDocument: whatever is read is compiled, asked and written again.
func FuzzDocument(f *testing.F) {
	l := newLedger(f)
	l.append(l.CreateLayer(l.id(), []byte(`{"key":"y","name":"y","mode":"ordered"}`)))
	l.append(l.CreateHoldout(l.id(), []byte(`{"key":"h","name":"h","share_ppm":5}`)))
	l.create("a", `"hash":"gb2","layer":{"key":"y"},"overrides":{"u":"control"}`)
	l.create("b", `"prerequisites":[{"experiment":"a","variations":["control"]}],"audience":{"x":{"$in":[1]}}`)
	f.Add([]byte(bytesOf(f, l.document())))
	f.Add([]byte(`{"experiments":[1,null,"x",[],{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := evaluator.ParseDocument(data)
		if err != nil {
			return
		}
		s, faults := evaluator.Compile(d)
		if s.Len()+len(faults) > len(d.Experiments) {
			t.Fatalf("%d experiments and %d faults of %d", s.Len(), len(faults), len(d.Experiments))
		}
		var u evaluator.Unit
		s.Prepare(&u, "u", map[string]any{"x": 1.0})
		for _, r := range s.EvaluateAll(&u, nil) {
			if x := s.Explain(r.Experiment, &u); x.Reason != r.Reason {
				t.Fatalf("%s, explained as %s", r.Reason, x.Reason)
			}
		}
		written := bytesOf(t, d)
		again, err := evaluator.ParseDocument([]byte(written))
		if err != nil || bytesOf(t, again) != written {
			t.Fatalf("written, and not read: %v", err)
		}
	})
}
