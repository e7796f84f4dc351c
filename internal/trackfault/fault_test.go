package trackfault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/internal/programs"
	"github.com/assaylabs/assay/internal/simulate"
)

// Whatever is killed, every sum follows from what was sent, to the last bit.
func TestEverySumFollowsFromTheTraffic(t *testing.T) {
	t.Parallel()
	play(t, simulate.Config{Units: 1_000, Rate: 4_000, Events: 28_000, Bots: 1}, 0, 6)
}

// The same for longer, without and with NATS.
func TestEverySumFollowsFromTheTrafficSoak(t *testing.T) {
	if os.Getenv("ASSAY_SOAK") != "1" {
		t.Log("the long form runs with ASSAY_SOAK=1")
		return
	}
	for name, nodes := range map[string]int{"postgres": 0, "nats": 3} {
		t.Run(name, func(t *testing.T) {
			// A bot that loses one event in six to the faults passes for a person.
			play(t, simulate.Config{Units: 20_000, Rate: 2_500, Events: 300_000, Bots: 3}, nodes, 120)
		})
	}
}

// play drives traffic while so many processes are killed, and judges.
func play(t *testing.T, cfg simulate.Config, nodes, kills int) {
	t.Helper()
	s := newStage(t, nodes)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	record := &bytes.Buffer{}
	cfg.URLs, cfg.Token, cfg.Seed, cfg.Record = s.urls(), programs.RootToken, seed, record
	cfg.Days, cfg.Warmup, cfg.Staff = 10, 4, 20
	cfg.Duplicates, cfg.Late, cfg.Reorder, cfg.Batch = 0.1, 0.02, 500, 50
	cfg.Patience = 2 * time.Second // some batches are given up: nobody knows what became of them
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		summary, err := simulate.Run(ctx, cfg)
		t.Logf("%+v", summary)
		done <- err
	}()
	s.opened(t)
	var wg sync.WaitGroup
	odd := &oddities{}
	wg.Go(func() {
		s.change(t)
		odd.send(t, s)
	})
	var order []int
	for range kills {
		if len(order) == 0 {
			order = r.Perm(s.victims()) // each in its turn
		}
		s.fault(t, r, order[0])
		order = order[1:]
	}
	wg.Wait()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, p := range s.all() {
		p.Ready(t)
	}
	s.drained(t)
	keys := []string{"sim-checkout", "sim-same", "sim-ranking", "sim-lossy", "sim-device"}
	s.plans(t, newPast(t, s.history(t)), lateMetric, keys[0])
	t.Logf("settled after %v", s.settles(t))
	tr := readRecord(t, record.Bytes())
	tr.events = append(tr.events, odd.events...)
	var staff []string
	for i := range cfg.Staff {
		staff = append(staff, fmt.Sprintf("staff-%d", cfg.Bots+i))
	}
	s.check(t, keys, tr, staff)
}

// opened waits until the last of the simulator's experiments is switched on.
func (s *stage) opened(t *testing.T) {
	t.Helper()
	programs.Eventually(t, func() error {
		body, err := ask(s.servers[1], http.MethodGet, "/experiments/sim-device", "")
		if err == nil && !bytes.Contains(body, []byte(`"status":"active"`)) {
			err = errors.New("it is not active")
		}
		return err
	})
}

// victims is how many there are to kill: programs, Redis, Postgres, nodes of NATS.
func (s *stage) victims() int {
	if s.nats == nil {
		return len(s.all()) + 2
	}
	return len(s.all()) + 2 + len(s.nats.Nodes)
}

// fault kills one of them, and starts it again a moment later.
func (s *stage) fault(t *testing.T, r *rand.Rand, which int) {
	t.Helper()
	time.Sleep(time.Duration(r.IntN(600)) * time.Millisecond)
	pause := time.Duration(r.IntN(400)) * time.Millisecond
	all := s.all()
	switch n := which - len(all); {
	case n < 0:
		all[which].Kill()
		time.Sleep(pause)
		all[which].Begin(t)
	case n == 0:
		s.redis.Kill()
		time.Sleep(pause)
		if err := s.redis.Restart(t.Context()); err != nil {
			t.Error(err)
		}
	case n == 1:
		s.postgres.Kill()
		time.Sleep(pause)
		if err := s.postgres.Restart(t.Context()); err != nil {
			t.Error(err)
		}
	default:
		s.nats.Nodes[n-2].Kill()
		time.Sleep(pause)
		s.nats.Nodes[n-2].Start(t)
	}
}

const (
	lateMetric = "sim-late"
	lateMember = "u-77"
)

// change is what administrators do meanwhile.
func (s *stage) change(t *testing.T) {
	patch := func(path, body string) {
		time.Sleep(300 * time.Millisecond)
		s.command(t, http.MethodPatch, path, body)
	}
	s.command(t, http.MethodPost, "/metric-definitions", `{"key":"`+lateMetric+`","name":"Carts","kind":"count","event":"add_to_cart","cuped":true,"cap":2}`)
	patch("/segments/sim-staff/members", `{"add":["`+lateMember+`"]}`)
	patch("/experiments/sim-checkout", `{"metrics":[{"metric":"`+lateMetric+`","role":"primary"},{"metric":"sim-revenue","role":"secondary"},{"metric":"sim-load-time","role":"guardrail"}]}`)
	patch("/experiments/sim-lossy", `{"phase":"same","variations":[{"key":"control","weight":1},{"key":"treatment","weight":3}]}`)
	patch("/experiments/sim-same", `{"phase":"same","overrides":{"override-1":"treatment"}}`)
	patch("/experiments/sim-ranking", `{"phase":"new","variations":[{"key":"control","weight":1},{"key":"vector","weight":1},{"key":"hybrid","weight":2}]}`)
}

// oddities are what no honest program sends, or what is seldom.
type oddities struct{ events []*event }

func (o *oddities) send(t *testing.T, s *stage) {
	p := newPast(t, s.history(t))
	end := int64(len(p.records))
	for i := range 20 {
		o.expose(t, s, "sim-same", fmt.Sprintf("u-%d", i*7), []string{"control", "treatment", "none"}[i%3], end-int64(i%3))
	}
	o.expose(t, s, "sim-same", "override-1", "treatment", end)
	o.expose(t, s, "sim-unknown", "u-1", "treatment", end)
	// Whoever was moved by a change of weights, and saw both.
	all := p.stood[p.streams["sim-lossy"]]
	now := all[len(all)-1]
	for i := range 20 {
		unit := fmt.Sprintf("moved-%d", i)
		before := all[len(all)-2]
		o.expose(t, s, "sim-lossy", unit, before.assign(unit), before.from)
		o.expose(t, s, "sim-lossy", unit, now.assign(unit), now.from)
	}
}

// expose sends an exposure, of an hour ago.
func (o *oddities) expose(t *testing.T, s *stage, experiment, unit, variation string, position int64) {
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	e := &event{ID: uuid.NewString(), Type: "exposure", At: at, Unit: unit, Experiment: experiment, Variation: variation, Position: position}
	s.command(t, http.MethodPost, "/track", fmt.Sprintf(
		`{"events":[{"id":%q,"type":"exposure","at":%q,"unit":%q,"experiment":%q,"variation":%q,"position":%d}]}`,
		e.ID, at.Format(time.RFC3339Nano), unit, experiment, variation, position))
	o.events = append(o.events, e)
}
