package fault

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
)

// crash kills Postgres at once, leaves it down for a while, and returns how long
// after its return the first command was acknowledged.
func (p *play) crash(t *testing.T, server *localpg.Server, down time.Duration) time.Duration {
	t.Helper()
	server.Kill()
	time.Sleep(down)
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	select {
	case <-p.driver.nextAck():
	case <-time.After(2 * patience):
		t.Fatal("no command succeeds after Postgres is back")
	}
	return time.Since(start)
}

func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("median %v, slowest %v", sorted[len(sorted)/2].Round(time.Millisecond), sorted[len(sorted)-1].Round(time.Millisecond))
}

func TestPostgresKilled(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t, nil)
	p := newPlay(t, server.URL(localpg.Superuser, "postgres"))
	lists := &lister{stage: p.stage}
	settle := beside(t, func(ctx context.Context) { p.driver.work(ctx, workers) }, func(ctx context.Context) { lists.run(ctx, t) })
	time.Sleep(500 * time.Millisecond)
	var back []time.Duration
	for _, down := range []time.Duration{0, 2 * time.Second} {
		back = append(back, p.crash(t, server, down))
		time.Sleep(500 * time.Millisecond)
	}
	settle()
	if lists.sources["memory"]+lists.sources["redis"] == 0 {
		t.Errorf("no list was answered without Postgres: %v", lists)
	}
	p.check(t, p.driver.acks)
	t.Logf("%v; first ack after the return of Postgres: %s; %v", p.driver.figures(), spread(back), lists)
}
