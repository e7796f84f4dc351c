package queries

import (
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// A cursor is read as it was written, and no other text is one.
func FuzzCursor(f *testing.F) {
	f.Add("list", "", "value")
	whole := *cursor{"value", uuid.Max}.encode("list")
	f.Add("list", whole, "value")
	f.Add("list", whole[:11]+"\n"+whole[11:], "value")
	f.Add("a\x00b", *cursor{"", uuid.Nil}.encode("a\x00b"), "")
	f.Fuzz(func(t *testing.T, list, text, value string) {
		if c, err := parseCursor(list, text); err == nil && c != nil && *c.encode(list) != text {
			t.Errorf("%q is read as %+v, whose text is %q", text, *c, *c.encode(list))
		}
		want := cursor{value, uuid.Max}
		if got, err := parseCursor(list, *want.encode(list)); err != nil || *got != want {
			t.Errorf("%+v: %+v, %v", want, got, err)
		}
	})
}

func TestAlteredCursorsAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		text := []byte(*cursor{value, uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))}.encode("list"))
		i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		old := text[i]
		text[i] = rapid.SampledFrom([]byte("abcXYZ019-_!=\n")).Draw(t, "byte")
		if c, err := parseCursor("list", string(text)); (err == nil) != (text[i] == old) {
			t.Fatalf("%q: %+v, %v", text, c, err)
		}
	})
}
