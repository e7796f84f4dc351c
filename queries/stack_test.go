package queries

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/tracking/derive"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// stack is a process's commands and queries, on a Redis of its own.
type stack struct {
	*Service
	commands *commands.Service
	ledger   ledgertest.Ledger
	client   redis.UniversalClient
	redisURL string
}

func newStack(t testing.TB) *stack { return stackOn(t, ledgertest.New(t), redistest.Memory(t).URL()) }

func stackOn(t testing.TB, ledger ledgertest.Ledger, redisURL string) *stack {
	t.Helper()
	client, err := projections.OpenRedis(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	pool := ledger.Pool(t)
	var follower *projections.Follower
	store := eventstore.New(pool, eventstore.Config{
		Inline:   projections.Inline{},
		OnCommit: func(records []eventstore.Record) { follower.Offer(records) },
	})
	follower = projections.NewFollower(store, pool, nil)
	projection := projections.NewRedis(client, "", follower, pool, nil)
	for _, run := range []func(context.Context) error{store.Run, follower.Run, projection.Run} {
		ledgertest.Run(t, run)
	}
	return &stack{
		Service: New(store, follower, projection, pool, derive.New(pool)), commands: commands.New(store),
		ledger: ledger, client: client, redisURL: redisURL,
	}
}

// create makes an experiment and returns what became of it.
func (s *stack) create(t testing.TB, config string) commands.Answer {
	t.Helper()
	a, err := s.commands.CreateExperiment(t.Context(), commands.Call{}, []byte(config))
	if err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	return a
}

func (s *stack) set(t testing.TB, ref string, status domain.Status) {
	t.Helper()
	if _, err := s.commands.SetStatus(t.Context(), commands.Call{}, ref, string(status)); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) patch(t testing.TB, ref, patch string) {
	t.Helper()
	if _, err := s.commands.PatchExperiment(t.Context(), commands.Call{}, ref, []byte(patch)); err != nil {
		t.Fatalf("%s: %v", patch, err)
	}
}

func (s *stack) delete(t testing.TB, ref string) {
	t.Helper()
	if _, err := s.commands.DeleteExperiment(t.Context(), commands.Call{}, ref); err != nil {
		t.Fatal(err)
	}
}

// settle waits until memory and Redis hold what the ledger holds.
func (s *stack) settle(t testing.TB) {
	t.Helper()
	head, err := s.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.settleAt(t, head.Position)
}

func (s *stack) settleAt(t testing.TB, position int64) {
	t.Helper()
	within(t, func() error {
		if at := s.follower.Position(); at != position {
			return fmt.Errorf("memory is at %d", at)
		}
		if state := s.redis.State(); !state.Up || state.Position != position {
			return fmt.Errorf("redis is %+v", state)
		}
		return nil
	})
}

// within fails the test when f does not come to nil in 5 s.
func within(t testing.TB, f func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("not within 5 s: %v", err)
}

func decode[T any](t testing.TB, doc []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return v
}
