package projections

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

const (
	// schedulerTick is how often schedules are looked at when none is due before.
	schedulerTick = time.Second
	// schedulerRetry is the pause when the ledger did not agree that all was due:
	// another replica was faster, or its time a little behind.
	schedulerRetry = 100 * time.Millisecond
	// schedulerBatch bounds the changes of status in one transaction.
	schedulerBatch = 1_000
)

// Scheduler switches experiments on and off when their schedules say so, by the
// ledger's clock, as soon as it can when it is late. Every replica runs one: what
// is due is decided under the append lock, so it is carried out exactly once; see
// domain.Catalog.CarryOut.
type Scheduler struct {
	store    *eventstore.Store
	follower *Follower
	log      *slog.Logger
	// failing is for Run alone.
	failing bool
}

// NewScheduler returns a scheduler of the experiments that a follower knows. log
// may be nil.
func NewScheduler(store *eventstore.Store, follower *Follower, log *slog.Logger) *Scheduler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Scheduler{store: store, follower: follower, log: log}
}

// Run carries schedules out until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		pause, err := s.tick(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && !s.failing:
			s.log.WarnContext(ctx, "schedules cannot be carried out now", "error", err)
		case err == nil && s.failing:
			s.log.InfoContext(ctx, "schedules can be carried out again")
		}
		s.failing = err != nil
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return ctx.Err()
}

// tick carries out what is due and returns the pause until something may be. A
// clock that steps is noticed at the next tick.
func (s *Scheduler) tick(ctx context.Context) (time.Duration, error) {
	var pending []*domain.Experiment
	for _, d := range s.follower.View().Docs {
		if d.Experiment.Pending != nil {
			pending = append(pending, d.Experiment)
		}
	}
	pause := spread(schedulerTick)
	if len(pending) == 0 {
		return pause, nil
	}
	reading, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	head, err := s.store.Head(reading)
	if err != nil {
		return pause, err
	}
	now := head.Time()
	var due []uuid.UUID
	for _, e := range pending {
		if _, _, ok := e.Due(now); ok {
			due = append(due, e.ID)
		}
		if next := e.NextDue(now); !next.IsZero() {
			pause = min(pause, max(next.Sub(now), time.Millisecond))
		}
	}
	for len(due) > 0 {
		n := min(len(due), schedulerBatch)
		done, err := s.carryOut(ctx, due[:n])
		if err != nil {
			return spread(schedulerTick), err
		}
		if done < n {
			pause = min(pause, schedulerRetry)
		}
		due = due[n:]
	}
	return pause, nil
}

// carryOut does for each of the experiments what its schedule wants by the time
// that this process has the append lock, and counts the records.
func (s *Scheduler) carryOut(ctx context.Context, ids []uuid.UUID) (int, error) {
	done, err := s.store.Execute(ctx, eventstore.Command{
		Meta: eventstore.Meta{Actor: domain.Scheduler},
		Decide: func(tx *eventstore.Tx) (any, error) {
			for _, id := range ids {
				e, ok := tx.Catalog.Experiments.ByID(id)
				if !ok {
					continue // the ledger was rewritten
				}
				changes, reason, err := tx.Catalog.CarryOut(e, tx.Now)
				if err != nil {
					return nil, err
				}
				tx.Because(reason)
				if err := tx.Append(changes...); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
	})
	for i := range done.Records {
		r := &done.Records[i]
		s.log.InfoContext(ctx, "schedule carried out", "stream", r.Stream, "reason", r.Reason, "position", r.Position)
	}
	return len(done.Records), err
}
