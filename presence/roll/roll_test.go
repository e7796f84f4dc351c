package roll

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/presence"
	"github.com/assaylabs/assay/presence/redisroll"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func replica(id string) func() presence.Replica {
	return func() presence.Replica {
		return presence.Replica{ID: id, Version: "1", StartedAt: time.Now(), Position: 10, Traffic: presence.Traffic{Rejected: map[string]int64{"unit": 1}}}
	}
}

func announcement(position int64, keys ...presence.Use) presence.Announcement {
	return presence.Announcement{Version: "1", StartedAt: time.Now(), Position: position, Source: "redis", Keys: keys}
}

func within(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// has says whether those are on the roll, replicas and then edges.
func (r *Roll) has(ids ...string) error {
	s := r.State()
	var got []string
	for _, one := range s.Replicas {
		got = append(got, one.ID)
	}
	for _, one := range s.Edges {
		got = append(got, one.ID)
	}
	if fmt.Sprint(got) != fmt.Sprint(ids) || !s.Current {
		return fmt.Errorf("%v, current %v; want %v", got, s.Current, ids)
	}
	return nil
}

func TestReplicasKnowOfEachOther(t *testing.T) {
	ledger := ledgertest.New(t)
	redisURL := redistest.Real(t).URL()
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	there := redisroll.New(client, "staging")
	a := New(ledger.Pool(t), Config{Self: replica("a"), Uses: presence.NewUses(), Redis: there})
	b := New(ledger.Pool(t), Config{Self: replica("b"), Uses: presence.NewUses()})
	ledgertest.Run(t, a.Run)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Run(ctx)
	}()
	within(t, func() error { return errors.Join(a.has("a", "b"), b.has("a", "b")) })
	if err := b.Hear("edge-b", announcement(7)); err != nil {
		t.Fatal(err)
	}
	if err := there.Announce(t.Context(), "edge-a", announcement(9)); err != nil {
		t.Fatal(err)
	}
	within(t, func() error {
		return errors.Join(a.has("a", "b", "edge-a", "edge-b"), b.has("a", "b", "edge-a", "edge-b"))
	})
	edges := a.State().Edges
	if edges[0].Lag != 1 || edges[1].Lag != 3 || edges[0].Source != "redis" || time.Since(edges[1].SeenAt) > time.Minute {
		t.Errorf("%+v", edges)
	}
	// Who stops goes at once; edges that have been silent for too long go too.
	stop()
	<-ended
	if _, err := ledger.Superuser(t).Exec(t.Context(), `update present set seen_at = seen_at - interval '1 hour' where id = 'edge-b'`); err != nil {
		t.Fatal(err)
	}
	within(t, func() error { return a.has("a", "edge-a") })
	// Nobody's rubbish is read, or kept.
	client.HSet(t.Context(), "staging:edges", "Bad Id", "1 {}", "edge-c", "x", "edge-d", "1 {}")
	within(t, func() error {
		if n := client.HLen(t.Context(), "staging:edges").Val(); n != 1 {
			return fmt.Errorf("%d edges in Redis", n)
		}
		return a.has("a", "edge-a")
	})
}

func TestFirstAndLastUseOfKeys(t *testing.T) {
	ledger := ledgertest.New(t)
	answer, _, err := ledger.Commands(t).CreateKey(t.Context(), commands.Call{}, []byte(`{"name":"shop","role":"client"}`))
	if err != nil {
		t.Fatal(err)
	}
	uses := presence.NewUses()
	r := New(ledger.Pool(t), Config{Self: replica("a"), Uses: uses})
	ledgertest.Run(t, r.Run)
	conn := ledger.Superuser(t)
	kept := func(first, last time.Time, by string) {
		t.Helper()
		within(t, func() error {
			var f, l time.Time
			var seenBy string
			var n int
			err := conn.QueryRow(t.Context(), `select min(first_seen_at), max(last_seen_at), max(seen_by), count(*) from key_uses having count(*) > 0`).Scan(&f, &l, &seenBy, &n)
			if err != nil || !f.Equal(first) || !l.Equal(last) || seenBy != by || n != 1 {
				return fmt.Errorf("%v to %v by %s, %d keys, %v; want %v to %v by %s", f, l, seenBy, n, err, first, last, by)
			}
			return nil
		})
	}
	now := time.Now().Truncate(time.Millisecond)
	uses.Of(answer.ID).Note(now)
	uses.Of(uuid.New()).Note(now) // a key that there is not
	kept(now, now, "control")
	// An edge saw it before, and after.
	before, after := now.Add(-time.Minute), now.Add(time.Minute)
	if err := r.Hear("edge", announcement(1, presence.Use{KeyID: answer.ID, First: before, Last: after})); err != nil {
		t.Fatal(err)
	}
	kept(before, after, "edge")
	uses.Of(answer.ID).Note(now.Add(10 * time.Second)) // later than here, but not than there
	if err := r.Hear("edge-2", announcement(1, presence.Use{KeyID: answer.ID, First: now, Last: now})); err != nil {
		t.Fatal(err)
	}
	kept(before, after, "edge")
}

func TestTooManyEdges(t *testing.T) {
	r := New(ledgertest.New(t).Pool(t), Config{Self: replica("a"), Uses: presence.NewUses()})
	for i := range presence.MaxEdges {
		if err := r.Hear(fmt.Sprintf("edge-%d", i), announcement(1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Hear("one-more", announcement(1)); !errors.Is(err, domain.ErrUnavailable) {
		t.Error(err)
	}
	if err := r.Hear("edge-1", announcement(2)); err != nil {
		t.Error(err)
	}
	var invalid *domain.InvalidError
	if err := r.Hear("No Id", announcement(1)); !errors.As(err, &invalid) {
		t.Error(err)
	}
	ledgertest.Run(t, r.Run)
	within(t, func() error {
		if s := r.State(); !s.Current || len(s.Edges) != presence.MaxEdges {
			return fmt.Errorf("%d edges, %v", len(s.Edges), s.Current)
		}
		return nil
	})
}
