package projections

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

//go:embed redis_push.lua
var pushSource string

//go:embed redis_swap.lua
var swapSource string

const (
	// redisCheck is how often the whole content is verified.
	redisCheck = 1500 * time.Millisecond
	// redisRetry bounds the pause after a failure.
	redisRetry = time.Second
	// redisStep bounds everything that one change or check may take.
	redisStep = 30 * time.Second
	// lockRetry is the pause while another replica moves the hash; lockPatience
	// is after how long its lock is no longer respected.
	lockRetry    = 2 * time.Millisecond
	lockPatience = 500 * time.Millisecond
	// lockTimeout bounds the asking for the lock.
	lockTimeout = 100 * time.Millisecond
	// healRetry is the pause while another replica heals.
	healRetry = 50 * time.Millisecond
)

// Redis keeps the hash experiments_map (experiment id to document), and beside it
// one of the context that experiments are evaluated in, in step with a follower's
// view. All replicas may run one: a script that compares before it
// writes makes that right, and a lock in Postgres makes it cheap.
type Redis struct {
	client   redis.UniversalClient
	follower *Follower
	pool     *pgxpool.Pool
	log      *slog.Logger
	keys     redisKeys
	push     *redis.Script
	swap     *redis.Script
	nudge    chan struct{}
	delay    prometheus.Histogram

	// last is what Redis held when this process last heard of it; nil when the
	// whole content has to be read again. Run alone uses it.
	last *found

	mu      sync.Mutex
	state   RedisState // guarded by mu
	vouched mark       // guarded by mu: what Run last found to be the ledger's
	current time.Time  // guarded by mu: when Redis last held the newest view
	started bool       // guarded by mu: Redis was up once
}

// RedisState is the projection's as last seen.
type RedisState struct {
	// Up says that Redis answers and holds what it should, as far as this
	// process knows.
	Up bool
	// Position is that of the content, Lag by how many positions it is behind.
	Position, Lag int64
	// Err says what is wrong, empty when nothing is.
	Err string
	// Healed counts the times when unfit content was replaced.
	Healed uint64
}

type redisKeys struct{ hash, context, position, digest, next, channel string }

// all are the keys that the scripts take, in their order.
func (k redisKeys) all() []string { return []string{k.hash, k.context, k.position, k.digest} }

// keysOf names a namespace's keys; on a cluster they share a slot.
func keysOf(namespace string) redisKeys {
	if namespace != "" {
		namespace += ":"
	}
	hash := namespace + "experiments_map"
	return redisKeys{
		hash:     hash,
		context:  "{" + hash + "}:context",
		position: "{" + hash + "}:position",
		digest:   "{" + hash + "}:digest",
		next:     "{" + hash + "}:next:",
		channel:  namespace + "experiments_changed",
	}
}

// NewRedis returns the projection of the follower's view into a namespace of
// Redis, default none. pool and log may be nil.
func NewRedis(client redis.UniversalClient, namespace string, follower *Follower, pool *pgxpool.Pool, log *slog.Logger) *Redis {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Redis{
		client: client, follower: follower, pool: pool,
		log:   log.With("projection", "redis"),
		keys:  keysOf(namespace),
		push:  redis.NewScript(pushSource),
		swap:  redis.NewScript(swapSource),
		nudge: make(chan struct{}, 1),
		delay: newDelay(), current: time.Now(),
		state: RedisState{Err: "not seen yet"},
	}
}

// RedisDoc is an experiment's document as Redis holds it.
type RedisDoc struct {
	ID   uuid.UUID
	JSON string
}

// Read returns the documents in Redis, in the order of their ids, and their
// position. What cannot be trusted is not returned: the error is then
// ErrRedisDown, ErrRedisUnproven, or ErrRedisEmpty or ErrRedisCorrupt, whose
// healing begins.
func (r *Redis) Read(ctx context.Context) ([]RedisDoc, int64, error) {
	at, err := r.read(ctx, false)
	if err != nil {
		return nil, 0, err
	}
	docs, err := r.trusted(at)
	if errors.Is(err, ErrRedisUnproven) {
		return nil, 0, err
	}
	if err != nil {
		select {
		case r.nudge <- struct{}{}:
		default:
		}
		return nil, 0, err
	}
	return docs, at.mark.position, nil
}

// trusted returns the documents if they are the ledger's as far as this process
// can know without asking Postgres.
func (r *Redis) trusted(at found) ([]RedisDoc, error) {
	if at.fault != nil {
		return nil, at.fault
	}
	view := r.follower.View()
	hash, known := r.follower.remembers(at.mark.position)
	switch {
	case view.Loaded && view.Position == at.mark.position && view.mark() != at.mark:
		return nil, fmt.Errorf("%w: it is not what the ledger says", ErrRedisCorrupt)
	case known && hash != at.mark.hash:
		return nil, fmt.Errorf("%w: it is of another history of the ledger", ErrRedisCorrupt)
	case !known && !r.vouches(at.mark):
		return nil, fmt.Errorf("%w: position %d", ErrRedisUnproven, at.mark.position)
	}
	docs := make([]RedisDoc, 0, len(at.docs))
	for field, doc := range at.docs {
		id, err := uuid.Parse(field)
		if err != nil {
			return nil, fmt.Errorf("%w: field %q is no id", ErrRedisCorrupt, field)
		}
		docs = append(docs, RedisDoc{id, doc})
	}
	slices.SortFunc(docs, func(a, b RedisDoc) int { return compareIDs(a.ID, b.ID) })
	return docs, nil
}

func (r *Redis) vouches(m mark) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return m == r.vouched
}

// read reads and judges the experiments, or the whole content, as it was at one
// moment.
func (r *Redis) read(ctx context.Context, whole bool) (found, error) {
	var docs, around *redis.MapStringStringCmd
	var position, digest *redis.StringCmd
	ask := func(p redis.Pipeliner) error {
		position, digest = p.Get(ctx, r.keys.position), p.Get(ctx, r.keys.digest)
		docs = p.HGetAll(ctx, r.keys.hash)
		if whole {
			around = p.HGetAll(ctx, r.keys.context)
		}
		return nil
	}
	_, err := r.client.TxPipelined(ctx, ask)
	if redis.HasErrorPrefix(err, "OOM") || redis.HasErrorPrefix(err, "EXECABORT") {
		// Out of memory it refuses transactions, but reads. What changes between
		// the reads does not fit the digest.
		_, err = r.client.Pipelined(ctx, ask)
	}
	var odd bool
	errs := []error{docs.Err(), position.Err(), digest.Err(), err}
	if whole {
		errs = append(errs, around.Err())
	}
	for _, err := range errs {
		switch {
		case err == nil || errors.Is(err, redis.Nil):
		case redis.HasErrorPrefix(err, "WRONGTYPE"):
			odd = true
		default:
			return found{}, fmt.Errorf("%w: %w", ErrRedisDown, err)
		}
	}
	var rest map[string]string
	if whole {
		rest = around.Val()
	}
	at := examine(position.Val(), digest.Val(), docs.Val(), rest)
	if odd {
		at.fault = fmt.Errorf("%w: a key has another type", ErrRedisCorrupt)
	}
	return at, nil
}

// State is what this process knows of Redis.
func (r *Redis) State() RedisState {
	newest := r.follower.Known()
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.state
	state.Lag = max(0, newest-state.Position)
	return state
}
