package targeting

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// Members is the ids of one segment. It is immutable and may be shared by
// goroutines. It costs 12 bytes an id besides the ids themselves.
type Members struct {
	ids     textIndex
	numbers []float64 // which groups of the specification's vectors hold; ours, none
	has     func(id string) bool
}

// NewMembers returns the segment of the ids; repeated ones count once. It keeps
// the list, which must not change any more.
func NewMembers(ids []string) *Members { return &Members{ids: newTextIndex(ids, false)} }

// MembersWho returns the segment of those for whom has is true, which is asked
// for each unit anew: whether goroutines may share it is for has to say.
func MembersWho(has func(id string) bool) *Members { return &Members{has: has} }

// Has reports whether the id, the same bytes, is in the segment.
func (m *Members) Has(id string) bool {
	if m.has != nil {
		return m.has(id)
	}
	return m.ids.number(id, xxh3.HashString(id)) != 0
}

// Len is the number of ids; 0 where that is not known.
func (m *Members) Len() int { return m.ids.count }

// set is the values of an $in, or the members of a segment. Lists and objects are
// left out: no value is the same as one of them.
type set struct {
	symbols       []uint32 // of texts, sorted
	numbers       []float64
	ids           *textIndex // texts of a segment
	who           func(id string) bool
	null, yes, no bool
	fold          bool // symbols are of folded texts
}

// hasAny reports whether the value or, if it is a list, one of its items is in
// the set.
func (p *Program) hasAny(s *set, v *found) bool {
	if v.kind != list {
		return p.has(s, v)
	}
	var item found
	for i := range v.len() {
		v.item(i, &item)
		if p.has(s, &item) {
			return true
		}
	}
	return false
}

func (p *Program) has(s *set, v *found) bool {
	switch v.kind {
	case null:
		return s.null
	case boolean:
		return v.truth && s.yes || !v.truth && s.no
	case number:
		return contains(s.numbers, v.number)
	case text:
		if s.ids != nil {
			if s.ids.count > 0 {
				return s.ids.number(v.text, v.hashOfText()) != 0
			}
			return s.who != nil && s.who(v.text)
		}
		if s.fold {
			return contains(s.symbols, p.foldedSymbol(v))
		}
		return contains(s.symbols, p.symbol(v))
	}
	return false
}

// contains looks for x in a sorted list.
func contains[T float64 | uint32](sorted []T, x T) bool {
	const few = 12
	if len(sorted) <= few {
		for _, y := range sorted {
			if x == y {
				return true
			}
		}
		return false
	}
	_, ok := slices.BinarySearch(sorted, x)
	return ok
}

// textIndex is a hash table that numbers texts from 1 by their place in a list.
// An entry is 0, or the lower half of the text's hash and its number. The upper
// half of the hash chose the entry, or the next one that was free.
type textIndex struct {
	list    []string
	entries []uint64 // two thirds full
	count   int      // of different texts
	fold    bool     // texts are the same in any case
}

func newTextIndex(list []string, fold bool) textIndex {
	t := textIndex{list: list, fold: fold, entries: make([]uint64, len(list)+len(list)/2+1)}
	for i, s := range list {
		hash := xxh3.HashString(s)
		if fold {
			hash = foldedHash(s)
		}
		if entry := t.search(s, hash); *entry == 0 {
			*entry = hash<<32 | uint64(i+1)
			t.count++
		}
	}
	return t
}

// number takes a text and its hash, which is of the folded text if the index
// folds. It returns 0 if the text is not there.
func (t *textIndex) number(s string, hash uint64) uint32 {
	return uint32(*t.search(s, hash))
}

// search returns the entry of s, or the free one that it would take.
func (t *textIndex) search(s string, hash uint64) *uint64 {
	at, _ := bits.Mul64(hash, uint64(len(t.entries)))
	for {
		e := &t.entries[at]
		if *e == 0 || uint32(*e>>32) == uint32(hash) && t.same(t.list[uint32(*e)-1], s) {
			return e
		}
		at++
		if at == uint64(len(t.entries)) {
			at = 0
		}
	}
}

func (t *textIndex) same(a, b string) bool {
	return a == b || t.fold && strings.EqualFold(a, b)
}
