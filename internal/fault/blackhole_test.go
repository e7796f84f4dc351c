package fault

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
)

// hole is a way to Postgres in which everything can vanish: connections stay
// open, and nothing comes out of them any more.
type hole struct{ proxy *toxiproxy.Proxy }

// newHole opens the way to the server of a URL, and returns the URL through it.
func newHole(t *testing.T, to string) (*hole, func(string) string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "postgres", "127.0.0.1:0", u.Host)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return &hole{proxy}, func(direct string) string { return strings.Replace(direct, u.Host, proxy.Listen, 1) }
}

func (h *hole) open(t *testing.T) {
	t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name":%q,"type":"timeout","stream":%q,"attributes":{"timeout":0}}`, stream, stream)
		if _, err := h.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
	}
}

func (h *hole) close() { h.proxy.Toxics.ResetToxics(context.Background()) }

// Postgres that says nothing is worse than none: each wait must end.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	s := &stage{ledger: ledgertest.Migrate(t, pgtest.Database(t)), redis: redistest.Real(t)}
	direct := s.ledger
	hole, through := newHole(t, direct.Owner)
	s.ledger.App, s.ledger.Owner = through(direct.App), through(direct.Owner)
	r := newReplica(t, "replica", s.env()...)
	s.ledger, s.replicas = direct, []*replica{r}
	s.clock = newClock(t, direct.Owner)
	s.startAll(t)
	d := newDriver(t, s)
	lists := &lister{stage: s}
	settle := beside(t, func(ctx context.Context) { d.work(ctx, workers) }, func(ctx context.Context) { lists.run(ctx, t) })
	time.Sleep(500 * time.Millisecond)

	before := d.figures().unknown
	hole.open(t)
	eventually(t, func() error {
		for _, path := range []string{"/healthz", "/readyz"} {
			if err := r.answers(path, http.StatusOK); err != nil {
				t.Error(err)
			}
		}
		if n := d.figures().unknown - before; n < 2*workers {
			return fmt.Errorf("%d commands were refused", n)
		}
		return nil
	})
	next := d.nextAck()
	hole.close()
	start := time.Now()
	select {
	case <-next:
		t.Logf("first ack %v after the hole was closed", time.Since(start).Round(time.Millisecond))
	case <-time.After(patience):
		t.Fatal("no command succeeds after the hole was closed")
	}
	time.Sleep(300 * time.Millisecond)
	settle()
	s.check(t, d.acks)
	t.Logf("%v; %v", d.figures(), lists)
}
