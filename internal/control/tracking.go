package control

import (
	"context"
	"log/slog"
	"sync"

	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/fold"
)

// RecountTracking counts all that was tracked again, beside what serves, and lets
// it take that one's place. It returns how many batches that were. Servers that
// run share the work. progress is told how many of how many batches are done.
func RecountTracking(ctx context.Context, cfg Config, log *slog.Logger, progress func(done, total int64)) (batches int64, err error) {
	pool, err := ServingPool(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	folder := fold.New(pool, derive.New(pool), fold.Config{Log: log})
	working, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = folder.Run(working) }) // ends with working alone
	defer wg.Wait()
	defer stop()
	return folder.Rebuild(ctx, progress)
}
