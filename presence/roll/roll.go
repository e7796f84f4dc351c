// Package roll gathers in Postgres who is there and which keys are in use: each
// replica writes down itself, the edges that it hears of and the uses that it and
// they saw, a statement or two a second at most, and reads what all wrote. Without
// Postgres it knows what it knew. Begin with New; Run keeps it.
package roll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/presence"
	"github.com/assaylabs/assay/presence/redisroll"
)

const (
	tick = time.Second
	// tickTime bounds what a tick asks of Postgres, and of Redis.
	tickTime = 800 * time.Millisecond
	// sweepEvery is the pause between looks for what is forgotten.
	sweepEvery = time.Minute
	// maxPending bounds the uses that wait for Postgres.
	maxPending = 10_000
	// maxRows bounds what is read.
	maxRows = 2 * presence.MaxEdges
)

// The programs that see keys.
const (
	byControl = "control"
	byEdge    = "edge"
)

// Config of a Roll. Self and Uses are needed.
type Config struct {
	// Self is this replica as it is now, but for SeenAt.
	Self func() presence.Replica
	Uses *presence.Uses
	// Redis is where edges announce themselves that know no control plane; nil
	// for nowhere.
	Redis *redisroll.Roll
	Log   *slog.Logger
}

// Roll is one replica's view of who is there. It may be used by many goroutines.
type Roll struct {
	pool *pgxpool.Pool
	cfg  Config

	// announced, told and swept are when this replica last wrote down itself and
	// the uses, and looked for what is forgotten. Run alone uses them.
	announced, told, swept time.Time
	failing                bool

	mu      sync.Mutex
	heard   map[string]presence.Edge // guarded by mu, as all below
	dirty   map[string]struct{}      // of heard: what Postgres has not been told
	pending map[uuid.UUID]presence.Use
	stored  State
}

// State is who is there, by id.
type State struct {
	Replicas []presence.Replica
	Edges    []presence.Edge
	// ReadAt is when this was read, and Current whether that was the last time it
	// was tried.
	ReadAt  time.Time
	Current bool
}

// New returns a roll on which nobody stands yet.
func New(pool *pgxpool.Pool, cfg Config) *Roll {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Roll{
		pool: pool, cfg: cfg, heard: map[string]presence.Edge{}, dirty: map[string]struct{}{},
		pending: map[uuid.UUID]presence.Use{},
	}
}

// Hear notes what an edge says; domain.ErrUnavailable while there are too many.
func (r *Roll) Hear(id string, a presence.Announcement) error {
	if err := errors.Join(presence.CheckID(id), a.Check()); err != nil {
		return err
	}
	return r.hear(id, a, time.Now())
}

func (r *Roll) hear(id string, a presence.Announcement, at time.Time) error {
	self := r.cfg.Self()
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.heard[id]
	if !known && len(r.heard) >= presence.MaxEdges {
		return fmt.Errorf("%w: there are as many edges as are listed", domain.ErrUnavailable)
	}
	// What Redis holds is read again and again, and seems to be of a slightly other time.
	if known && at.Sub(before.SeenAt) < tick/10 {
		return nil
	}
	r.heard[id] = presence.Edge{
		ID: id, Version: a.Version, StartedAt: a.StartedAt.UTC(), SeenAt: at.UTC(), Position: a.Position,
		Lag: max(0, self.Position+self.Lag-a.Position), Source: a.Source, Stale: a.Stale, Traffic: a.Traffic,
	}
	r.dirty[id] = struct{}{}
	for _, use := range a.Keys {
		if was, ok := r.pending[use.KeyID]; ok {
			use.First, use.Last = earlier(use.First, was.First), later(use.Last, was.Last)
		} else if len(r.pending) >= maxPending {
			continue
		}
		r.pending[use.KeyID] = use
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// State is who is there: what was read last, what this replica heard since, and
// this replica as it is now.
func (r *Roll) State() State {
	self := r.cfg.Self()
	self.SeenAt = time.Now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := State{ReadAt: r.stored.ReadAt, Current: r.stored.Current, Replicas: []presence.Replica{self}, Edges: []presence.Edge{}}
	for _, other := range r.stored.Replicas {
		if other.ID != self.ID {
			s.Replicas = append(s.Replicas, other)
		}
	}
	for _, edge := range r.stored.Edges {
		if mine, ok := r.heard[edge.ID]; !ok || mine.SeenAt.Before(edge.SeenAt) {
			s.Edges = append(s.Edges, edge)
		}
	}
	for id, edge := range r.heard {
		if !slices.ContainsFunc(s.Edges, func(e presence.Edge) bool { return e.ID == id }) {
			s.Edges = append(s.Edges, edge)
		}
	}
	slices.SortFunc(s.Replicas, func(a, b presence.Replica) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Edges, func(a, b presence.Edge) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// Run writes and reads until ctx ends, and then takes this replica off.
func (r *Roll) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for ctx.Err() == nil {
		r.listen(ctx)
		err := r.keep(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil && !r.failing {
			r.cfg.Log.WarnContext(ctx, "who is there cannot be kept now", "error", err)
		}
		r.failing = err != nil
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), tickTime/2)
	defer cancel()
	// If that fails it is forgotten, a little later.
	_, _ = r.pool.Exec(leaving, `delete from present where kind = 'replica' and id = $1`, r.cfg.Self().ID)
	return ctx.Err()
}

// listen hears what edges say through Redis.
func (r *Roll) listen(ctx context.Context) {
	r.forget()
	if r.cfg.Redis == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tickTime)
	defer cancel()
	edges, err := r.cfg.Redis.Edges(ctx)
	if err != nil {
		return // that Redis is away is told elsewhere
	}
	for _, e := range edges {
		_ = r.hear(e.ID, e.Announcement, time.Now().Add(-e.Age)) // too many is no fault of Redis
	}
}

// forget drops the edges that fell silent.
func (r *Roll) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, e := range r.heard {
		if time.Since(e.SeenAt) > presence.Forgotten {
			delete(r.heard, id)
			delete(r.dirty, id)
		}
	}
}

// keep writes what is new, and reads what all have written.
func (r *Roll) keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tickTime)
	defer cancel()
	err := r.write(ctx)
	if err == nil {
		err = r.read(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stored.Current = err == nil
	return err
}

// news is what Postgres has not been told.
type news struct {
	self  []presence.Replica
	edges []presence.Edge
	uses  map[string][]presence.Use
}

func (r *Roll) news(now time.Time) news {
	var n news
	if now.Sub(r.announced) >= presence.Every {
		n.self = append(n.self, r.cfg.Self())
	}
	n.uses = map[string][]presence.Use{}
	if len(n.self) > 0 || !r.cfg.Uses.Newest().Before(r.told) {
		n.uses[byControl] = r.cfg.Uses.Since(r.told.Add(-presence.Overlap), maxPending)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.dirty {
		n.edges = append(n.edges, r.heard[id])
	}
	for _, use := range r.pending {
		n.uses[byEdge] = append(n.uses[byEdge], use)
	}
	return n
}

func (r *Roll) write(ctx context.Context) error {
	now := time.Now()
	n := r.news(now)
	sweep := now.Sub(r.swept) >= sweepEvery
	b := &pgx.Batch{}
	if err := n.queue(b, now); err != nil {
		return err
	}
	if sweep {
		b.Queue(`delete from present where seen_at < clock_timestamp() - $1::interval`, presence.Forgotten)
	}
	if b.Len() == 0 {
		return nil
	}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		// What is lost in a crash is announced again.
		if _, err := tx.Exec(ctx, `set local synchronous_commit = off`); err != nil {
			return err
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return err
	}
	if len(n.self) > 0 {
		r.announced = now
	}
	if n.uses[byControl] != nil {
		r.told = now
	}
	if sweep {
		r.swept = now
	}
	r.done(n)
	return nil
}

// done forgets what Postgres has been told, unless there is news of it again.
func (r *Roll) done(n news) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range n.edges {
		if r.heard[e.ID].SeenAt.Equal(e.SeenAt) {
			delete(r.dirty, e.ID)
		}
	}
	for _, use := range n.uses[byEdge] {
		if r.pending[use.KeyID] == use {
			delete(r.pending, use.KeyID)
		}
	}
}

// queue asks for the writing. Rows are in the order of their keys, so that
// replicas that write the same do not wait for each other in a circle.
func (n news) queue(b *pgx.Batch, now time.Time) error {
	for _, self := range n.self {
		if err := queuePresent(b, "replica", []string{self.ID}, []float64{0}, []any{self}); err != nil {
			return err
		}
	}
	if len(n.edges) > 0 {
		slices.SortFunc(n.edges, func(a, b presence.Edge) int { return cmp.Compare(a.ID, b.ID) })
		var ids []string
		var ages []float64
		var docs []any
		for _, e := range n.edges {
			ids, ages, docs = append(ids, e.ID), append(ages, now.Sub(e.SeenAt).Seconds()), append(docs, e)
		}
		if err := queuePresent(b, "edge", ids, ages, docs); err != nil {
			return err
		}
	}
	for _, by := range [...]string{byControl, byEdge} {
		queueUses(b, by, n.uses[by])
	}
	return nil
}

func queuePresent(b *pgx.Batch, kind string, ids []string, ages []float64, values []any) error {
	docs := make([]string, len(values))
	for i, v := range values {
		doc, err := domain.Encode(v)
		if err != nil {
			return err
		}
		docs[i] = string(doc)
	}
	b.Queue(`insert into present (kind, id, seen_at, doc)
		select $1, id, clock_timestamp() - make_interval(secs => age), doc::json
		from unnest($2::text[], $3::float8[], $4::text[]) as new (id, age, doc)
		on conflict (kind, id) do update set seen_at = excluded.seen_at, doc = excluded.doc
		where present.seen_at < excluded.seen_at`, kind, ids, ages, docs)
	return nil
}

// queueUses writes down uses of keys that there are.
func queueUses(b *pgx.Batch, by string, uses []presence.Use) {
	if len(uses) == 0 {
		return
	}
	slices.SortFunc(uses, func(a, b presence.Use) int { return slices.Compare(a.KeyID[:], b.KeyID[:]) })
	ids, first, last := make([]uuid.UUID, len(uses)), make([]time.Time, len(uses)), make([]time.Time, len(uses))
	for i, use := range uses {
		ids[i], first[i], last[i] = use.KeyID, use.First, use.Last
	}
	b.Queue(`insert into key_uses (key_id, first_seen_at, last_seen_at, seen_by)
		select new.id, new.first, new.last, $1
		from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) with ordinality as new (id, first, last, place)
		join resources r on r.kind = 'key' and r.id = new.id
		order by new.place
		on conflict (key_id) do update set
			first_seen_at = least(key_uses.first_seen_at, excluded.first_seen_at),
			last_seen_at = greatest(key_uses.last_seen_at, excluded.last_seen_at),
			seen_by = case when excluded.last_seen_at > key_uses.last_seen_at then excluded.seen_by else key_uses.seen_by end
		where excluded.first_seen_at < key_uses.first_seen_at or excluded.last_seen_at > key_uses.last_seen_at`,
		by, ids, first, last)
}

func (r *Roll) read(ctx context.Context) error {
	now := time.Now()
	rows, err := r.pool.Query(ctx, `select kind, doc, extract(epoch from clock_timestamp() - seen_at)::float8 from present
		where seen_at > clock_timestamp() - $1::interval order by kind desc, id limit $2`, presence.Forgotten, maxRows)
	if err != nil {
		return err
	}
	state := State{ReadAt: now.UTC(), Current: true}
	var kind string
	var doc []byte
	var age float64
	_, err = pgx.ForEachRow(rows, []any{&kind, &doc, &age}, func() error {
		return state.add(kind, doc, now.Add(-time.Duration(age*float64(time.Second))).UTC())
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stored = state
	return nil
}

// add adds a row. One of a later version may have more in it.
func (s *State) add(kind string, doc []byte, seen time.Time) error {
	if kind == "replica" {
		var replica presence.Replica
		if err := unmarshal(doc, &replica); err != nil {
			return err
		}
		replica.SeenAt = seen
		s.Replicas = append(s.Replicas, replica)
		return nil
	}
	var edge presence.Edge
	if err := unmarshal(doc, &edge); err != nil {
		return err
	}
	edge.SeenAt = seen
	s.Edges = append(s.Edges, edge)
	return nil
}

func unmarshal(doc []byte, v any) error {
	if err := json.Unmarshal(doc, v); err != nil {
		return fmt.Errorf("who is there: %w", err)
	}
	return nil
}
