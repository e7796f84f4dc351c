package projections_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
)

// Each message comes after what it tells of, and positions only grow.
func TestRedisFollowsTheLedger(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		r := newReplica(t, ledgertest.New(t))
		r.create(t, 3)
		first := truth(t, r.ledger)
		messages := client.Subscribe(t.Context(), "experiments_changed")
		if _, err := messages.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
		told := make(chan int64, 100)
		ledgertest.Run(t, func(ctx context.Context) error {
			defer close(told)
			return listen(ctx, t, messages, client, told)
		})
		p := r.project(t, client, "")
		settles(t, client, "", first)

		r.set(t, "e0", "active")
		settles(t, client, "", truth(t, r.ledger))
		r.surround(t)
		settles(t, client, "", truth(t, r.ledger))
		if _, err := r.ChangeMembers(t.Context(), commands.Call{}, "stays", []string{"c", "aa"}, []string{"a"}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.PatchExperiment(t.Context(), commands.Call{}, "e1", []byte(`{"description":"changed"}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.DeleteExperiment(t.Context(), commands.Call{}, "e0"); err != nil {
			t.Fatal(err)
		}
		// A record that is no experiment's moves the position too.
		if _, err := r.CreateResource(t.Context(), commands.Call{}, "segment", []byte(`{"name":"staff"}`)); err != nil {
			t.Fatal(err)
		}
		want := truth(t, r.ledger)
		settles(t, client, "", want)
		for last := int64(-1); fmt.Sprint(last) != want.position; {
			select {
			case position := <-told:
				if position <= last {
					t.Errorf("position %d was published after %d", position, last)
				}
				last = position
			case <-time.After(healTime):
				t.Fatalf("position %s was not published, the last is %d", want.position, last)
			}
		}
		eventually(t, healTime, func() error {
			if s := p.State(); !s.Up || s.Lag != 0 || s.Healed != 0 || s.Err != "" || fmt.Sprint(s.Position) != want.position {
				return fmt.Errorf("state %+v", s)
			}
			return nil
		})
	})
}

// listen checks at each message that Redis already holds what it tells of.
func listen(ctx context.Context, t *testing.T, from *redis.PubSub, client redis.UniversalClient, told chan<- int64) error {
	go func() {
		<-ctx.Done()
		_ = from.Close()
	}()
	for m := range from.Channel() {
		position, err := strconv.ParseInt(m.Payload, 10, 64)
		now, _ := client.Get(ctx, "{experiments_map}:position").Int64()
		if ctx.Err() == nil && (err != nil || now < position) {
			t.Errorf("message %q while the position is %d", m.Payload, now)
		}
		told <- position
	}
	return nil
}

func TestRedisOfAnEmptyLedger(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		r := newReplica(t, ledgertest.New(t))
		p := r.project(t, client, "")
		settles(t, client, "", state{"0", map[string]string{}, map[string]string{"at": "0001-01-01T00:00:00Z", "deltas_from": "0"}})
		eventually(t, healTime, func() error {
			got, err := read(t.Context(), p)
			if err == nil && !got.is(state{position: "0"}) {
				err = fmt.Errorf("read %v", got)
			}
			return err
		})
	})
}

func TestRedisNamespacesDoNotMeet(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		staging, bare := newReplica(t, ledgertest.New(t)), newReplica(t, ledgertest.New(t))
		staging.create(t, 2)
		bare.create(t, 5)
		staging.project(t, client, "staging")
		bare.project(t, client, "")
		settles(t, client, "staging", truth(t, staging.ledger))
		settles(t, client, "", truth(t, bare.ledger))
		keys, err := client.Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if !strings.HasPrefix(strings.Trim(key, "{"), "staging:experiments_map") && !strings.HasPrefix(strings.Trim(key, "{"), "experiments_map") {
				t.Errorf("key %q", key)
			}
		}
	})
}

// Projectors at many positions, some with a view that never moves again, race on
// one hash; the newest wins, and nothing goes back.
func TestRedisWithManyProjectors(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		r := newReplica(t, ledgertest.New(t))
		r.create(t, 20)
		neverBack(t, client)
		for i := range 6 {
			pool := r.pool
			if i%2 == 0 {
				pool = nil // without a lock
			}
			p := projections.NewRedis(client, "", r.still(t), pool, nil)
			ledgertest.Run(t, p.Run)
			for n := range 5 {
				r.set(t, fmt.Sprintf("e%d", (i+n)%20), []string{"active", "inactive"}[i%2])
			}
			if _, err := r.DeleteExperiment(t.Context(), commands.Call{}, fmt.Sprintf("e%d", 19-i)); err != nil {
				t.Fatal(err)
			}
		}
		newReplica(t, r.ledger).project(t, client, "")
		r.project(t, client, "")
		for i := range 50 {
			r.set(t, "e1", []string{"active", "inactive"}[i%2])
		}
		settles(t, client, "", truth(t, r.ledger))
	})
}

// What a newer process wrote stays, also when this one has a fault to heal.
func TestRedisNewerContentStays(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		r := newReplica(t, ledgertest.New(t))
		r.create(t, 3)
		old := r.still(t)
		r.set(t, "e0", "active")
		newer := r.still(t)
		want := truth(t, r.ledger)
		run(t, 500*time.Millisecond, projections.NewRedis(client, "", newer, nil, nil))
		settles(t, client, "", want)
		p := projections.NewRedis(client, "", old, r.pool, nil)
		run(t, 500*time.Millisecond, p)
		if got, err := held(t.Context(), client, ""); err != nil || !got.is(want) {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
		if s := p.State(); !s.Up || fmt.Sprint(s.Position) != want.position {
			t.Errorf("state %+v", s)
		}
	})
}

// run runs a projection for a while.
func run(t testing.TB, d time.Duration, p *projections.Redis) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	_ = p.Run(ctx)
}

// A cluster refuses scripts whose keys are not in one slot.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	server := redistest.Real(t, "--cluster-enabled", "yes")
	node := open(t, server.URL())
	if err := node.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	client := open(t, "redis+cluster://"+server.Addr())
	eventually(t, healTime, func() error { return client.Set(t.Context(), "x", 1, 0).Err() })
	r := newReplica(t, ledgertest.New(t))
	r.create(t, 3)
	for _, namespace := range []string{"", "staging"} {
		r.project(t, client, namespace)
		settles(t, client, namespace, truth(t, r.ledger))
	}
	r.set(t, "e0", "active")
	for _, namespace := range []string{"", "staging"} {
		settles(t, client, namespace, truth(t, r.ledger))
	}
}

// sent counts the bytes of commands.
type sent struct{ bytes atomic.Int64 }

func (s *sent) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *sent) count(cmd redis.Cmder) {
	for _, arg := range cmd.Args() {
		switch v := arg.(type) {
		case string:
			s.bytes.Add(int64(len(v)))
		case []byte:
			s.bytes.Add(int64(len(v)))
		}
	}
}

func (s *sent) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		s.count(cmd)
		return next(ctx, cmd)
	}
}

func (s *sent) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			s.count(cmd)
		}
		return next(ctx, cmds)
	}
}

// A large segment is written when it changes, and not for the sake of others.
func TestRedisIsSentWhatChanged(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		r := newReplica(t, ledgertest.New(t))
		r.create(t, 1)
		r.resource(t, domain.KindSegment, "small")
		r.resource(t, domain.KindSegment, "large")
		ids := make([]string, 5_000)
		for i := range ids {
			ids[i] = fmt.Sprintf("member-%0200d", i)
		}
		change := func(segment string, add ...string) {
			t.Helper()
			if _, err := r.ChangeMembers(t.Context(), commands.Call{}, segment, add, nil); err != nil {
				t.Fatal(err)
			}
		}
		change("large", ids...)
		r.project(t, client, "")
		settles(t, client, "", truth(t, r.ledger))
		var hook sent
		client.AddHook(&hook)
		// The first change is small: where Redis does not know the script yet, it
		// is sent twice.
		for _, do := range []struct {
			name   string
			change func()
			most   int64
		}{
			{"a toggle", func() { r.set(t, "e0", "active") }, 20_000},
			{"another segment", func() { change("small", "x", "y") }, 20_000},
			{"one of many", func() { change("large", "x") }, 2_000_000},
		} {
			before := hook.bytes.Load()
			do.change()
			settles(t, client, "", truth(t, r.ledger))
			if n := hook.bytes.Load() - before; n > do.most {
				t.Errorf("%s sent %d bytes, want at most %d", do.name, n, do.most)
			}
		}
	})
}
