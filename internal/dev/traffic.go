package dev

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assaylabs/assay/internal/simulate"
)

const (
	// liveRate is how many events a second the demo has.
	liveRate = 5
	// trafficFile says in the environment's directory when the past of the demo's
	// traffic ends, and whether all of it has been sent.
	trafficFile = "demo-traffic"
	trafficDone = " sent"
)

// Traffic sends the traffic of the demo experiments to a server: once in the life
// of a directory a fortnight that is past, then a few events a second, until ctx
// ends. One experiment wins, one makes no difference, one loses exposures.
func Traffic(ctx context.Context, dir, url, token string, log *slog.Logger) {
	cfg := simulate.Config{
		URLs: []string{url}, Token: token, Seed: 1, Units: 3_000, Days: 14, Warmup: 3,
		Experiments: []string{"demo-checkout-button", "demo-express-checkout", "demo-search-ranking"},
		Effects: map[string]map[string]simulate.Effect{
			"demo-checkout-button": {"treatment": {Conversion: 1}},
			"demo-search-ranking":  {"vector": {Lost: 0.6}},
		},
		Batch: 500, Workers: 2, Patience: 10 * time.Minute,
	}
	if err := sendPast(ctx, dir, cfg); err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "the demo has no past", "error", err)
	}
	cfg.Live, cfg.Rate, cfg.Batch, cfg.Workers = true, liveRate, 50, 1
	for ctx.Err() == nil {
		if _, err := simulate.Run(ctx, cfg); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "the demo's traffic pauses", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
			}
		}
	}
}

// sendPast sends the fortnight, unless that was done. When it was cut off, it
// sends the same events again, which count once.
func sendPast(ctx context.Context, dir string, cfg simulate.Config) error {
	path := filepath.Join(dir, trafficFile)
	text, err := os.ReadFile(path)
	if err != nil {
		text = []byte(time.Now().UTC().Format(time.RFC3339))
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	end, done := strings.CutSuffix(string(text), trafficDone)
	if done {
		return nil
	}
	if cfg.Until, err = time.Parse(time.RFC3339, end); err != nil {
		return err
	}
	if _, err := simulate.Run(ctx, cfg); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(end+trafficDone), 0o644)
}
