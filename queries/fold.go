package queries

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Search ignores case by Unicode's simple folding, in Go and in Postgres alike:
// Go compares folded texts, Postgres gets a pattern that lists the cases of each
// letter. Postgres's own lower() would depend on the database's locale.

// fold gives all cases of a letter one form, the smallest of them.
func fold(s string) string { return strings.Map(foldRune, s) }

func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			return r - ('a' - 'A')
		}
		return r
	}
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return least
}

// foldPattern is the regular expression, for Postgres, of texts that hold s in
// any case.
func foldPattern(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch other := unicode.SimpleFold(r); {
		case other != r:
			b.WriteByte('[')
			b.WriteRune(r)
			for ; other != r; other = unicode.SimpleFold(other) {
				b.WriteRune(other)
			}
			b.WriteByte(']')
		case r < utf8.RuneSelf && !unicode.IsDigit(r):
			// A backslash makes any ASCII sign stand for itself.
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
