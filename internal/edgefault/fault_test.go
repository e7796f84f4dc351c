package edgefault

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/programs"
)

// Whatever is taken away, users get answers, and the right ones.
func TestNothingStopsAnEdge(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	u := startUsers(t, s)
	s.play(t, u, 700*time.Millisecond)
	u.judge(t, newModel(t, s.history(t)))
}

// play takes everything away in turn, each for a while, and gives it back.
func (s *stage) play(t *testing.T, u *users, while time.Duration) {
	u.enter(t, "all is well")
	s.toggle(t, 1)
	t.Logf("followed after %v", s.follows(t))

	u.enter(t, "Postgres is gone")
	s.postgres.Kill()
	time.Sleep(while)
	if res := s.control.Send(http.MethodPatch, "/experiments/e1/status", `{"status":"active"}`); res.Status < 500 {
		t.Errorf("a command without Postgres: %s", res)
	}
	s.restartPostgres(t)
	s.toggle(t, 2)
	s.follows(t)

	u.enter(t, "Redis is gone")
	s.redis.Kill()
	for i := range 4 {
		s.toggle(t, i)
		t.Logf("followed without Redis after %v", s.follows(t))
		time.Sleep(while / 4)
	}
	if err := s.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.toggle(t, 3)
	s.follows(t)

	u.enter(t, "Redis is edited by hand and emptied")
	s.editRedis(t)
	s.toggle(t, 4)
	s.follows(t)
	if err := s.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.toggle(t, 5)
	s.follows(t)

	u.enter(t, "everything takes 2 s")
	s.spoil(t, "latency", 2_000)
	s.toggle(t, 6)
	t.Logf("followed with 2 s of latency after %v", s.follows(t))
	s.mend()
	s.toggle(t, 7)
	s.follows(t)
	s.keeps(t)

	u.enter(t, "cut off, and Postgres and Redis are gone")
	s.spoil(t, "timeout", 0)
	s.postgres.Kill()
	s.redis.Kill()
	time.Sleep(while)

	u.enter(t, "restarted with everything gone")
	s.edge.restart(t, nil)
	if res := s.ask(); res.Position() != s.position || !isStale(res) {
		t.Errorf("after a restart: position %d, stale %v, want position %d and stale", res.Position(), isStale(res), s.position)
	}
	if got := s.dependency(t, "snapshot"); got != "stale" {
		t.Errorf("the edge says that its snapshot is %s", got)
	}
	time.Sleep(while)

	u.enter(t, "the newest copy on disk is corrupt")
	s.edge.restart(t, func() {
		s.corruptSnapshot(t)
		u.forget() // the one time that an edge may go back
	})
	if res := s.ask(); res.Status != http.StatusOK || res.Position() >= s.position || !isStale(res) {
		t.Errorf("from the older copy: %s at %d, stale %v", res, res.Position(), isStale(res))
	}
	time.Sleep(while)

	u.enter(t, "all is back")
	s.mend()
	s.restartPostgres(t)
	if err := s.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.toggle(t, 8)
	t.Logf("followed after everything came back after %v", s.follows(t))
	programs.Eventually(t, func() error {
		s.toggle(t, 9)
		s.follows(t)
		if redis := s.dependency(t, "redis"); isStale(s.ask()) || redis != "up" {
			return fmt.Errorf("the edge is stale, or Redis not up but %s", redis)
		}
		return nil
	})
}

func (s *stage) restartPostgres(t testing.TB) {
	t.Helper()
	if err := s.postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// editRedis gives one experiment the document of another.
func (s *stage) editRedis(t testing.TB) {
	t.Helper()
	var docs map[string]string
	programs.Eventually(t, func() (err error) {
		docs, err = s.client.HGetAll(t.Context(), "experiments_map").Result()
		if err == nil && len(docs) < experiments {
			err = fmt.Errorf("%d documents in Redis", len(docs))
		}
		return err
	})
	var ids []string
	for id := range docs {
		ids = append(ids, id)
	}
	if err := s.client.HSet(t.Context(), "experiments_map", ids[0], docs[ids[1]]).Err(); err != nil {
		t.Fatal(err)
	}
}

// corruptSnapshot changes one bit in the middle of the newest copy.
func (s *stage) corruptSnapshot(t testing.TB) {
	t.Helper()
	path := filepath.Join(s.snapshots, "default", "snapshot")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The same for longer, until the edge says that it is stale, again and again.
func TestNothingStopsAnEdgeSoak(t *testing.T) {
	if os.Getenv("ASSAY_SOAK") != "1" {
		t.Log("the long form runs with ASSAY_SOAK=1")
		return
	}
	s := newStage(t)
	u := startUsers(t, s)
	for range 4 {
		s.play(t, u, 30*time.Second)
	}
	if u.stale == 0 {
		t.Error("nobody was told that answers were stale")
	}
	u.judge(t, newModel(t, s.history(t)))
}
