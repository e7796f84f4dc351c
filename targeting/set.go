package targeting

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// Members is the ids of one segment. It is immutable and may be shared by
// goroutines. It costs 12 bytes an id besides the ids themselves.
type Members struct{ set set }

// NewMembers returns the segment of the ids; repeated ones count once. It keeps
// the list, which must not change any more.
func NewMembers(ids []string) *Members {
	return &Members{set{texts: newTexts(ids, false)}}
}

// Has reports whether the id, the same bytes, is in the segment.
func (m *Members) Has(id string) bool { return m.set.texts.has(id, xxh3.HashString(id)) }

// Len is the number of ids.
func (m *Members) Len() int { return m.set.texts.count }

// set is the values of an $in, or the members of a segment.
type set struct {
	texts         texts
	numbers       []float64 // sorted
	null, yes, no bool
}

// newSet leaves lists and objects out: no value is the same as one of them.
func newSet(values []value, fold bool) *set {
	var s set
	var list []string
	for _, v := range values {
		switch v.kind {
		case null:
			s.null = true
		case boolean:
			s.yes, s.no = s.yes || v.truth, s.no || !v.truth
		case number:
			s.numbers = append(s.numbers, v.number)
		case text:
			list = append(list, v.text)
		}
	}
	slices.Sort(s.numbers)
	s.texts = newTexts(list, fold)
	return &s
}

// hasAny reports whether the value or, if it is a list, one of its items is in
// the set.
func (s *set) hasAny(v *found) bool {
	if v.kind != list {
		return s.has(v)
	}
	var item found
	for i := range v.len() {
		v.item(i, &item)
		if s.has(&item) {
			return true
		}
	}
	return false
}

func (s *set) has(v *found) bool {
	switch v.kind {
	case null:
		return s.null
	case boolean:
		return v.truth && s.yes || !v.truth && s.no
	case number:
		_, ok := slices.BinarySearch(s.numbers, v.number)
		return ok
	case text:
		if len(s.texts.table) == 0 {
			return false
		}
		if s.texts.fold {
			return s.texts.has(v.text, v.foldedHash())
		}
		return s.texts.has(v.text, v.textHash())
	}
	return false
}

// texts is a hash set that refers to its texts. An entry of the table is 0, or
// the lower half of the text's hash and the text's number from 1. The upper half
// chose the entry, and the next free one was taken.
type texts struct {
	list  []string
	table []uint64 // two thirds full
	count int
	fold  bool // the same in any case
}

func newTexts(list []string, fold bool) texts {
	t := texts{list: list, fold: fold}
	if len(list) == 0 {
		return t
	}
	t.table = make([]uint64, len(list)+len(list)/2+1)
	for i, s := range list {
		hash := xxh3.HashString(s)
		if fold {
			hash = foldedHash(s)
		}
		if at, ok := t.search(s, hash); !ok {
			t.table[at] = hash<<32 | uint64(i+1)
			t.count++
		}
	}
	return t
}

// has takes the hash of s: of its folded form if the set folds.
func (t *texts) has(s string, hash uint64) bool {
	if len(t.table) == 0 {
		return false
	}
	_, ok := t.search(s, hash)
	return ok
}

// search returns the entry of s, or the free one that it would take.
func (t *texts) search(s string, hash uint64) (at uint64, ok bool) {
	at, _ = bits.Mul64(hash, uint64(len(t.table)))
	for {
		e := t.table[at]
		if e == 0 {
			return at, false
		}
		if e>>32 == hash&(1<<32-1) && t.equal(t.list[uint32(e)-1], s) {
			return at, true
		}
		at++
		if at == uint64(len(t.table)) {
			at = 0
		}
	}
}

func (t *texts) equal(a, b string) bool {
	return a == b || t.fold && strings.EqualFold(a, b)
}
