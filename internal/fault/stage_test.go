package fault

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localredis"
	"github.com/assaylabs/assay/internal/redistest"
)

// stage is what a test plays on: a ledger, a Redis and two servers.
type stage struct {
	ledger   ledgertest.Ledger
	redis    *localredis.Server
	replicas []*replica
	clock    *clock
}

// newStage starts two servers on the database that a superuser's URL names.
func newStage(t *testing.T, owner string) *stage {
	t.Helper()
	s := &stage{ledger: ledgertest.Migrate(t, owner), redis: redistest.Real(t)}
	s.clock = newClock(t, owner)
	for i := range 2 {
		s.replicas = append(s.replicas, newReplica(t, fmt.Sprintf("replica%d", i), s.env()...))
	}
	s.startAll(t)
	return s
}

// env is the environment of every program of the stage.
func (s *stage) env() []string {
	return []string{
		"DATABASE_URL=" + s.ledger.App, "MIGRATE_DATABASE_URL=" + s.ledger.Owner,
		"REDIS_URL=" + s.redis.URL(), "ASSAY_ROOT_TOKEN=" + rootToken,
	}
}

func (s *stage) startAll(t *testing.T) {
	t.Helper()
	for _, r := range s.replicas {
		if err := r.launch(); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range s.replicas {
		if err := r.awaitReady(); err != nil {
			t.Fatal(err)
		}
	}
}

// verify runs assay verify, which proves the ledger up to a checkpoint and all
// that is derived from it.
func (s *stage) verify(t *testing.T, checkpoint string) {
	t.Helper()
	cmd := command("verify", "--checkpoint", checkpoint)
	cmd.Env = s.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("assay verify: %v\n%s", err, out)
	}
}

// exitOf is the code that a command ended with.
func exitOf(cmd *exec.Cmd) int { return cmd.ProcessState.ExitCode() }

// clock is the ledger's, which reads how far it is moved from a table.
type clock struct {
	owner string

	mu     sync.Mutex
	offset time.Duration // guarded by mu
}

// newClock replaces the function that is the ledger's clock.
func newClock(t *testing.T, owner string) *clock {
	t.Helper()
	conn := connect(t, owner)
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), `create table moved (by interval not null); insert into moved values ('0');
		grant select on moved to public;
		create or replace function ledger_clock() returns timestamptz language sql volatile
			as 'select clock_timestamp() + by from moved'`); err != nil {
		t.Fatal(err)
	}
	return &clock{owner: owner}
}

// now is the ledger's time, for who does not ask the database.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset).UTC()
}

// move moves the clock by d.
func (c *clock) move(t *testing.T, d time.Duration) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := connect(t, c.owner)
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), fmt.Sprintf("update moved set by = '%d microseconds'", (c.offset+d).Microseconds())); err != nil {
		t.Fatal(err)
	}
	c.offset += d
}

// beforeMidnight moves the clock to d before the next midnight.
func (c *clock) beforeMidnight(t *testing.T, d time.Duration) (midnight time.Time) {
	t.Helper()
	now := c.now()
	midnight = now.Truncate(24 * time.Hour).Add(24 * time.Hour)
	c.move(t, midnight.Sub(now)-d)
	return midnight
}

// await sleeps until the clock shows at.
func (c *clock) await(at time.Time) { time.Sleep(at.Sub(c.now())) }

// connect makes a superuser's connection; the caller closes it.
func connect(t *testing.T, owner string) *pgx.Conn {
	t.Helper()
	var conn *pgx.Conn
	eventually(t, func() (err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		conn, err = pgx.Connect(ctx, owner)
		return err
	})
	return conn
}

// holdHead takes the append lock at once, and gives it back when released:
// whatever is appended meanwhile waits.
func (s *stage) holdHead(t *testing.T) (release func()) {
	t.Helper()
	conn := connect(t, s.ledger.Owner)
	if _, err := conn.Exec(t.Context(), "begin; select from event_head for update"); err != nil {
		t.Fatal(err)
	}
	return func() { _ = conn.Close(context.Background()) }
}

// rows reads a table as text, a line for each row.
func (s *stage) rows(t *testing.T, sql string) []string {
	t.Helper()
	conn := connect(t, s.ledger.Owner)
	defer func() { _ = conn.Close(context.Background()) }()
	result, err := conn.Query(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(result, func(row pgx.CollectableRow) (string, error) {
		var texts []string
		for _, value := range row.RawValues() {
			texts = append(texts, string(value))
		}
		return strings.Join(texts, "|"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// create makes an experiment on any server and returns its id.
func (s *stage) create(t *testing.T, body string) string {
	t.Helper()
	var doc document
	decode(t, s.must(t, request{method: http.MethodPost, path: "/experiments", body: body}).body, &doc)
	return doc.ID
}

// must sends a command that has to succeed to the first server that is up.
func (s *stage) must(t *testing.T, q request) response {
	t.Helper()
	var last response
	for _, r := range s.replicas {
		if last = r.send(http.DefaultClient, q); last.err == nil && last.status < 300 {
			return last
		}
	}
	t.Fatalf("%s %s: %s", q.method, q.path, last)
	return last
}
