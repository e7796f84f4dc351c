package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
)

// workers is how many clients send commands at once.
const workers = 4

// play is a stage under load.
type play struct {
	*stage
	driver  *driver
	killer  *killer
	witness *witness
}

func newPlay(t *testing.T, owner string) *play {
	t.Helper()
	s := newStage(t, owner)
	d := newDriver(t, s)
	return &play{
		stage: s, driver: d, witness: &witness{stage: s},
		killer: &killer{stage: s, random: rand.New(rand.NewPCG(d.seed, 1<<32))},
	}
}

// load sends commands, kills servers and reads reports until stopped.
func (p *play) load(t *testing.T) (stop func()) {
	t.Helper()
	settle := beside(t, func(ctx context.Context) { p.driver.work(ctx, workers) })
	spare := beside(t, func(ctx context.Context) { p.killer.run(ctx, t) }, func(ctx context.Context) { p.witness.run(ctx, t) })
	return func() {
		spare()
		settle()
	}
}

// straddle holds the append lock over a midnight, while clients wait. No server
// is killed meanwhile.
func (p *play) straddle(t *testing.T) (midnight time.Time) {
	t.Helper()
	p.killer.mu.Lock()
	defer p.killer.mu.Unlock()
	conn := connect(t, p.ledger.Owner)
	defer conn.Close(context.Background())
	midnight = p.clock.beforeMidnight(t, time.Second)
	p.clock.await(midnight.Add(-400 * time.Millisecond))
	if _, err := conn.Exec(t.Context(), "begin; select from event_head for update"); err != nil {
		t.Fatal(err)
	}
	p.clock.await(midnight.Add(300 * time.Millisecond))
	return midnight
}

// over counts the commands that began before a time and were answered after it.
func over(acks []ack, at time.Time) int {
	n := 0
	for _, a := range acks {
		if a.began.Before(at) && a.ended.After(at) {
			n++
		}
	}
	return n
}

// awaitClosed waits until each server knows that yesterday is closed.
func (s *stage) awaitClosed(t *testing.T) time.Duration {
	t.Helper()
	yesterday := dateOf(s.clock.now().AddDate(0, 0, -1))
	return eventually(t, func() error {
		for _, r := range s.replicas {
			var got report
			decode(t, r.read(t, "/reports/daily/"+yesterday), &got)
			if !got.Final {
				return fmt.Errorf("%s is not closed by %s", yesterday, r.name)
			}
		}
		return nil
	})
}

// finish compares everything, and that what was final during the run still is.
func (p *play) finish(t *testing.T) {
	t.Helper()
	p.awaitClosed(t)
	m := p.check(t, p.driver.acks)
	p.witness.read(t, p.replicas[0].get("/reports/daily?from="+dateOf(time.Now().AddDate(0, 0, -1))+"&to="+dateOf(p.clock.now())+"&limit=366"))
	t.Logf("%v; %d servers killed; %d records of %d experiments over %d days; %d reports watched; 0 differences",
		p.driver.figures(), p.killer.count(), m.position, len(m.experiments), len(m.days.days), len(p.witness.final))
}

func TestExactness(t *testing.T) {
	t.Parallel()
	p := newPlay(t, pgtest.Database(t))
	stop := p.load(t)

	midnight := p.straddle(t)
	time.Sleep(300 * time.Millisecond)
	p.clock.await(p.clock.beforeMidnight(t, 300*time.Millisecond))
	p.killer.strike(t)
	p.clock.move(t, 72*time.Hour)
	time.Sleep(time.Second)
	p.clock.await(p.clock.beforeMidnight(t, 200*time.Millisecond).Add(400 * time.Millisecond))
	p.clock.move(t, -20*time.Second)
	time.Sleep(700 * time.Millisecond)
	p.clock.move(t, 20*time.Second)
	p.clock.await(p.clock.beforeMidnight(t, 200*time.Millisecond).Add(300 * time.Millisecond))
	stop()

	if n := over(p.driver.acks, midnight); n == 0 {
		t.Error("no command began before midnight and ended after it")
	}
	p.finish(t)
}

// The figures of the long form.
const (
	soakAcks          = 10_000
	soakServerKills   = 50
	soakPostgresKills = 50
	soakLimit         = 40 * time.Minute
)

func TestExactnessSoak(t *testing.T) {
	if os.Getenv("ASSAY_SOAK") != "1" {
		t.Log("the long form runs with ASSAY_SOAK=1")
		return
	}
	server := pgtest.Dedicated(t, nil)
	p := newPlay(t, server.URL(localpg.Superuser, "postgres"))
	stop := p.load(t)
	random := rand.New(rand.NewPCG(p.driver.seed, 1<<33))
	var crossed []time.Time
	var back []time.Duration
	start := time.Now()
	for n := 1; time.Since(start) < soakLimit; n++ {
		if f := p.driver.figures(); f.acks >= soakAcks && p.killer.count() >= soakServerKills && len(back) >= soakPostgresKills {
			break
		}
		switch {
		case n%10 == 0:
			crossed = append(crossed, p.straddle(t))
		case n%25 == 3:
			p.clock.move(t, 72*time.Hour)
		case n%25 == 13:
			p.clock.await(p.clock.beforeMidnight(t, 200*time.Millisecond).Add(300 * time.Millisecond))
			p.clock.move(t, -20*time.Second)
			time.Sleep(500 * time.Millisecond)
			p.clock.move(t, 20*time.Second)
		case n%25 == 20:
			p.redis.Kill()
			time.Sleep(200 * time.Millisecond)
			if err := p.redis.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
		back = append(back, p.crash(t, server, time.Duration(random.IntN(300))*time.Millisecond))
		if n%10 == 0 {
			t.Logf("after %v: %v; %d servers killed, Postgres %d times", time.Since(start).Round(time.Second),
				p.driver.figures(), p.killer.count(), len(back))
		}
	}
	stop()
	if f := p.driver.figures(); f.acks < soakAcks || p.killer.count() < soakServerKills || len(back) < soakPostgresKills {
		t.Errorf("in %v only %v; %d servers killed, Postgres %d times", soakLimit, f, p.killer.count(), len(back))
	}
	straddled := 0
	for _, at := range crossed {
		straddled += over(p.driver.acks, at)
	}
	if straddled == 0 {
		t.Error("no command began before a midnight and ended after it")
	}
	p.finish(t)
	t.Logf("%d kills of Postgres, first ack after its return: %s; %d commands over %d midnights",
		len(back), spread(back), straddled, len(crossed))
}
