package redisfeed

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
)

// errUnfit: the content is not what the control plane wrote.
var errUnfit = errors.New("redis holds what was not written so")

// mark is what the digest says: position:fields:sum:fields:sum:hash, first of the
// experiments, then of the context, numbers in decimal, sums in hexadecimal. The
// last is the ledger's hash at the position.
type mark struct {
	position             int64
	experiments, context part
	hash                 string
}

// part is the number of a hash's fields, and the sum, modulo 2^64, of XXH3_64 of
// each value with the seed XXH3_64 of its field.
type part struct {
	count int
	sum   uint64
}

func (p part) with(field, value string) part {
	return part{p.count + 1, p.sum + fieldSum(field, value)}
}

func (p part) without(field, value string) part {
	return part{p.count - 1, p.sum - fieldSum(field, value)}
}

func fieldSum(field, value string) uint64 {
	return xxh3.HashStringSeed(value, xxh3.HashString(field))
}

func partOf(fields map[string]string) (p part) {
	for field, value := range fields {
		p = p.with(field, value)
	}
	return p
}

// believe reads the mark, if position and digest agree.
func believe(position, digest string) (mark, error) {
	if position == "" && digest == "" {
		return mark{}, fmt.Errorf("redis: %w", feed.ErrNothing)
	}
	text := strings.Split(digest, ":")
	if len(text) != 6 || text[0] != position || text[5] == "" {
		return mark{}, fmt.Errorf("%w: the digest is malformed or not the position's", errUnfit)
	}
	var m mark
	var errs [5]error
	m.position, errs[0] = strconv.ParseInt(text[0], 10, 64)
	m.experiments.count, errs[1] = strconv.Atoi(text[1])
	m.experiments.sum, errs[2] = strconv.ParseUint(text[2], 16, 64)
	m.context.count, errs[3] = strconv.Atoi(text[3])
	m.context.sum, errs[4] = strconv.ParseUint(text[4], 16, 64)
	m.hash = text[5]
	if err := errors.Join(errs[:]...); err != nil || m.position < 0 {
		return mark{}, fmt.Errorf("%w: the digest is malformed", errUnfit)
	}
	return m, nil
}

// moves are the fields of the context that change with every position.
var moves = [...]string{"at", "deltas_from"}

// content is what was read and proven. Immutable: the feed shares the update.
type content struct {
	mark   mark
	still  part // of the context, without what moves
	update *feed.Update
}

// newContent proves and decodes all.
func newContent(m mark, docs, around map[string]string) (*content, error) {
	if partOf(around) != m.context {
		return nil, fmt.Errorf("%w: the context is not the digest's", errUnfit)
	}
	c := &content{mark: m, still: m.context, update: &feed.Update{}}
	moving := make([]any, len(moves))
	for i, field := range moves {
		value, ok := around[field]
		if !ok {
			return nil, fmt.Errorf("%w: the context has no %s", errUnfit, field)
		}
		moving[i], c.still = value, c.still.without(field, value)
	}
	if err := c.move(docs, moving); err != nil {
		return nil, err
	}
	return c, c.surround(around)
}

// at is the content of another position where all but experiments and what moves
// has stayed.
func (c *content) at(m mark, docs map[string]string, moving []any) (*content, error) {
	still := m.context
	for i, field := range moves {
		value, _ := moving[i].(string)
		still = still.without(field, value)
	}
	if still != c.still {
		return nil, fmt.Errorf("%w: the context has changed", errUnfit)
	}
	update := *c.update
	update.Rewritten = false
	next := &content{mark: m, still: still, update: &update}
	return next, next.move(docs, moving)
}

// move proves and takes what may be new at every position.
func (c *content) move(docs map[string]string, moving []any) error {
	if partOf(docs) != c.mark.experiments {
		return fmt.Errorf("%w: the experiments are not the digest's", errUnfit)
	}
	d := &c.update.Document
	d.Position, d.Experiments = c.mark.position, make([]json.RawMessage, 0, len(docs))
	for _, id := range slices.Sorted(maps.Keys(docs)) {
		d.Experiments = append(d.Experiments, json.RawMessage(docs[id]))
	}
	at, _ := moving[0].(string)
	from, _ := moving[1].(string)
	var errs [2]error
	d.At, errs[0] = time.Parse(time.RFC3339Nano, at)
	d.DeltasFrom, errs[1] = strconv.ParseInt(from, 10, 64)
	return errors.Join(errs[:]...)
}

// lateExperiments says that one was changed after the position, as none can be in
// what the control plane wrote.
func (c *content) lateExperiments() bool {
	return slices.ContainsFunc(c.update.Document.Experiments, func(raw json.RawMessage) bool {
		var head struct {
			Position int64 `json:"position"`
		}
		return jsonv2.Unmarshal(raw, &head) == nil && head.Position > c.mark.position
	})
}

// surround decodes the rest of the context: <kind>/<id>, and the positions of
// tombstone/<kind>/<id>.
func (c *content) surround(fields map[string]string) error {
	d := &c.update.Document
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		kind, rest, _ := strings.Cut(field, "/")
		value, err := fields[field], error(nil)
		switch domain.Kind(kind) {
		case domain.KindLayer:
			d.Layers, err = decoded(d.Layers, value)
		case domain.KindHoldout:
			d.Holdouts, err = decoded(d.Holdouts, value)
		case domain.KindSegment:
			d.Segments, err = decoded(d.Segments, value)
		case domain.KindKey:
			c.update.Keys, err = decoded(c.update.Keys, value)
		case "tombstone":
			kind, id, _ := strings.Cut(rest, "/")
			t := evaluator.Tombstone{Kind: domain.Kind(kind), ID: id}
			t.Position, err = strconv.ParseInt(value, 10, 64)
			d.Deleted = append(d.Deleted, t)
		}
		if err != nil {
			return fmt.Errorf("redis: %s: %w", field, err)
		}
	}
	slices.SortFunc(d.Deleted, func(a, b evaluator.Tombstone) int { return cmp.Compare(a.Position, b.Position) })
	return nil
}

// decoded appends what a field holds. What a later version may add is ignored.
func decoded[T any](list []T, value string) ([]T, error) {
	var item T
	err := jsonv2.Unmarshal([]byte(value), &item)
	return append(list, item), err
}
