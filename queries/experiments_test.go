package queries

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
)

// texts are what names, owners and searches are made of: cases that differ
// between languages, and what a pattern could take for more than itself.
func texts() []string {
	return []string{
		"a", "B", "checkout", "Checkout", "STRASSE", "straße", "ſ", "K", "k", "Σ", "ς", "İ", "i", "ı", "Ǆ", "ǆ", "é", "é", "ё", "日本", "😀",
		".*", "^a$", "[b]", "(", "\\", "\\d", "***:", "_", "%", "1", "0193", "a b", "\n", "'", "\"", "{", "|", "?", "A\u0301", "ﬀ", "Ꭰ", "ꭰ",
	}
}

func textOf() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(texts()), 0, 3).Draw(t, "parts"), "")
	})
}

// populate makes experiments that differ in all that lists look at, some of
// them at one time.
func (s *stack) populate(t testing.TB, n int) {
	t.Helper()
	random := textOf()
	var batch []commands.BatchCommand
	for i := range n {
		long := ""
		if i%5 == 0 {
			long = strings.Repeat("n", 180) + string(rune('z'-i%26))
		}
		body := map[string]any{
			"name": "N" + long + strings.ReplaceAll(random.Example(3*i), "\n", ""), "key": fmt.Sprintf("k%d", i*7919%n),
			"description": random.Example(3*i + 1), "owner": strings.TrimSpace(strings.ReplaceAll(random.Example(3*i+2), "\n", "")),
			"tags": []string{[]string{"red", "Blue", "é"}[i%3]},
		}
		if i%4 == 0 {
			body["tags"] = []string{}
		}
		doc, err := domain.Encode(body)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			s.create(t, string(doc))
			continue
		}
		batch = append(batch, commands.BatchCommand{Op: "create", Body: doc})
	}
	if _, err := s.commands.Batch(t.Context(), commands.Call{}, batch); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < n; i += 3 {
		s.set(t, fmt.Sprintf("k%d", i), domain.Active)
	}
	for i := 0; i < n; i += 10 {
		s.delete(t, fmt.Sprintf("k%d", i))
	}
	s.settle(t)
}

// every reads a list from each source.
func (s *stack) every(t *rapid.T, o ListOptions) (lists [3]List) {
	l, err := newListing(o)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	var ok bool
	if lists[0], ok = s.listRedis(t.Context(), l); !ok {
		t.Fatalf("%+v: Redis is not read", o)
	}
	if lists[1], err = s.listPostgres(t.Context(), l); err != nil {
		t.Fatalf("%+v: Postgres: %v", o, err)
	}
	if lists[2], err = s.listMemory(l); err != nil {
		t.Fatalf("%+v: memory: %v", o, err)
	}
	return lists
}

func strs(items []jsontext.Value) (all []string) {
	for _, item := range items {
		all = append(all, string(item))
	}
	return all
}

// Whatever is asked for, it does not matter where it is read, and the pages of a
// list make the list.
func TestListsAreTheSameFromEverySource(t *testing.T) {
	s := newStack(t)
	s.populate(t, 60)
	sorts := []string{"", "key", "-key", "name", "-name", "status", "-status", "created_at", "-created_at", "updated_at", "-updated_at"}
	rapid.Check(t, func(t *rapid.T) {
		o := ListOptions{
			Status: rapid.SampledFrom([]string{"", "", "active", "inactive"}).Draw(t, "status"),
			Tag:    rapid.SampledFrom([]string{"", "", "", "red", "blue", "Blue", "é"}).Draw(t, "tag"),
			Sort:   rapid.SampledFrom(sorts).Draw(t, "sort"),
			Q:      textOf().Draw(t, "q"),
			Limit:  MaxLimit,
		}
		whole := s.every(t, o)[2].Items
		o.Limit = rapid.IntRange(1, 25).Draw(t, "limit")
		var pieces []string
		for {
			lists := s.every(t, o)
			for i, source := range []string{FromRedis, FromPostgres, FromMemory} {
				if lists[i].Source != source || lists[i].Position != lists[2].Position ||
					!slices.Equal(strs(lists[i].Items), strs(lists[2].Items)) ||
					(lists[i].NextCursor == nil) != (lists[2].NextCursor == nil) ||
					lists[i].NextCursor != nil && *lists[i].NextCursor != *lists[2].NextCursor {
					t.Fatalf("%+v: %s differs from memory:\n%v\n%v", o, source, lists[i], lists[2])
				}
			}
			pieces = append(pieces, strs(lists[2].Items)...)
			if lists[2].NextCursor == nil {
				break
			}
			o.Cursor = *lists[2].NextCursor
		}
		if !slices.Equal(pieces, strs(whole)) {
			t.Fatalf("%+v: %d items by pages, %d at once", o, len(pieces), len(whole))
		}
	})
}

// A page goes on where the one before ended, whatever happens in between.
func TestCursorsOutliveChanges(t *testing.T) {
	s := newStack(t)
	for i := range 6 {
		s.create(t, fmt.Sprintf(`{"name":"e%d"}`, i))
	}
	first, err := s.Experiments(t.Context(), ListOptions{Limit: 3})
	if err != nil || len(first.Items) != 3 {
		t.Fatalf("%+v, %v", first, err)
	}
	s.delete(t, "e2") // the last of the page
	s.create(t, `{"name":"e0a"}`)
	second, err := s.Experiments(t.Context(), ListOptions{Limit: 3, Cursor: *first.NextCursor})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, item := range second.Items {
		keys = append(keys, decode[domain.Experiment](t, item).Key)
	}
	if want := []string{"e3", "e4", "e5"}; !slices.Equal(keys, want) || second.NextCursor != nil {
		t.Errorf("second page %q, want %q", keys, want)
	}
}

func TestListsRefuseWhatTheyDoNotKnow(t *testing.T) {
	s := newStack(t)
	for i := range 3 {
		s.create(t, fmt.Sprintf(`{"name":"e%d"}`, i))
	}
	page, err := s.Experiments(t.Context(), ListOptions{Limit: 1, Sort: "name"})
	if err != nil {
		t.Fatal(err)
	}
	next := *page.NextCursor
	at := len(next) / 2
	altered := next[:at] + string(next[at]^1) + next[at+1:]
	// Well formed and with its right checksum, but no value of the column.
	forged := func(list, value string) string { return *cursor{value, uuid.Nil}.encode(list) }
	byName, byTime := scope("experiments", "name", "asc", "", "", ""), scope("experiments", "created_at", "asc", "", "", "")
	for name, tt := range map[string]struct {
		options ListOptions
		field   string
	}{
		"limit":                 {ListOptions{Limit: -1}, "limit"},
		"too many":              {ListOptions{Limit: MaxLimit + 1}, "limit"},
		"status":                {ListOptions{Status: "paused"}, "status"},
		"sort":                  {ListOptions{Sort: "owner"}, "sort"},
		"minus":                 {ListOptions{Sort: "-"}, "sort"},
		"two minuses":           {ListOptions{Sort: "--key"}, "sort"},
		"NUL in q":              {ListOptions{Q: "a\x00"}, "q"},
		"bad UTF-8 in q":        {ListOptions{Q: "\xff"}, "q"},
		"long q":                {ListOptions{Q: strings.Repeat("q", 1001)}, "q"},
		"NUL in tag":            {ListOptions{Tag: "\x00"}, "tag"},
		"altered":               {ListOptions{Sort: "name", Cursor: altered}, "cursor"},
		"cut":                   {ListOptions{Sort: "name", Cursor: next[:len(next)-1]}, "cursor"},
		"of another order":      {ListOptions{Sort: "-name", Cursor: next}, "cursor"},
		"of another filter":     {ListOptions{Sort: "name", Status: "active", Cursor: next}, "cursor"},
		"of another search":     {ListOptions{Sort: "name", Q: "e", Cursor: next}, "cursor"},
		"no base64":             {ListOptions{Cursor: "!"}, "cursor"},
		"too short":             {ListOptions{Cursor: "AAAA"}, "cursor"},
		"forged NUL":            {ListOptions{Sort: "name", Cursor: forged(byName, "a\x00b")}, "cursor"},
		"forged bad UTF-8":      {ListOptions{Sort: "name", Cursor: forged(byName, "\xff")}, "cursor"},
		"forged time is a word": {ListOptions{Sort: "created_at", Cursor: forged(byTime, "x")}, "cursor"},
		"forged far future":     {ListOptions{Sort: "created_at", Cursor: forged(byTime, "9223372036854775807")}, "cursor"},
		"forged sign":           {ListOptions{Sort: "created_at", Cursor: forged(byTime, "-1")}, "cursor"},
	} {
		_, err := s.Experiments(t.Context(), tt.options)
		var invalid *domain.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != tt.field {
			t.Errorf("%s: %v, want a fault of %s", name, err, tt.field)
		}
	}
}

// Which source answers, and that none hides what the caller has just done.
func TestSourceOfLists(t *testing.T) {
	s := newStack(t)
	s.create(t, `{"name":"one"}`)
	s.settle(t)
	list, err := s.Experiments(t.Context(), ListOptions{})
	if err != nil || list.Source != FromRedis || len(list.Items) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	for range 20 {
		if err := s.client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if list, err := s.Experiments(t.Context(), ListOptions{}); err != nil || len(list.Items) != 1 {
			t.Fatalf("emptied: %+v, %v", list, err)
		}
	}
	for range 50 {
		s.set(t, "one", domain.Active)
		list, err := s.Experiments(t.Context(), ListOptions{Status: "active"})
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("a list hides its caller's command: %+v, %v", list, err)
		}
		s.set(t, "one", domain.Inactive)
	}
	if _, err := s.Experiments(t.Context(), ListOptions{MinPosition: 1_000}); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("a list of a position to come: %v", err)
	}
	if err := s.Wait(t.Context(), 1_000); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("waiting for it: %v", err)
	}
}
