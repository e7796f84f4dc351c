package queries

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/pgtest"
)

// Postgres finds a text in another if and only if Go does, in any case.
func FuzzFold(f *testing.F) {
	for i, text := range texts() {
		f.Add(text, text)
		f.Add("x"+strings.ToUpper(text)+"y", text)
		f.Add(texts()[len(texts())-1-i], text)
	}
	conn, err := pgx.Connect(f.Context(), pgtest.Database(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = conn.Close(f.Context()) })
	f.Fuzz(func(t *testing.T, text, search string) {
		if checkSearch("q", search) != nil || !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			return
		}
		want := strings.Contains(fold(text), fold(search))
		var got bool
		err := conn.QueryRow(t.Context(), `select $1::text collate "C" ~ $2`, text, foldPattern(search)).Scan(&got)
		if err != nil || got != want {
			t.Errorf("%q in %q: Postgres says %v, %v, Go %v", search, text, got, err, want)
		}
	})
}

// Every letter folds to what all its cases fold to.
func TestFold(t *testing.T) {
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		if other := unicode.SimpleFold(r); foldRune(r) != foldRune(other) {
			t.Errorf("%q and %q", r, other)
		}
	}
	if got := fold("Straße Σς"); got != fold("STRAßE σΣ") {
		t.Errorf("got %q", got)
	}
	if _, err := regexp.Compile(foldPattern("a.b*[")); err != nil {
		t.Error(err)
	}
}
