// Package simulate makes the traffic of a shop whose truth is known: people who
// visit, see experiments, buy, come back or not. It drives Assay from outside,
// over HTTP, as programs with the Go SDK do, and can write down all that it did,
// so that results can be held against it. Begin with Run.
package simulate

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/assaylabs/assay/sdk"
)

// Run makes traffic until all of it has been sent, a bound of the Config is
// reached or ctx ends; then what is under way is of unknown outcome. The summary
// tells how far it came, with an error too.
func Run(ctx context.Context, cfg Config) (*Summary, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	began := time.Now()
	api := &api{url: cfg.URLs[0], token: cfg.Token, http: cfg.Client}
	experiments, position, err := api.prepare(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	client, err := sdk.New(ctx, sdk.Config{URL: cfg.URLs[0], Token: cfg.Token, DisableTracking: true, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	waiting, cancel := context.WithTimeout(ctx, cfg.Patience)
	defer cancel()
	if err := client.WaitPosition(waiting, position); err != nil {
		return nil, fmt.Errorf("wait for the experiments: %w", err)
	}
	w := newWorld(&cfg, client, experiments)
	d := newDelivery(&cfg)
	if err := d.record.truth(&cfg, experiments); err != nil {
		return nil, err
	}
	err = drive(ctx, &cfg, w, d)
	summary := w.summary(&cfg)
	d.fill(summary)
	summary.Seconds = time.Since(began).Seconds()
	return summary, err
}

// drive makes events on one goroutine and sends them on others.
func drive(ctx context.Context, cfg *Config, w *world, d *delivery) error {
	sending, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	batches := make(chan []*parcel, cfg.Workers)
	var wg sync.WaitGroup
	for range cfg.Workers {
		wg.Go(func() {
			for batch := range batches {
				if err := d.deliver(sending, batch); err != nil {
					abort(err)
				}
			}
		})
	}
	making, cancel := sending, context.CancelFunc(func() {})
	if cfg.Duration > 0 {
		making, cancel = context.WithTimeout(sending, cfg.Duration)
	}
	p := &post{cfg: cfg, rand: w.rand(streamPost), delivery: d, out: batches, flushed: time.Now()}
	if cfg.Rate > 0 {
		p.limit = rate.NewLimiter(rate.Limit(cfg.Rate), max(1, int(cfg.Rate/10)))
	}
	err := w.run(making, p)
	cancel()
	if sending.Err() == nil {
		p.finish(sending)
	}
	close(batches)
	wg.Wait()
	if cause := context.Cause(sending); cause != nil {
		return cause
	}
	return err
}

// Summary is what a run did.
type Summary struct {
	Seed  uint64 `json:"seed"`
	Units int    `json:"units"` // people who came at least once
	// Events were made, Lost of them never sent: exposures, as the truth says.
	// Events = Lost + Acknowledged + Rejected + Unknown.
	Events       int64 `json:"events"`
	Exposures    int64 `json:"exposures"` // of Events
	Lost         int64 `json:"lost"`
	Acknowledged int64 `json:"acknowledged"`
	Rejected     int64 `json:"rejected"`
	Unknown      int64 `json:"unknown"`
	// Duplicates were delivered twice on purpose, Retries are requests that had to
	// be sent again.
	Duplicates  int64        `json:"duplicates"`
	Requests    int64        `json:"requests"`
	Retries     int64        `json:"retries"`
	Seconds     float64      `json:"seconds"`
	Experiments []Experiment `json:"experiments"`
}

// Experiment is one that the traffic sees, and the truth about it.
type Experiment struct {
	Key        string      `json:"key"`
	UnitType   string      `json:"unit_type"`
	Variations []Variation `json:"variations"`
}

// Variation is one of an experiment's. Units are those whose exposures were
// sent.
type Variation struct {
	Key    string `json:"key"`
	Effect Effect `json:"effect"`
	Units  int    `json:"units"`
}

// Effect is what a variation does to those who see it: relative changes, 0.1 is
// 10 % more.
type Effect struct {
	Conversion float64 `json:"conversion,omitzero"` // of the chance that a visit ends in a purchase
	Value      float64 `json:"value,omitzero"`      // of what a purchase is worth
	Return     float64 `json:"return,omitzero"`     // of the chance that a visit after the first takes place
	Latency    float64 `json:"latency,omitzero"`    // of how long a page takes to load
	// HalfLifeHours is the time from a unit's first chance to see it in which the
	// effect halves: novelty. 0 is never.
	HalfLifeHours float64 `json:"half_life_hours,omitzero"`
	// Lost is the share of its units whose exposures never arrive.
	Lost float64 `json:"lost,omitzero"`
}

// String names the changes.
func (e Effect) String() string {
	var parts []string
	for _, c := range []struct {
		name string
		by   float64
	}{{"buys", e.Conversion}, {"value", e.Value}, {"returns", e.Return}, {"load time", e.Latency}} {
		if c.by != 0 {
			parts = append(parts, fmt.Sprintf("%s %+.4g %%", c.name, 100*c.by))
		}
	}
	if e.HalfLifeHours != 0 {
		parts = append(parts, fmt.Sprintf("halves in %.4g h", e.HalfLifeHours))
	}
	if e.Lost != 0 {
		parts = append(parts, fmt.Sprintf("loses %.4g %% of its units", 100*e.Lost))
	}
	return cmp.Or(strings.Join(parts, ", "), "no effect")
}

// newHTTPClient bounds an attempt, and has a connection for each worker.
func newHTTPClient(workers int) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = workers
	return &http.Client{Transport: transport, Timeout: attemptTimeout}
}
