package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/internal/pgtest"
)

const redisPosition = "{experiments_map}:position"

// held is what Redis holds: the position and the documents.
func held(t *testing.T, client *redis.Client) (position string, docs map[string]string, err error) {
	position, err = client.Get(t.Context(), redisPosition).Result()
	if err == nil {
		docs, err = client.HGetAll(t.Context(), "experiments_map").Result()
	}
	return position, docs, err
}

// Whatever befalls Redis is healed though nobody writes, and no list is wrong
// meanwhile.
func TestRedisLost(t *testing.T) {
	t.Parallel()
	s := newStage(t, pgtest.Database(t))
	client := redis.NewClient(&redis.Options{Addr: s.redis.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	var ids []string
	for i := range 30 {
		ids = append(ids, s.create(t, fmt.Sprintf(`{"name":"experiment %d"}`, i)))
	}
	s.must(t, request{method: http.MethodPatch, path: "/experiments/" + ids[3] + "/status", body: `{"status":"active"}`})
	want := list(t, s.replicas[0], "redis", 31)
	position, docs, err := held(t, client)
	if err != nil || len(docs) != len(ids) || len(want) != len(ids) || position != "31" {
		t.Fatalf("Redis holds %d documents at %s, %v; %d are listed", len(docs), position, err, len(want))
	}
	truth := s.rows(t, `select doc from experiments where not deleted order by key collate "C", id`)
	if got := texts(want); !slices.Equal(got, truth) {
		t.Fatalf("listed %q, Postgres has %q", got, truth)
	}
	sources := map[string]int{}
	settle := beside(t, func(ctx context.Context) {
		for i := 0; ctx.Err() == nil; i++ {
			s.checkList(t, s.replicas[i%2], truth, sources)
		}
	})
	wrong, gone := []byte(`{"id":"`+ids[0]+`","name":"wrong"}`), ids[1]
	for _, fault := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"emptied", func(ctx context.Context) error { return client.FlushAll(ctx).Err() }},
		{"killed, down for a second, empty", func(ctx context.Context) error {
			s.redis.Kill()
			time.Sleep(time.Second)
			return s.redis.Restart(ctx)
		}},
		{"restarted at once, empty", s.redis.Restart},
		{"a document edited by hand", func(ctx context.Context) error { return client.HSet(ctx, "experiments_map", ids[0], wrong).Err() }},
		{"a document lost", func(ctx context.Context) error { return client.HDel(ctx, "experiments_map", gone).Err() }},
		{"a document too many", func(ctx context.Context) error { return client.HSet(ctx, "experiments_map", "x", "{}").Err() }},
		{"the position lost", func(ctx context.Context) error { return client.Del(ctx, redisPosition).Err() }},
		{"the position ahead", func(ctx context.Context) error { return client.Set(ctx, redisPosition, "4000", 0).Err() }},
		{"another type", func(ctx context.Context) error { return client.Set(ctx, "experiments_map", "x", 0).Err() }},
	} {
		if err := fault.do(t.Context()); err != nil {
			t.Fatalf("%s: %v", fault.name, err)
		}
		took := eventually(t, func() error {
			p, d, err := held(t, client)
			if err != nil || p != position || !maps.Equal(d, docs) {
				return fmt.Errorf("%s: %d documents at %s, %v", fault.name, len(d), p, err)
			}
			return nil
		})
		t.Logf("%s: healed after %v", fault.name, took.Round(time.Millisecond))
	}
	settle()
	t.Logf("lists by source meanwhile, none wrong: %v", sources)
	for _, r := range s.replicas {
		if got := texts(list(t, r, "redis", 31)); !slices.Equal(got, truth) {
			t.Errorf("%s lists from Redis %q, want %q", r.name, got, truth)
		}
	}
	if n := len(s.feed(t)); n != 31 {
		t.Errorf("the ledger has %d records, want 31", n)
	}
}

// checkList reads the list once and compares it with the truth.
func (s *stage) checkList(t *testing.T, r *replica, truth []string, sources map[string]int) {
	res := r.get("/experiments?limit=1000")
	var page struct {
		Items    []json.RawMessage `json:"items"`
		Source   string            `json:"source"`
		Position int64             `json:"position"`
	}
	if err := json.Unmarshal(res.body, &page); err != nil || res.status != http.StatusOK {
		t.Errorf("list by %s: %s", r.name, res)
		return
	}
	sources[page.Source]++
	if got := texts(page.Items); !slices.Equal(got, truth) || page.Position != 31 {
		t.Errorf("%s lists from %s at %d %q, want %q", r.name, page.Source, page.Position, got, truth)
	}
}

func texts(items []json.RawMessage) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = string(item)
	}
	return all
}
