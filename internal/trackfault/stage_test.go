package trackfault

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/localredis"
	"github.com/assaylabs/assay/internal/natstest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/programs"
	"github.com/assaylabs/assay/internal/redistest"
)

// stage is three servers and an edge in front of the first, on a Postgres and a
// Redis of their own, and perhaps a cluster of NATS.
type stage struct {
	postgres *localpg.Server
	redis    *localredis.Server
	nats     *natstest.Cluster // nil without
	pool     *pgxpool.Pool
	servers  []*programs.Process
	edge     *programs.Process
}

// newStage starts all of it, with so many nodes of NATS.
func newStage(t testing.TB, nodes int) *stage {
	t.Helper()
	s := &stage{postgres: pgtest.Dedicated(t, nil), redis: redistest.Real(t)}
	ledger := ledgertest.Migrate(t, s.postgres.URL(localpg.Superuser, "postgres"))
	env := []string{"REDIS_URL=" + s.redis.URL(), "ASSAY_EDGE_TOKEN=token-of-edges"}
	if nodes > 0 {
		s.nats = natstest.Start(t, nodes)
		env = append(env, "NATS_URL="+s.nats.URL())
	}
	for range 3 {
		s.servers = append(s.servers, programs.New(t, "assay", []string{"serve"},
			append(env[:len(env):len(env)], "DATABASE_URL="+ledger.App, "MIGRATE_DATABASE_URL="+ledger.Owner)...))
	}
	s.edge = programs.New(t, "assay-edge", nil, append(env[:len(env):len(env)], "ASSAY_CONTROL_URL="+s.servers[0].URL())...)
	for _, p := range s.all() {
		p.Begin(t)
	}
	for _, p := range s.all() {
		p.Ready(t)
	}
	var err error
	if s.pool, err = pgxpool.New(t.Context(), ledger.Owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	return s
}

func (s *stage) all() []*programs.Process { return append([]*programs.Process{s.edge}, s.servers...) }

func (s *stage) urls() []string {
	var all []string
	for _, p := range append(s.servers, s.edge) {
		all = append(all, p.URL())
	}
	return all
}

// command sends one to a server that is up, until it succeeds.
func (s *stage) command(t testing.TB, method, path, body string) {
	t.Helper()
	turn := 0
	programs.Eventually(t, func() error {
		turn++
		_, err := ask(s.servers[turn%len(s.servers)], method, path, body)
		return err
	})
}

// drained waits until nothing is under way to Postgres any more.
func (s *stage) drained(t testing.TB) {
	t.Helper()
	if s.nats == nil {
		return
	}
	programs.Eventually(t, func() error {
		conn, err := nats.Connect(s.nats.URL())
		if err != nil {
			return err
		}
		defer conn.Close()
		js, err := conn.JetStream()
		if err != nil {
			return err
		}
		info, err := js.StreamInfo("ASSAY_TRACK")
		if err == nil && info.State.Msgs > 0 {
			err = fmt.Errorf("%d batches are in the stream", info.State.Msgs)
		}
		return err
	})
}

// history reads the whole ledger.
func (s *stage) history(t testing.TB) []record {
	t.Helper()
	var all []record
	for {
		var page struct{ Items []record }
		decode(t, must(t, s.servers[0], http.MethodGet, fmt.Sprintf("/events?limit=1000&after=%d", len(all)), ""), &page)
		if all = append(all, page.Items...); len(page.Items) < 1000 {
			return all
		}
	}
}

// query reads rows of one text each.
func (s *stage) query(ctx context.Context, sql string, args ...any) ([]string, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
