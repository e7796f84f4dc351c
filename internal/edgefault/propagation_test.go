package edgefault

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/internal/programs"
)

const (
	listeners = 1_000
	// sdks follow as SDKs do: they fetch what changed, and compile it.
	sdks = 10
)

// audience is everybody who listens to an edge.
type audience struct {
	mu   sync.Mutex
	told map[int64]int // guarded by mu: how many know a position or a later one
	all  map[int64]chan struct{}
}

// expect returns what is closed when everybody knows the position.
func (a *audience) expect(position int64) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waiting(position)
}

// waiting runs with mu held.
func (a *audience) waiting(position int64) chan struct{} {
	c, ok := a.all[position]
	if !ok {
		c = make(chan struct{})
		a.all[position] = c
	}
	return c
}

// tell notes that one more knows all positions after last up to now.
func (a *audience) tell(last, now int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := last + 1; p <= now; p++ {
		if a.told[p]++; a.told[p] == listeners+sdks {
			close(a.waiting(p))
		}
	}
}

// gather lets everybody listen, and waits until all know the stage's position.
func gather(b *testing.B, s *stage) *audience {
	b.Helper()
	a := &audience{told: map[int64]int{}, all: map[int64]chan struct{}{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	b.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: listeners}}
	start := s.position - 1
	everybody := a.expect(s.position)
	for range listeners {
		wg.Go(func() { a.listen(ctx, b, client, s.edge.Addr, start) })
	}
	for range sdks {
		wg.Go(func() { a.follow(ctx, &wg, s.edge.Addr, start) })
	}
	select {
	case <-everybody:
	case <-time.After(30 * time.Second):
		b.Fatalf("%d of %d listen", a.told[s.position], listeners+sdks)
	}
	return a
}

// listen is one stream, for ever.
func (a *audience) listen(ctx context.Context, b *testing.B, client *http.Client, addr string, last int64) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/stream", nil)
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+programs.RootToken)
	res, err := client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			b.Error(err)
		}
		return
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			now, _ := strconv.ParseInt(id, 10, 64)
			a.tell(last, now)
			last = max(last, now)
		}
	}
	if ctx.Err() == nil {
		b.Errorf("a stream ended: %s", res.Status)
	}
}

// follow is one SDK.
func (a *audience) follow(ctx context.Context, wg *sync.WaitGroup, addr string, last int64) {
	f := feed.New(feed.Config{}, feed.NewControl(feed.ControlConfig{URL: "http://" + addr, Token: programs.RootToken}))
	changed, cancel := f.Subscribe()
	defer cancel()
	wg.Go(func() { _ = f.Run(ctx) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		now := f.State().Document.Position
		a.tell(last, now)
		last = max(last, now)
	}
}

// From the acknowledgement of a command to the last of 1,000 streams and 10 SDKs
// that know of it, through Redis and, when that is gone, through the control
// plane.
func BenchmarkPropagation(b *testing.B) {
	s := newStage(b)
	a := gather(b, s)
	measure := func(b *testing.B) {
		var delays []time.Duration
		for i := 0; b.Loop(); i++ {
			s.toggle(b, i)
			acknowledged := time.Now()
			select {
			case <-a.expect(s.position):
			case <-time.After(30 * time.Second):
				b.Fatalf("%d of %d know of position %d", a.told[s.position], listeners+sdks, s.position)
			}
			delays = append(delays, time.Since(acknowledged))
			time.Sleep(50 * time.Millisecond)
		}
		slices.Sort(delays)
		for _, percent := range []int{50, 99} {
			b.ReportMetric(float64(delays[(len(delays)-1)*percent/100].Microseconds())/1_000, fmt.Sprintf("p%d-ms", percent))
		}
	}
	b.Run("redis", measure)
	s.redis.Kill()
	b.Run("control", measure)
}
