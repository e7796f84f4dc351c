package projections_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/localredis"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
)

// reports waits until the projection says that something is wrong, in a word.
func reports(t testing.TB, p *projections.Redis, word string) {
	t.Helper()
	eventually(t, healTime, func() error {
		if s := p.State(); s.Up || !strings.Contains(s.Err, word) {
			return fmt.Errorf("state %+v, want an error with %q", s, word)
		}
		return nil
	})
}

// well waits until the projection says that all is right.
func well(t testing.TB, p *projections.Redis) {
	t.Helper()
	eventually(t, healTime, func() error {
		if s := p.State(); !s.Up || s.Lag != 0 {
			return fmt.Errorf("state %+v", s)
		}
		return nil
	})
}

// Nobody reads and nobody commands: what was lost is found by looking.
func TestRedisHealsUnasked(t *testing.T) {
	t.Parallel()
	r := newReplica(t, ledgertest.New(t))
	r.create(t, 3)
	r.surround(t)
	client := open(t, redistest.Real(t).URL())
	p := r.project(t, client, "")
	want := truth(t, r.ledger)
	settles(t, client, "", want)
	well(t, p)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	settles(t, client, "", want)
}

func TestRedisKilled(t *testing.T) {
	t.Parallel()
	for _, server := range []*localredis.Server{redistest.Real(t), redistest.Memory(t)} {
		t.Run(fmt.Sprintf("real=%v", server.Real()), func(t *testing.T) {
			r := newReplica(t, ledgertest.New(t))
			r.create(t, 3)
			client := open(t, server.URL())
			p := r.project(t, client, "")
			settles(t, client, "", truth(t, r.ledger))
			server.Kill()
			// What is commanded meanwhile is in Redis when it is back.
			r.set(t, "e0", "active")
			want := truth(t, r.ledger)
			reports(t, p, "redis is down")
			if _, _, err := p.Read(t.Context()); err == nil {
				t.Error("a dead Redis was read")
			}
			watch(t, p, want)
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			settles(t, client, "", want)
			well(t, p)
		})
	}
}

// A Redis that does not answer holds nobody up for long, and is found again.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	r := newReplica(t, ledgertest.New(t))
	r.create(t, 3)
	client := open(t, redistest.Real(t).URL())
	p := r.project(t, client, "")
	want := truth(t, r.ledger)
	settles(t, client, "", want)
	well(t, p)
	if err := client.Do(t.Context(), "CLIENT", "PAUSE", 3_000).Err(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Read(t.Context()); !errors.Is(err, projections.ErrRedisDown) {
		t.Errorf("read: %v", err)
	}
	reports(t, p, "redis is down")
	well(t, p)
	settles(t, client, "", want)
}

// A replica serves what it has and takes no writes; what it has may be nothing.
func TestRedisReadOnlyReplica(t *testing.T) {
	t.Parallel()
	server, other := redistest.Real(t), redistest.Real(t, "--repl-diskless-sync-delay", "0")
	r := newReplica(t, ledgertest.New(t))
	r.create(t, 3)
	r.surround(t)
	client := open(t, server.URL())
	p := r.project(t, client, "")
	before := truth(t, r.ledger)
	settles(t, client, "", before)
	well(t, p)

	// Never connected to its master, it keeps what it has.
	if err := client.Do(t.Context(), "REPLICAOF", "127.0.0.1", closedPort(t)).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t.Context(), p); err != nil || !got.is(before) {
		t.Errorf("read %v, %v, want %v", got, err, before)
	}
	r.set(t, "e0", "active")
	reports(t, p, "READONLY")
	if got, err := read(t.Context(), p); err != nil || !got.is(before) {
		t.Errorf("read %v, %v, want %v", got, err, before)
	}
	want := truth(t, r.ledger)
	promote := func() {
		t.Helper()
		if err := client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
			t.Fatal(err)
		}
		settles(t, client, "", want)
		well(t, p)
	}
	promote()

	// In step with an empty master it loses all.
	host, port, _ := net.SplitHostPort(other.Addr())
	if err := client.Do(t.Context(), "REPLICAOF", host, port).Err(); err != nil {
		t.Fatal(err)
	}
	reports(t, p, "READONLY")
	watch(t, p, want)
	promote()
}

func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// Out of memory nothing is half written.
func TestRedisOutOfMemory(t *testing.T) {
	t.Parallel()
	server := redistest.Real(t, "--maxmemory-policy", "noeviction")
	r := newReplica(t, ledgertest.New(t))
	r.create(t, 50)
	r.surround(t)
	client := open(t, server.URL())
	p := r.project(t, client, "")
	before := truth(t, r.ledger)
	settles(t, client, "", before)
	well(t, p)
	limit := func(bytes string) {
		t.Helper()
		if err := client.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	limit("1")
	// A change and a deletion: the latter alone would be allowed.
	r.set(t, "e0", "active")
	if _, err := r.DeleteExperiment(t.Context(), commands.Call{}, "e1"); err != nil {
		t.Fatal(err)
	}
	reports(t, p, "OOM")
	if got, err := read(t.Context(), p); err != nil || !got.is(before) {
		t.Errorf("read %v, %v, want %v", got, err, before)
	}
	want := truth(t, r.ledger)
	limit("0")
	settles(t, client, "", want)
	well(t, p)

	limit("1")
	if err := client.HDel(t.Context(), hashKey, anyKey(want)).Err(); err != nil {
		t.Fatal(err)
	}
	watch(t, p, want)
	reports(t, p, "OOM")
	limit("0")
	settles(t, client, "", want)
	well(t, p)
	if keys, err := client.Keys(t.Context(), "*").Result(); err != nil || len(keys) != 4 {
		t.Errorf("left behind: %q, %v", keys, err)
	}
}

func anyKey(s state) string {
	for id := range s.docs {
		return id
	}
	return ""
}

// Who cannot reach the ledger still mends Redis with what it knows.
func TestRedisHealsWithoutPostgres(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t, localpg.Volatile())
	r := newReplica(t, ledgertest.Migrate(t, server.URL(localpg.Superuser, "postgres")))
	r.create(t, 3)
	client := open(t, redistest.Real(t).URL())
	p := r.project(t, client, "")
	want := truth(t, r.ledger)
	settles(t, client, "", want)
	well(t, p)
	server.Kill()
	watch(t, p, want)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	settles(t, client, "", want)
}

// The ledger was restored to an earlier moment and went on from there: Redis
// follows, though its position falls, and a process that still believes in the
// old history does not undo it.
func TestRedisOfARewrittenLedger(t *testing.T) {
	t.Parallel()
	r := newReplica(t, ledgertest.New(t))
	r.create(t, 5)
	client := open(t, redistest.Real(t).URL())
	r.set(t, "e1", "active")
	restore := r.ledger.Backup(t)
	for i := range 6 {
		r.set(t, "e0", []string{"active", "inactive"}[i%2])
	}
	stale := r.still(t)
	p := r.project(t, client, "")
	settles(t, client, "", truth(t, r.ledger))
	well(t, p)

	restore()
	newReplica(t, r.ledger).set(t, "e2", "active")
	want := truth(t, r.ledger)
	settles(t, client, "", want)
	eventually(t, healTime, func() error { _, err := read(t.Context(), p); return err })
	watch(t, p, want)
	old := projections.NewRedis(client, "", stale, r.pool, nil)
	run(t, time.Second, old)
	if got, err := held(t.Context(), client, ""); err != nil || !got.is(want) {
		t.Errorf("a process with the old history left %v, %v, want %v", got, err, want)
	}
	if s := old.State(); s.Up {
		t.Errorf("its state is %+v", s)
	}
}

// What Postgres cannot say the history of is replaced by what is newer, but that
// does not make it unfit.
func TestRedisBehindWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t, nil)
	l := ledgertest.Migrate(t, server.URL(localpg.Superuser, "postgres"))
	r := newReplica(t, l)
	r.create(t, 1)
	client := open(t, redistest.Memory(t).URL())
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- projections.NewRedis(client, "", r.follower, r.pool, nil).Run(ctx) }()
	settles(t, client, "", truth(t, l))
	cancel()
	<-stopped
	r.set(t, "e0", "active")
	want := truth(t, l)
	restarted := newReplica(t, l)
	eventually(t, healTime, func() error {
		if got := shown(restarted.follower); !got.is(want) {
			return fmt.Errorf("view %v, want %v", got, want)
		}
		return nil
	})
	server.Kill()
	p := restarted.project(t, client, "")
	settles(t, client, "", want)
	well(t, p)
	if s := p.State(); s.Healed != 0 {
		t.Errorf("something was healed: %+v", s)
	}
}
