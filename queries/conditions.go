package queries

import (
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// maxTexts bounds the texts of a unit that may be looked for in segments.
const maxTexts = 1000

// CheckCondition checks a condition, and matches it with a unit of those attributes
// unless they are nil, as evaluation does with the segments of now. It reads memory
// alone.
func (s *Service) CheckCondition(condition []byte, attributes map[string]any) (evaluator.ConditionCheck, error) {
	texts := textsIn(nil, attributes)
	if len(texts) > maxTexts {
		return evaluator.ConditionCheck{}, domain.Invalid("attributes", "must hold at most %d texts", maxTexts)
	}
	if !s.follower.View().Loaded {
		return evaluator.ConditionCheck{}, errUnread
	}
	return evaluator.CheckCondition(condition, attributes, func(key string) func(string) bool { return s.segmentWith(key, texts) })
}

// segmentWith says which of the ids are in a segment; nil where there is none of
// that key.
func (s *Service) segmentWith(key string, ids []string) (has func(id string) bool) {
	// Whoever applies records waits meanwhile.
	s.follower.WithCatalog(func(c *domain.Catalog) {
		segment, ok := c.Segments.ByKey(key)
		if !ok {
			return
		}
		members, in := c.Members(segment.ID), map[string]bool{}
		for _, id := range ids {
			if _, ok := members[id]; ok {
				in[id] = true
			}
		}
		has = func(id string) bool { return in[id] }
	})
	return has
}
