package queries

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
)

const (
	// maxSearch bounds the bytes of a search text and of a tag.
	maxSearch = 1000
	// redisPatience bounds one read of Redis: others can answer too.
	redisPatience = 700 * time.Millisecond
)

// The sources of a list.
const (
	FromRedis    = "redis"
	FromPostgres = "postgres"
	FromMemory   = "memory"
	FromLedger   = "ledger"
)

// ListOptions say which experiments a list holds; the zero value is all of
// them, by key.
type ListOptions struct {
	Status string
	// Q is looked for in key, name, description, owner, tags and id, in any case.
	Q string
	// Tag is one that an experiment must have.
	Tag string
	// Sort is key, name, created_at, updated_at or status, after a minus
	// descending.
	Sort string
	// Limit is 1 to MaxLimit, 0 for 100.
	Limit  int
	Cursor string
	// MinPosition is the position that the answer must not be older than.
	MinPosition int64
	// Moment is a time or a position of the past; none is now.
	Moment Moment
}

// List is a page of experiments as of a position, and where it was read.
type List struct {
	Items      []jsontext.Value `json:"items"`
	NextCursor *string          `json:"next_cursor"`
	Source     string           `json:"source"`
	Position   int64            `json:"position"`
}

// Experiments lists experiments, as they stand or as they stood at a moment. The
// present is read from Redis where that is not behind what this process knows, else
// Postgres, else this process's memory.
func (s *Service) Experiments(ctx context.Context, o ListOptions) (List, error) {
	past, err := o.Moment.past()
	switch {
	case err != nil:
		return List{}, err
	case o.Moment.Version != 0:
		return List{}, domain.Invalid("version", "cannot be asked for here")
	case past:
		return s.listThen(ctx, o)
	}
	l, err := newListing(o)
	if err != nil {
		return List{}, err
	}
	if list, ok := s.listRedis(ctx, l); ok {
		return list, nil
	}
	list, err := s.listPostgres(ctx, l)
	if err == nil && list.Position >= o.MinPosition {
		return list, nil
	}
	if view := s.follower.View(); view.Loaded && view.Position >= o.MinPosition {
		return s.listMemory(l)
	}
	if err == nil {
		err = fmt.Errorf("%w: position %d has not been reached", domain.ErrUnavailable, o.MinPosition)
	}
	return List{}, err
}

// listing is a list's options, checked.
type listing struct {
	ListOptions
	order  order
	after  *cursor
	scope  string
	folded string
}

func newListing(o ListOptions) (*listing, error) {
	l := &listing{ListOptions: o}
	var err error
	if l.Limit, err = bound(o.Limit); err != nil {
		return nil, err
	}
	if l.order, err = orderOf(o.Sort); err != nil {
		return nil, err
	}
	if o.Status != "" {
		if _, err := domain.ParseStatus(o.Status); err != nil {
			return nil, err
		}
	}
	if err := checkSearch("q", o.Q); err != nil {
		return nil, err
	}
	if err := checkSearch("tag", o.Tag); err != nil {
		return nil, err
	}
	l.folded = fold(o.Q)
	direction, _ := l.order.direction()
	l.scope = scope("experiments", l.order.name, direction, o.Status, o.Tag, o.Q, strconv.FormatInt(o.Moment.Position, 10))
	if l.after, err = parseCursor(l.scope, o.Cursor); err != nil {
		return nil, err
	}
	if l.after != nil {
		if _, err := l.order.argument(l.after.value); err != nil {
			return nil, domain.Invalid("cursor", "must be the next_cursor of a page of the same list")
		}
	}
	return l, nil
}

func checkSearch(field, text string) error {
	if len(text) > maxSearch || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return domain.Invalid(field, "must be UTF-8 without NUL, at most %d bytes", maxSearch)
	}
	return nil
}

func (l *listing) holds(e *entry) bool {
	return (l.Status == "" || string(e.experiment.Status) == l.Status) &&
		(l.Tag == "" || slices.Contains(e.experiment.Tags, l.Tag)) &&
		(l.folded == "" || strings.Contains(e.text(), l.folded))
}

// page makes the list out of all experiments.
func (l *listing) page(all []*entry, source string, position int64) List {
	return l.cut(l.sort(all), source, position)
}

// sort puts those that the list holds, from its cursor on, in order.
func (l *listing) sort(all []*entry) []placed {
	var held []*entry
	for _, e := range all {
		if l.holds(e) {
			held = append(held, e)
		}
	}
	return l.order.sort(held, l.after)
}

// cut makes the list out of experiments in order, of which there may be more
// than it holds.
func (l *listing) cut(sorted []placed, source string, position int64) List {
	list := List{Items: make([]jsontext.Value, min(l.Limit, len(sorted))), Source: source, Position: position}
	for i := range list.Items {
		list.Items[i] = sorted[i].item.doc
	}
	if len(sorted) > l.Limit {
		last := sorted[l.Limit-1]
		list.NextCursor = cursor{last.value, last.item.experiment.ID}.encode(l.scope)
	}
	return list
}

// listRedis makes the list out of Redis; ok is false where Redis cannot be
// trusted, or is behind what this process knows.
func (s *Service) listRedis(ctx context.Context, l *listing) (list List, ok bool) {
	all, position, ok := s.readRedis(ctx, max(s.known(), l.MinPosition))
	if !ok {
		return List{}, false
	}
	return l.page(all, FromRedis, position), true
}

// readRedis reads all experiments from Redis, if they are not older than that.
func (s *Service) readRedis(ctx context.Context, least int64) (all []*entry, position int64, ok bool) {
	if s.redis == nil || !s.redis.State().Up {
		return nil, 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	held, position, err := s.redis.Read(ctx)
	if err != nil || position < least {
		return nil, 0, false
	}
	docs := make([]document, len(held))
	for i, d := range held {
		docs[i] = document{id: d.ID, text: d.JSON}
	}
	all, err = s.parsed.parse(docs)
	return all, position, err == nil
}

// listMemory makes the list out of this process's memory.
func (s *Service) listMemory(l *listing) (List, error) {
	view := s.follower.View()
	docs := make([]document, len(view.Docs))
	for i := range view.Docs {
		d := view.Docs[i]
		docs[i] = document{id: d.Experiment.ID, doc: d.JSON, experiment: d.Experiment}
	}
	all, err := s.parsed.parse(docs)
	if err != nil {
		return List{}, err
	}
	return l.page(all, FromMemory, view.Position), nil
}

// listThen makes the list as it stood at a moment, from the ledger. Its pages are
// of the position that the first was of.
func (s *Service) listThen(ctx context.Context, o ListOptions) (List, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	position, err := s.positionOf(ctx, o.Moment)
	if err != nil {
		return List{}, err
	}
	o.Moment = Moment{Position: position}
	l, err := newListing(o)
	if err != nil {
		return List{}, err
	}
	var all []*entry
	err = s.postgres.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return readExperimentsThen(ctx, tx, position, nil, nil, func(x *domain.Experiment, _, _ int64) {
			all = append(all, newEntry(nil, x))
		})
	})
	if err != nil {
		return List{}, err
	}
	sorted := l.sort(all)
	for _, p := range sorted[:min(l.Limit, len(sorted))] {
		if p.item.doc, err = domain.Encode(p.item.experiment); err != nil {
			return List{}, err
		}
	}
	return l.cut(sorted, FromLedger, position), nil
}

// listPostgres makes the list in Postgres, with the position that the same
// snapshot has.
func (s *Service) listPostgres(ctx context.Context, l *listing) (List, error) {
	if s.postgres.down() {
		return List{}, errDown
	}
	sql, args, err := l.sql()
	if err != nil {
		return List{}, err
	}
	var position int64
	var docs []document
	err = s.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id *uuid.UUID
			var doc []byte
			if err := rows.Scan(&position, &id, &doc); err != nil {
				return err
			}
			if id != nil {
				docs = append(docs, document{id: *id, doc: doc})
			}
		}
		return rows.Err()
	})
	if err != nil {
		return List{}, err
	}
	return l.fromRows(docs, position)
}

// fromRows makes the list out of what Postgres has filtered and sorted. Only
// the page's last document is parsed, for the cursor.
func (l *listing) fromRows(docs []document, position int64) (List, error) {
	sorted := make([]placed, len(docs))
	for i, d := range docs {
		sorted[i] = placed{item: &entry{doc: d.doc}}
	}
	if len(docs) > l.Limit {
		var one cache
		parsed, err := one.parse(docs[l.Limit-1 : l.Limit])
		if err != nil {
			return List{}, err
		}
		sorted[l.Limit-1] = placed{parsed[0], l.order.value(parsed[0].experiment)}
	}
	return l.cut(sorted, FromPostgres, position), nil
}

// sql is the statement of the list. It has one row more than the page, and one
// without a document where there is none.
func (l *listing) sql() (string, []any, error) {
	var args []any
	where := []string{"not deleted"}
	filter := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "$n", fmt.Sprintf("$%d", len(args))))
	}
	if l.Status != "" {
		filter("status = $n", l.Status)
	}
	if l.Tag != "" {
		filter(`exists (select from json_array_elements_text(doc -> 'tags') t where t = $n)`, l.Tag)
	}
	if l.Q != "" {
		filter(searchSQL, foldPattern(l.Q))
	}
	direction, after := l.order.direction()
	if l.after != nil {
		value, err := l.order.argument(l.after.value)
		if err != nil {
			return "", nil, err
		}
		args = append(args, l.after.id)
		filter(fmt.Sprintf("(%s, id) %s ($n, $%d)", l.order.column, after, len(args)), value)
	}
	args = append(args, l.Limit+1)
	return fmt.Sprintf(`select h.position, e.id, e.doc from event_head h left join (
			select id, doc, %[1]s as place from experiments where %[2]s order by place %[3]s, id %[3]s limit $%[4]d
		) e on true order by e.place %[3]s, e.id %[3]s`,
		l.order.column, strings.Join(where, " and "), direction, len(args)), args, nil
}

// searchSQL has the pattern as $n.
const searchSQL = `(key collate "C" ~ $n or name collate "C" ~ $n or (doc ->> 'description') collate "C" ~ $n
	or (doc ->> 'owner') collate "C" ~ $n or id::text collate "C" ~ $n
	or exists (select from json_array_elements_text(doc -> 'tags') t where t collate "C" ~ $n))`
