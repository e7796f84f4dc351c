package targeting

import (
	"cmp"
	"unicode"
	"unicode/utf8"
)

// compareText orders by UTF-16 code units, as JavaScript does. Bytes of UTF-8
// have the same order but for characters from U+10000, which come before those
// from U+E000 to U+FFFF.
func compareText(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] == b[i] {
			continue
		}
		const lastBMP, firstBeyond = 0xee, 0xf0
		switch x, y := a[i], b[i]; {
		case x >= firstBeyond && lastBMP <= y && y < firstBeyond:
			return -1
		case y >= firstBeyond && lastBMP <= x && x < firstBeyond:
			return 1
		default:
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// foldedHash is the same for texts that are the same in any case, in the sense
// of strings.EqualFold. (FNV-1a over characters, its bits mixed at the end.)
func foldedHash(s string) uint64 {
	const offset, prime, mixer = 14695981039346656037, 1099511628211, 0x9e3779b97f4a7c15
	h := uint64(offset)
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		h = (h ^ uint64(folded(r))) * prime
		i += size
	}
	h = (h ^ h>>32) * mixer
	return h ^ h>>29
}

// folded is the least of the characters that differ from r in case alone.
func folded(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return least
}
