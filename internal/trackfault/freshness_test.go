package trackfault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/internal/programs"
	"github.com/assaylabs/assay/internal/simulate"
)

// BenchmarkFreshness measures the time from the acknowledgement of an event to
// results that count it, over HTTP, at half of what the same servers store and
// count when they are given as much as they take.
func BenchmarkFreshness(b *testing.B) {
	s := newStage(b, 0)
	cfg := simulate.Config{URLs: s.urls(), Token: programs.RootToken, Seed: 1, Units: 50_000, Days: 10, Warmup: 4, Events: 100_000, Batch: 20}
	if testing.Short() {
		cfg.Events = 3_000
	}
	start := time.Now()
	summary, err := simulate.Run(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	s.settles(b)
	most := float64(summary.Acknowledged) / time.Since(start).Seconds()
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	cfg.Live, cfg.Rate, cfg.Events = true, most/2, 0
	wg.Go(func() { _, _ = simulate.Run(ctx, cfg) })
	time.Sleep(2 * time.Second)

	var delays []time.Duration
	for b.Loop() {
		delays = append(delays, s.freshness(b))
		time.Sleep(20 * time.Millisecond)
	}
	slices.Sort(delays)
	for _, percent := range []int{50, 99} {
		b.ReportMetric(delays[(len(delays)-1)*percent/100].Seconds(), fmt.Sprintf("p%d-s", percent))
	}
	b.ReportMetric(most, "most-events/s")
	b.ReportMetric(0, "ns/op")
}

// freshness tracks one event, and waits for results of a position that has it.
func (s *stage) freshness(b *testing.B) time.Duration {
	b.Helper()
	id := uuid.NewString()
	must(b, s.servers[0], http.MethodPost, "/track", fmt.Sprintf(`{"events":[{"id":%q,"type":"event","at":%q,"unit":"probe","name":"probe"}]}`,
		id, time.Now().UTC().Format(time.RFC3339Nano)))
	acknowledged := time.Now()
	var batch int64
	if err := s.pool.QueryRow(b.Context(), "select batch from tracked where id = $1", id).Scan(&batch); err != nil {
		b.Fatal(err)
	}
	programs.Eventually(b, func() error {
		body, err := ask(s.servers[1], http.MethodGet, "/experiments/sim-checkout/results", "")
		if err != nil {
			return err
		}
		var results struct {
			AsOf string `json:"as_of"`
		}
		if err := json.Unmarshal(body, &results); err != nil {
			return err
		}
		_, position, _ := strings.Cut(results.AsOf, ".")
		if now, err := strconv.ParseInt(position, 10, 64); err != nil || now < batch {
			return fmt.Errorf("results are of %s, want batch %d", results.AsOf, batch)
		}
		return nil
	})
	return time.Since(acknowledged)
}
