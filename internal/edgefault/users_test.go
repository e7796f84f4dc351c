package edgefault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// users ask both programs all the time, and note every answer.
type users struct {
	stop func()

	mu      sync.Mutex
	answers []answer       // guarded by mu, as all below
	failed  map[string]int // what went wrong, and how often
	stale   int
	scene   string
	last    map[int]int64 // the newest position that each user was told of
	began   time.Time     // of the scene
}

type answer struct {
	unit, country, scene string
	body                 []byte
}

// start lets four users ask, two of them each program.
func startUsers(t testing.TB, s *stage) *users {
	t.Helper()
	u := &users{failed: map[string]int{}, last: map[int]int64{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for user, p := range []*process{s.edge, s.edge, s.control, s.control} {
		wg.Go(func() {
			for ctx.Err() == nil {
				u.ask(p, user)
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	u.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
	t.Cleanup(u.stop)
	return u
}

// ask asks once. The position of the answer must not be below that of the user's
// last.
func (u *users) ask(p *process, user int) {
	a := answer{unit: fmt.Sprintf("u%d", rand.IntN(10_000)), country: []string{"US", "DE"}[rand.IntN(2)]}
	p.up.RLock()
	defer p.up.RUnlock()
	res := p.Send(http.MethodPost, "/evaluate", fmt.Sprintf(`{"unit":%q,"attributes":{"country":%q}}`, a.unit, a.country))
	u.mu.Lock()
	defer u.mu.Unlock()
	a.body, a.scene = res.Body, u.scene
	if isStale(res) {
		u.stale++
	}
	if res.Err != nil || res.Status != http.StatusOK {
		u.failed[fmt.Sprintf("%s: %s answers %s", u.scene, p.Name, res)]++
		return
	}
	if last := u.last[user]; res.Position() < last {
		u.failed[fmt.Sprintf("%s: %s goes back from position %d to %d", u.scene, p.Name, last, res.Position())]++
	}
	u.last[user] = res.Position()
	u.answers = append(u.answers, a)
}

// forget lets the next answers be older than the last.
func (u *users) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.last)
}

// enter names what happens from now on.
func (u *users) enter(t testing.TB, scene string) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.scene != "" {
		t.Logf("%s: %v", u.scene, time.Since(u.began).Round(time.Millisecond))
	}
	u.scene, u.began = scene, time.Now()
}

// judge ends the asking and holds all answers against the ledger.
func (u *users) judge(t testing.TB, m model) {
	t.Helper()
	u.stop()
	u.enter(t, "the end")
	wrong, scenes := 0, map[string]int{}
	for _, a := range u.answers {
		scenes[a.scene]++
		if err := m.fault(a.unit, a.country, a.body); err != nil {
			if wrong++; wrong <= 3 {
				t.Errorf("%s: %v", a.scene, err)
			}
		}
	}
	for what, times := range u.failed {
		t.Errorf("%d times: %s", times, what)
	}
	t.Logf("%d answers, %d of them stale, %d wrong, %d ways to fail; by scene: %v", len(u.answers), u.stale, wrong, len(u.failed), scenes)
}
