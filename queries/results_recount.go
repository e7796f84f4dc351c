package queries

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/assaylabs/assay/domain"
	tracked "github.com/assaylabs/assay/tracking/fold"
)

const (
	// recountTime bounds one recount.
	recountTime = 30 * time.Minute
	// recountPatience is how long a reader waits for one.
	recountPatience = 1500 * time.Millisecond
	// waitingRecounts bounds those asked for, keptRecounts those remembered.
	waitingRecounts = 32
	keptRecounts    = 16
)

// ErrCounting says that an answer takes counting a phase anew, and that this goes
// on.
var ErrCounting = errors.New("the phase is being counted anew")

// recounts counts phases anew as they stood at earlier batches, one after the
// other: each reads all that was tracked. It may be used by many goroutines.
type recounts struct {
	past *tracked.Past
	asks chan *recounting

	mu sync.Mutex
	// known are recounts under way and the last done; mu guards it.
	known *lru.Cache[recountKey, *recounting]
}

type recountKey struct {
	experiment uuid.UUID
	phase      int
	position   int64
	batch      int64
}

// recounting is one of them. done is closed when counted and err are there.
type recounting struct {
	key     recountKey
	ruling  *ruling
	done    chan struct{}
	counted *counted
	err     error
}

func newRecounts(past *tracked.Past) *recounts {
	known, _ := lru.New[recountKey, *recounting](waitingRecounts + keptRecounts) // a size above 0 is no fault
	return &recounts{past: past, asks: make(chan *recounting, waitingRecounts), known: known}
}

// of is the phase counted by its plan up to a batch; domain.ErrUnavailable while
// that goes on.
func (r *recounts) of(ctx context.Context, u *ruling, batch int64) (*counted, error) {
	job, err := r.ask(u, batch)
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(recountPatience)
	defer patience.Stop()
	select {
	case <-job.done:
		return job.counted, job.err
	case <-patience.C:
	case <-ctx.Done():
	}
	return nil, fmt.Errorf("%w: %w as of %s", domain.ErrUnavailable, ErrCounting, Pair{u.position, batch})
}

// ask finds a recount, or puts it into the queue.
func (r *recounts) ask(u *ruling, batch int64) (*recounting, error) {
	key := recountKey{u.last.ID, u.phase, u.position, batch}
	r.mu.Lock()
	defer r.mu.Unlock()
	if job, ok := r.known.Get(key); ok {
		return job, nil
	}
	job := &recounting{key: key, ruling: u, done: make(chan struct{})}
	select {
	case r.asks <- job:
	default:
		return nil, fmt.Errorf("%w: too many phases are being counted anew", domain.ErrUnavailable)
	}
	r.known.Add(key, job)
	return job, nil
}

// run counts what is asked for, until ctx ends.
func (r *recounts) run(ctx context.Context) error {
	for {
		select {
		case job := <-r.asks:
			r.do(ctx, job)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *recounts) do(ctx context.Context, job *recounting) {
	ctx, cancel := context.WithTimeout(ctx, recountTime)
	defer cancel()
	cells, wide, err := r.past.Recount(ctx, job.ruling.plan, job.key.batch)
	if err != nil {
		// Who asks again has it tried again.
		job.err = unavailable(err)
		r.mu.Lock()
		r.known.Remove(job.key)
		r.mu.Unlock()
	} else {
		job.counted = &counted{
			counts: countAll(job.ruling.plan, cells).without(wide), plan: job.ruling.plan, position: job.key.position, batch: job.key.batch,
		}
	}
	close(job.done)
}

// Run does what answers wait for beside requests, until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.results.recounts.run(ctx) }
