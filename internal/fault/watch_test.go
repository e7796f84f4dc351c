package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// killer kills servers with kill -9, now one, now both, and starts them again.
type killer struct {
	stage *stage

	mu     sync.Mutex // held while a server is down
	random *rand.Rand // guarded by mu, as kills
	kills  int
}

// run kills until ctx ends. It leaves all servers ready.
func (k *killer) run(ctx context.Context, t *testing.T) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(k.pause()):
		}
		k.strike(t)
	}
}

// pause is the time to the next strike.
func (k *killer) pause() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Duration(100+k.random.IntN(500)) * time.Millisecond
}

// strike kills one server or both.
func (k *killer) strike(t *testing.T) {
	k.mu.Lock()
	defer k.mu.Unlock()
	victims := k.stage.replicas[:1+k.random.IntN(2)]
	if k.random.IntN(3) > 0 {
		i := k.random.IntN(2)
		victims = k.stage.replicas[i : i+1]
	}
	for _, r := range victims {
		r.kill()
		k.kills++
	}
	time.Sleep(time.Duration(k.random.IntN(150)) * time.Millisecond)
	for _, r := range victims {
		if err := r.launch(); err != nil {
			t.Error(err)
		}
	}
	for _, r := range victims {
		if err := r.awaitReady(); err != nil {
			t.Error(err)
		}
	}
}

// count is how often a server was killed.
func (k *killer) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kills
}

// witness reads reports all the while, and sees that none changes once it is
// final.
type witness struct {
	stage *stage
	final map[string]string
}

func (w *witness) run(ctx context.Context, t *testing.T) {
	w.final = map[string]string{}
	from := time.Now().UTC().AddDate(0, 0, -1)
	for i := 0; ctx.Err() == nil; i++ {
		path := fmt.Sprintf("/reports/daily?from=%s&to=%s&limit=366", dateOf(from), dateOf(from.AddDate(0, 0, 365)))
		if res := w.stage.replicas[i%2].get(path); !res.unknown() {
			w.read(t, res)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *witness) read(t *testing.T, res response) {
	var page struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(res.body, &page); err != nil || res.status != http.StatusOK {
		t.Errorf("reports: %v: %s", err, res)
	}
	for _, item := range page.Items {
		var r report
		if err := json.Unmarshal(item, &r); err != nil {
			t.Errorf("%v in %s", err, item)
		}
		before, known := w.final[r.Date]
		if known && before != string(item) {
			t.Errorf("the report of %s became %s, was %s", r.Date, item, before)
		}
		if r.Final {
			w.final[r.Date] = string(item)
		}
	}
}

// lister lists experiments all the while, as staff do, and sees that each list
// is answered.
type lister struct {
	stage *stage

	mu      sync.Mutex
	sources map[string]int // guarded by mu
	slowest time.Duration  // guarded by mu
}

func (l *lister) run(ctx context.Context, t *testing.T) {
	l.sources = map[string]int{}
	for i := 0; ctx.Err() == nil; i++ {
		r := l.stage.replicas[i%len(l.stage.replicas)]
		res := r.get("/experiments?limit=1000")
		var page struct {
			Source string `json:"source"`
		}
		if err := json.Unmarshal(res.body, &page); err != nil || res.status != http.StatusOK {
			t.Errorf("list by %s: %s", r.name, res)
		}
		l.mu.Lock()
		l.sources[page.Source]++
		l.slowest = max(l.slowest, res.took)
		l.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
}

func (l *lister) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("lists by source %v, slowest %v", l.sources, l.slowest.Round(time.Millisecond))
}

// beside runs all of these until the returned function has stopped them.
func beside(t *testing.T, runs ...func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, run := range runs {
		wg.Go(func() { run(ctx) })
	}
	stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(stop)
	return stop
}
