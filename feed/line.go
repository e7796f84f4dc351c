package feed

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// After tripAfter failures in a row a source is not asked for breakerPause.
	tripAfter    = 3
	breakerPause = 2 * time.Second
	// The pause before listening again is random, up to backoffFirst, which doubles
	// up to backoffMost; after having heard for backoffReset it begins anew.
	backoffFirst = 2 * time.Second
	backoffMost  = 30 * time.Second
	backoffReset = time.Minute
)

// line is a source and what is known of it.
type line struct {
	source  Source
	breaker *gobreaker.CircuitBreaker[*Update]
	log     *slog.Logger

	mu     sync.Mutex
	status Status // guarded by mu
}

func newLine(s Source, log *slog.Logger) *line {
	return &line{
		source: s, log: log.With("source", s.Name()),
		status: Status{Name: s.Name(), Err: "not asked yet"},
		breaker: gobreaker.NewCircuitBreaker[*Update](gobreaker.Settings{
			Name: s.Name(), Timeout: breakerPause,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
			IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, ErrBehind) },
			IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		}),
	}
}

// fetch asks, if it is not known to be in vain.
func (l *line) fetch(ctx context.Context, have *State, timeout time.Duration) (*Update, error) {
	return l.breaker.Execute(func() (*Update, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return l.source.Fetch(ctx, have)
	})
}

// note keeps how asking ended, and tells of what has changed by it.
func (l *line) note(ctx context.Context, err error) {
	if ctx.Err() != nil || errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.status
	l.status.Up = err == nil || errors.Is(err, ErrBehind)
	l.status.Err = ""
	if err != nil {
		l.status.Err = err.Error()
	}
	switch {
	case l.status.Up && !was.Up && was.Failures > 0:
		l.log.InfoContext(ctx, "source is back")
	case !l.status.Up && (was.Up || was.Failures == 0):
		level := slog.LevelWarn
		if errors.Is(err, ErrNothing) {
			level = slog.LevelInfo // as at every first start
		}
		l.log.Log(ctx, level, "source is of no use", "error", err)
	}
	if !l.status.Up {
		l.status.Failures++
	}
}

// Status is what is known of the source.
func (l *line) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// watch listens until ctx ends, again and again.
func (l *line) watch(ctx context.Context, hint func(int64)) {
	for limit := backoffFirst; ctx.Err() == nil; limit = min(2*limit, backoffMost) {
		start := time.Now()
		err := l.source.Watch(ctx, hint)
		if time.Since(start) >= backoffReset {
			limit = backoffFirst
		}
		pause := rand.N(limit)
		var busy *BusyError
		if errors.As(err, &busy) {
			pause += busy.After
		}
		l.log.DebugContext(ctx, "listening ended", "error", err, "again_in", pause)
		wait(ctx, pause)
	}
}
