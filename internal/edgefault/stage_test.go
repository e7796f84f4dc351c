package edgefault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/localredis"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/programs"
	"github.com/assaylabs/assay/internal/redistest"
)

const experiments = 12

// stage is a control plane and an edge, with all that can be taken from them.
type stage struct {
	postgres *localpg.Server
	redis    *localredis.Server
	client   *redis.Client
	// toRedis and toControl are the edge's only ways there.
	toRedis, toControl *toxiproxy.Proxy
	control, edge      *process
	snapshots          string

	active   [experiments]bool
	position int64 // of the last command that was acknowledged
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{postgres: pgtest.Dedicated(t, nil), redis: redistest.Real(t), snapshots: t.TempDir()}
	s.client = redis.NewClient(&redis.Options{Addr: s.redis.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = s.client.Close() })
	ledger := ledgertest.Migrate(t, s.postgres.URL(localpg.Superuser, "postgres"))
	const edgeToken = "token-of-edges"
	s.control = newProcess(t, "assay", []string{"serve"},
		"DATABASE_URL="+ledger.App, "MIGRATE_DATABASE_URL="+ledger.Owner, "REDIS_URL="+s.redis.URL(), "ASSAY_EDGE_TOKEN="+edgeToken)
	s.toRedis, s.toControl = way(t, s.redis.Addr()), way(t, s.control.Addr)
	s.edge = newProcess(t, "assay-edge", nil,
		"REDIS_URL=redis://"+s.toRedis.Listen, "ASSAY_CONTROL_URL=http://"+s.toControl.Listen, "ASSAY_EDGE_TOKEN="+edgeToken, "SNAPSHOT_DIR="+s.snapshots)
	s.control.launch(t)
	for i := range experiments {
		s.command(t, http.MethodPost, "/experiments", fmt.Sprintf(`{"name":"e%[1]d","key":"e%[1]d"%s}`, i, []string{
			``, `,"audience":{"country":"US"}`, `,"traffic_ppm":400000`, `,"overrides":{"u1":"treatment"}`,
		}[i%4]))
		s.toggle(t, i)
	}
	s.edge.launch(t)
	s.follows(t)
	return s
}

// way is a proxy to an address.
func way(t testing.TB, to string) *toxiproxy.Proxy {
	t.Helper()
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "way", "127.0.0.1:0", to)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// spoil makes the edge's ways there vanish into nothing ("timeout") or slow
// ("latency"), in milliseconds; mend undoes it.
func (s *stage) spoil(t testing.TB, toxic string, milliseconds int) {
	t.Helper()
	for _, p := range []*toxiproxy.Proxy{s.toRedis, s.toControl} {
		for _, stream := range []string{"upstream", "downstream"} {
			if toxic == "latency" && stream == "upstream" {
				continue
			}
			body := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":{%q:%d}}`, stream, toxic, stream, toxic, milliseconds)
			if _, err := p.Toxics.AddToxicJson(strings.NewReader(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (s *stage) mend() {
	s.toRedis.Toxics.ResetToxics(context.Background())
	s.toControl.Toxics.ResetToxics(context.Background())
}

// command sends one that has to succeed in the end.
func (s *stage) command(t testing.TB, method, path, body string) {
	t.Helper()
	programs.Eventually(t, func() error {
		res := s.control.Send(method, path, body)
		if res.Err != nil || res.Status >= 300 {
			return fmt.Errorf("%s %s: %s", method, path, res)
		}
		s.position = max(s.position, res.Position())
		return nil
	})
}

// toggle switches experiment e<i>.
func (s *stage) toggle(t testing.TB, i int) {
	t.Helper()
	i %= experiments
	s.active[i] = !s.active[i]
	s.command(t, http.MethodPatch, fmt.Sprintf("/experiments/e%d/status", i), fmt.Sprintf(`{"status":%q}`, map[bool]string{true: "active", false: "inactive"}[s.active[i]]))
}

// follows waits until the edge serves the newest position.
func (s *stage) follows(t testing.TB) time.Duration {
	t.Helper()
	return programs.Eventually(t, func() error {
		if got := s.ask().Position(); got != s.position {
			return fmt.Errorf("the edge is at position %d, want %d", got, s.position)
		}
		return nil
	})
}

// ask is one user's question to the edge.
func (s *stage) ask() programs.Response {
	return s.edge.Send(http.MethodPost, "/evaluate", `{"unit":"u1"}`)
}

// keeps waits until the newest position is on the edge's disk.
func (s *stage) keeps(t testing.TB) {
	t.Helper()
	disk := feed.NewDisk(filepath.Join(s.snapshots, "default"), nil)
	programs.Eventually(t, func() error {
		u, err := disk.Fetch(t.Context(), nil)
		if err == nil && u.Document.Position != s.position {
			err = fmt.Errorf("position %d is on disk, want %d", u.Document.Position, s.position)
		}
		return err
	})
}

// dependency is what GET /readyz of the edge says of one.
func (s *stage) dependency(t testing.TB, name string) string {
	t.Helper()
	var health struct {
		Dependencies map[string]struct {
			State string `json:"state"`
		} `json:"dependencies"`
	}
	res := s.edge.Send(http.MethodGet, "/readyz", "")
	if err := json.Unmarshal(res.Body, &health); err != nil {
		t.Fatalf("%v: %s", err, res)
	}
	return health.Dependencies[name].State
}

// history reads the whole ledger.
func (s *stage) history(t testing.TB) []record {
	t.Helper()
	var all []record
	for {
		var page struct {
			Items []record `json:"items"`
		}
		res := s.control.Send(http.MethodGet, fmt.Sprintf("/events?limit=1000&after=%d", len(all)), "")
		if err := json.Unmarshal(res.Body, &page); err != nil || res.Status != http.StatusOK {
			t.Fatalf("GET /events: %s", res)
		}
		if all = append(all, page.Items...); len(page.Items) < 1000 {
			return all
		}
	}
}
