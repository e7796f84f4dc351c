package evaluator

import "unsafe"

// slab keeps short lists side by side: what many experiments hold costs few
// allocations.
type slab[T any] struct{ room []T }

// keep returns a copy of list that is the caller's to change, not to lengthen.
func (s *slab[T]) keep(list []T) []T {
	const bytes = 4 << 10
	n := len(list)
	if n > len(s.room) {
		s.room = make([]T, max(n, int(bytes/unsafe.Sizeof(*new(T)))))
	}
	kept := s.room[:n:n]
	s.room = s.room[n:]
	copy(kept, list)
	return kept
}
