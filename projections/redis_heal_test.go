package projections_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
)

// watch reads all the time until the test ends, as many do, and fails the test
// when it gets anything but the state or an error that says what is wrong.
func watch(t testing.TB, p *projections.Redis, want state) {
	t.Helper()
	ledgertest.Run(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			got, err := read(ctx, p)
			known := errors.Is(err, projections.ErrRedisDown) || errors.Is(err, projections.ErrRedisEmpty) || errors.Is(err, projections.ErrRedisCorrupt) ||
				errors.Is(err, projections.ErrRedisUnproven)
			switch {
			case ctx.Err() != nil:
			case err == nil && !got.is(want):
				t.Errorf("read %v, want %v", got, want)
			case err != nil && !known:
				t.Errorf("read: %v", err)
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	})
}

const (
	hashKey     = "experiments_map"
	contextKey  = "{experiments_map}:context"
	positionKey = "{experiments_map}:position"
	digestKey   = "{experiments_map}:digest"
)

// Whatever is done to Redis by hand is undone, though nobody commands anything.
func TestRedisHeals(t *testing.T) {
	t.Parallel()
	type damage func(ctx context.Context, c redis.UniversalClient, id string) error
	damages := map[string]damage{
		"flushed": func(ctx context.Context, c redis.UniversalClient, _ string) error { return c.FlushAll(ctx).Err() },
		"field edited": func(ctx context.Context, c redis.UniversalClient, id string) error {
			doc, err := c.HGet(ctx, hashKey, id).Result()
			return errors.Join(err, c.HSet(ctx, hashKey, id, strings.Replace(doc, "inactive", "active", 1)).Err())
		},
		"fields exchanged": func(ctx context.Context, c redis.UniversalClient, id string) error {
			all, err := c.HGetAll(ctx, hashKey).Result()
			for other, doc := range all {
				if other != id {
					return c.HSet(ctx, hashKey, id, doc, other, all[id]).Err()
				}
			}
			return errors.Join(err, errors.New("there is one field only"))
		},
		"field deleted": func(ctx context.Context, c redis.UniversalClient, id string) error {
			return c.HDel(ctx, hashKey, id).Err()
		},
		"field added": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.HSet(ctx, hashKey, "0193b5a4-0000-7000-8000-000000000000", `{}`).Err()
		},
		"field that is no id": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.HSet(ctx, hashKey, "x", "").Err()
		},
		"hash deleted": func(ctx context.Context, c redis.UniversalClient, _ string) error { return c.Del(ctx, hashKey).Err() },
		"position raised": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.Incr(ctx, positionKey).Err()
		},
		"position lowered": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.Decr(ctx, positionKey).Err()
		},
		"position is a word": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.Set(ctx, positionKey, "x", 0).Err()
		},
		"position removed": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.Del(ctx, positionKey).Err()
		},
		"digest removed": func(ctx context.Context, c redis.UniversalClient, _ string) error { return c.Del(ctx, digestKey).Err() },
		"digest of nothing": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.Set(ctx, digestKey, "0:0:0:", 0).Err()
		},
		"position and digest of the future": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			digest, err := c.Get(ctx, digestKey).Result()
			_, rest, _ := strings.Cut(digest, ":")
			return errors.Join(err, c.MSet(ctx, positionKey, "1000000", digestKey, "1000000:"+rest).Err())
		},
		"position and digest of the past": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			digest, err := c.Get(ctx, digestKey).Result()
			_, rest, _ := strings.Cut(digest, ":")
			return errors.Join(err, c.MSet(ctx, positionKey, "1", digestKey, "1:"+rest).Err())
		},
		"hash of another type": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.Set(ctx, hashKey, "x", 0).Err()
		},
		"context deleted": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.Del(ctx, contextKey).Err()
		},
		"field of the context edited": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.HSet(ctx, contextKey, "at", "2026-01-01T00:00:00Z").Err()
		},
		"field of the context deleted": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.HDel(ctx, contextKey, "deltas_from").Err()
		},
		"field of the context added": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.HSet(ctx, contextKey, "layer/x", "{}").Err()
		},
		"hashes exchanged": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
				p.Rename(ctx, contextKey, contextKey+"x")
				p.Rename(ctx, hashKey, contextKey)
				p.Rename(ctx, contextKey+"x", hashKey)
				return nil
			})
			return err
		},
		"context of another type":  retype(contextKey),
		"position of another type": retype(positionKey),
		"digest of another type":   retype(digestKey),
		"hash expired": func(ctx context.Context, c redis.UniversalClient, _ string) error {
			return c.PExpire(ctx, hashKey, time.Millisecond).Err()
		},
	}
	for name, url := range redistest.URLs(t) {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, ledgertest.New(t))
			r.create(t, 5)
			r.surround(t)
			want := truth(t, r.ledger)
			client := open(t, url)
			var id string
			for id = range want.docs {
				break
			}
			for damaged, do := range damages {
				// Each has a namespace's worth of its own: they do not wait for each other.
				t.Run(damaged, func(t *testing.T) {
					p := r.project(t, client, "")
					settles(t, client, "", want)
					eventually(t, healTime, func() error { _, err := read(t.Context(), p); return err })
					watch(t, p, want)
					if err := do(t.Context(), client, id); err != nil {
						t.Fatal(err)
					}
					settles(t, client, "", want)
					eventually(t, healTime, func() error {
						if s := p.State(); !s.Up || s.Healed != 1 {
							return fmt.Errorf("state %+v", s)
						}
						_, err := read(t.Context(), p)
						return err
					})
					if err := client.FlushAll(t.Context()).Err(); err != nil {
						t.Fatal(err)
					}
				})
			}
		})
	}
}

// retype makes a key a list.
func retype(key string) func(context.Context, redis.UniversalClient, string) error {
	return func(ctx context.Context, c redis.UniversalClient, _ string) error {
		_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Del(ctx, key)
			p.RPush(ctx, key, "x")
			return nil
		})
		return err
	}
}
