package projections_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
)

// whole is all that Redis holds, and nothing else.
func whole(t testing.TB, client redis.UniversalClient) string {
	t.Helper()
	docs, err := client.HGetAll(t.Context(), hashKey).Result()
	if err != nil {
		t.Fatal(err)
	}
	around, err := client.HGetAll(t.Context(), contextKey).Result()
	if err != nil {
		t.Fatal(err)
	}
	rest, err := client.MGet(t.Context(), positionKey, digestKey).Result()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 4 {
		t.Errorf("keys %q, %v", keys, err)
	}
	return fmt.Sprint(docs, around, rest) // fmt sorts maps
}

// The ledger alone gives what the live projector made step by step, byte for
// byte.
func TestReplayRedis(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		r := newReplica(t, ledgertest.New(t))
		r.create(t, 300) // more than one chunk of writing
		live, stop := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			_ = projections.NewRedis(client, "", r.follower, r.pool, nil).Run(live)
		}()
		for i := range 20 {
			r.set(t, fmt.Sprintf("e%d", i), "active")
		}
		if _, err := r.DeleteExperiment(t.Context(), commands.Call{}, "e7"); err != nil {
			t.Fatal(err)
		}
		r.surround(t)
		settles(t, client, "", truth(t, r.ledger))
		stop()
		<-stopped
		want := whole(t, client)
		for name, damage := range map[string]func() error{
			"sound":   func() error { return nil },
			"emptied": func() error { return client.FlushAll(t.Context()).Err() },
			"edited":  func() error { return client.HSet(t.Context(), hashKey, "x", "y").Err() },
			"ahead":   func() error { return client.Set(t.Context(), positionKey, "999", 0).Err() },
		} {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			var told int64
			got, err := projections.ReplayRedis(t.Context(), r.pool, client, "", projections.ReplayOptions{
				Progress: func(done, total int64) { told = total - done },
			})
			if err != nil || got != (projections.RedisReplayed{Records: 336, Documents: 299}) || told != 0 {
				t.Errorf("%s: %+v, %v, %d left", name, got, err, told)
			}
			if now := whole(t, client); now != want {
				t.Errorf("%s: the replay differs from what was there", name)
			}
		}
	})
}

// It goes well with live projectors, and nobody sees the position fall.
func TestReplayRedisWhileServing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		r := newReplica(t, ledgertest.New(t))
		r.create(t, 50)
		p := r.project(t, client, "")
		settles(t, client, "", truth(t, r.ledger))
		well(t, p)
		neverBack(t, client)
		ledgertest.Run(t, func(ctx context.Context) error {
			for i := 0; ctx.Err() == nil; i++ {
				_, _ = r.SetStatus(ctx, commands.Call{}, fmt.Sprintf("e%d", i%50), []string{"active", "inactive"}[i/50%2])
				time.Sleep(2 * time.Millisecond)
			}
			return nil
		})
		for range 5 {
			if got, err := projections.ReplayRedis(t.Context(), r.pool, client, "", projections.ReplayOptions{}); err != nil || got.Documents != 50 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if s := p.State(); s.Healed != 0 {
			t.Errorf("the live projector found something to heal: %+v", s)
		}
	})
}

// neverBack fails the test when Redis's position falls before the test ends.
func neverBack(t testing.TB, client redis.UniversalClient) {
	t.Helper()
	ledgertest.Run(t, func(ctx context.Context) error {
		var last int64
		for ctx.Err() == nil {
			now, err := client.Get(ctx, positionKey).Int64()
			if err == nil && now < last {
				t.Errorf("position went from %d back to %d", last, now)
			}
			last = max(last, now)
			time.Sleep(time.Millisecond)
		}
		return nil
	})
}

// A ledger that was tampered with is not put into Redis.
func TestReplayRedisRefusesABadLedger(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"data":   `update events set data = '{}' where position = 2`,
		"reason": `update events set reason = 'another' where position = 2`,
		"gap":    `delete from events where position = 2`,
	} {
		t.Run(name, func(t *testing.T) {
			ledger := ledgertest.New(t)
			bad := newReplica(t, ledger)
			bad.create(t, 3)
			conn := ledger.Superuser(t)
			if _, err := conn.Exec(t.Context(), "alter table events disable trigger append_only; "+sql); err != nil {
				t.Fatal(err)
			}
			client := open(t, redistest.Memory(t).URL())
			_, err := projections.ReplayRedis(t.Context(), bad.pool, client, "", projections.ReplayOptions{})
			if err == nil || !strings.Contains(err.Error(), "record 2") {
				t.Errorf("error %v", err)
			}
			if n, err := client.DBSize(t.Context()).Result(); n != 0 || err != nil {
				t.Errorf("%d keys, %v", n, err)
			}
		})
	}
}
