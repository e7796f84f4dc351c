package projections_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
)

// healTime is how long Redis may take to be right again.
const healTime = 5 * time.Second

// replica is one process's share of the control plane.
type replica struct {
	*commands.Service
	store    *eventstore.Store
	follower *projections.Follower
	ledger   ledgertest.Ledger
	pool     *pgxpool.Pool
}

// newReplica returns a replica whose store and follower run.
func newReplica(t testing.TB, ledger ledgertest.Ledger) *replica {
	t.Helper()
	return follow(t, ledger, ledger.Pool(t))
}

// follow is newReplica with a pool of the caller's.
func follow(t testing.TB, ledger ledgertest.Ledger, pool *pgxpool.Pool) *replica {
	t.Helper()
	r := &replica{ledger: ledger, pool: pool}
	r.store = eventstore.New(r.pool, eventstore.Config{
		Inline:   projections.Inline{},
		OnCommit: func(records []eventstore.Record) { r.follower.Offer(records) },
	})
	r.follower = projections.NewFollower(r.store, r.pool, nil)
	r.Service = commands.New(r.store)
	ledgertest.Run(t, r.store.Run)
	ledgertest.Run(t, r.follower.Run)
	return r
}

// project runs the replica's projection into Redis.
func (r *replica) project(t testing.TB, client redis.UniversalClient, namespace string) *projections.Redis {
	t.Helper()
	p := projections.NewRedis(client, namespace, r.follower, r.pool, nil)
	ledgertest.Run(t, p.Run)
	return p
}

// still returns a follower that reads the ledger only when told to.
func (r *replica) still(t testing.TB) *projections.Follower {
	t.Helper()
	f := r.unread()
	catchUp(t, f)
	return f
}

// unread is still before it has read anything.
func (r *replica) unread() *projections.Follower {
	store := eventstore.New(r.pool, eventstore.Config{Inline: projections.Inline{}})
	return projections.NewFollower(store, r.pool, nil)
}

func catchUp(t testing.TB, f *projections.Follower) {
	t.Helper()
	if err := f.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := projections.OpenRedis(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// onEach runs a test on the real Redis and on the one in this process.
func onEach(t *testing.T, f func(t *testing.T, client redis.UniversalClient)) {
	for name, url := range redistest.URLs(t) {
		t.Run(name, func(t *testing.T) { f(t, open(t, url)) })
	}
}

// create makes n experiments, e0, e1 and so on, in one batch.
func (r *replica) create(t testing.TB, n int) {
	t.Helper()
	batch := make([]commands.BatchCommand, n)
	for i := range batch {
		batch[i] = commands.BatchCommand{Op: "create", Body: fmt.Appendf(nil, `{"name":"E %[1]d","key":"e%[1]d"}`, i)}
	}
	if _, err := r.Batch(t.Context(), commands.Call{}, batch); err != nil {
		t.Fatal(err)
	}
}

func (r *replica) set(t testing.TB, ref, status string) {
	t.Helper()
	if _, err := r.SetStatus(t.Context(), commands.Call{}, ref, status); err != nil {
		t.Fatal(err)
	}
}

// surround makes what experiments are evaluated in: two of each kind, one of which
// is deleted again.
func (r *replica) surround(t testing.TB) {
	t.Helper()
	for _, kind := range []domain.Kind{domain.KindLayer, domain.KindHoldout, domain.KindSegment, domain.KindKey} {
		for _, key := range []string{"stays", "goes"} {
			r.resource(t, kind, key)
		}
		if _, err := r.DeleteResource(t.Context(), commands.Call{}, kind, "goes"); err != nil {
			t.Fatal(err)
		}
	}
}

// resource makes one entity that is no experiment.
func (r *replica) resource(t testing.TB, kind domain.Kind, key string) {
	t.Helper()
	body := map[domain.Kind]string{
		domain.KindHoldout: `,"share_ppm":1000`, domain.KindSegment: `,"ids":["b","a","ü"]`,
	}[kind]
	var err error
	if kind == domain.KindKey {
		_, _, err = r.CreateKey(t.Context(), commands.Call{}, fmt.Appendf(nil, `{"name":%q,"key":%[1]q,"role":"server"}`, key))
	} else {
		_, err = r.CreateResource(t.Context(), commands.Call{}, kind, fmt.Appendf(nil, `{"name":%q,"key":%[1]q%s}`, key, body))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// state is what Redis has to hold at a position: documents of experiments, and
// the context; without one where it does not matter.
type state struct {
	position string
	docs     map[string]string
	context  map[string]string
}

func (s state) is(other state) bool {
	return s.position == other.position && maps.Equal(s.docs, other.docs) &&
		(s.context == nil || other.context == nil || maps.Equal(s.context, other.context))
}

func (s state) String() string {
	return fmt.Sprintf("position %q with %d documents in %v", s.position, len(s.docs), s.context)
}

// truth is the state as the tables hold it.
func truth(t testing.TB, ledger ledgertest.Ledger) state {
	t.Helper()
	conn := ledger.Superuser(t)
	s := state{docs: map[string]string{}, context: map[string]string{"deltas_from": "0"}}
	var at time.Time
	var field, text string
	each := func(sql string, fields map[string]string) {
		t.Helper()
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pgx.ForEachRow(rows, []any{&s.position, &at, &field, &text}, func() error {
			if field != "" {
				fields[field] = text
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	each(`select h.position::text, h.recorded_at, coalesce(e.id::text, ''), coalesce(e.doc::text, '')
		from event_head h left join experiments e on not e.deleted`, s.docs)
	each(`select h.position::text, h.recorded_at, kind || '/' || id, doc::text
		from event_head h, resources where not deleted and kind not in ('metric', 'segment')`, s.context)
	each(`select h.position::text, h.recorded_at, 'segment/' || id,
			format('{"id":"%s","key":"%s","position":%s,"version":%s,"ids":[%s]}', id, key, r.position, version,
				(select string_agg('"' || member || '"', ',' order by member collate "C") from segment_members where segment_id = id))
		from event_head h, resources r where kind = 'segment' and not deleted`, s.context)
	each(`select h.position::text, h.recorded_at, 'tombstone/' || kind || '/' || id, d.position::text from event_head h, (
			select 'experiment' as kind, id, position from experiments where deleted
			union all select kind, id, position from resources where deleted and kind not in ('metric', 'key')) d`, s.context)
	if s.position == "0" {
		at = time.Time{}
	}
	s.context["at"] = at.UTC().Format(time.RFC3339Nano)
	return s
}

// held is the state as Redis holds it, at one moment.
func held(ctx context.Context, client redis.UniversalClient, namespace string) (state, error) {
	if namespace != "" {
		namespace += ":"
	}
	var docs, around *redis.MapStringStringCmd
	var position *redis.StringCmd
	_, err := client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		docs, around = p.HGetAll(ctx, namespace+"experiments_map"), p.HGetAll(ctx, "{"+namespace+"experiments_map}:context")
		position = p.Get(ctx, "{"+namespace+"experiments_map}:position")
		return nil
	})
	return state{position.Val(), docs.Val(), around.Val()}, err
}

// eventually fails the test when f does not come to nil in time.
func eventually(t testing.TB, limit time.Duration, f func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", limit, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// settles waits until Redis holds the state.
func settles(t testing.TB, client redis.UniversalClient, namespace string, want state) {
	t.Helper()
	eventually(t, healTime, func() error {
		got, err := held(t.Context(), client, namespace)
		if err == nil && !got.is(want) {
			err = fmt.Errorf("redis holds %v, want %v", got, want)
		}
		return err
	})
}

// read is the state as readers get it.
func read(ctx context.Context, p *projections.Redis) (state, error) {
	docs, position, err := p.Read(ctx)
	if err != nil {
		return state{}, err
	}
	s := state{position: fmt.Sprint(position), docs: map[string]string{}}
	for _, d := range docs {
		s.docs[d.ID.String()] = d.JSON
	}
	return s, nil
}
