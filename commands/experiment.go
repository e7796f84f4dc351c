package commands

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// CreateExperiment creates an experiment from a JSON object.
func (s *Service) CreateExperiment(ctx context.Context, call Call, body []byte) (Answer, error) {
	f, err := createExperiment(body)
	if err != nil {
		return Answer{}, err
	}
	return s.run(ctx, call, f)
}

func createExperiment(body []byte) (decide, error) {
	draft, err := domain.ParseExperimentDraft(body)
	if err != nil {
		return nil, err
	}
	if draft.ID == uuid.Nil {
		if draft.ID, err = newID(); err != nil {
			return nil, err
		}
	}
	return func(tx *eventstore.Tx) (Answer, error) {
		changes, err := tx.Catalog.CreateExperiment(draft)
		if err != nil {
			return Answer{}, err
		}
		return settle(tx, draft.ID, changes)
	}, nil
}

// PatchExperiment edits an experiment by a JSON merge patch.
func (s *Service) PatchExperiment(ctx context.Context, call Call, ref string, patch []byte) (Answer, error) {
	return s.run(ctx, call, onExperiment(call, ref, func(tx *eventstore.Tx, e *domain.Experiment) ([]domain.Change, error) {
		return tx.Catalog.EditExperiment(e, patch)
	}))
}

// SetStatus switches an experiment on or off.
func (s *Service) SetStatus(ctx context.Context, call Call, ref, status string) (Answer, error) {
	to, err := domain.ParseStatus(status)
	if err != nil {
		return Answer{}, err
	}
	return s.run(ctx, call, onExperiment(call, ref, func(tx *eventstore.Tx, e *domain.Experiment) ([]domain.Change, error) {
		return tx.Catalog.SetStatus(e, to)
	}))
}

// DeleteExperiment deletes an experiment, switching it off first.
func (s *Service) DeleteExperiment(ctx context.Context, call Call, ref string) (Answer, error) {
	return s.run(ctx, call, deleteExperiment(call, ref))
}

func deleteExperiment(call Call, ref string) decide {
	return func(tx *eventstore.Tx) (Answer, error) {
		e, err := find(tx, call, ref)
		if err != nil {
			return Answer{}, err
		}
		changes, err := tx.Catalog.DeleteExperiment(e)
		if err != nil {
			return Answer{}, err
		}
		return gone(tx, changes, e.Header)
	}
}

// RevertExperiment restores the settings that an earlier version held. Phase is
// as in a patch.
func (s *Service) RevertExperiment(ctx context.Context, call Call, ref string, version int, phase string) (Answer, error) {
	if version < 1 {
		return Answer{}, domain.Invalid("version", "must be 1 or more")
	}
	now, then, err := s.experimentAt(ctx, ref, version)
	if errors.Is(err, domain.ErrUnavailable) {
		return Answer{}, err
	}
	if err != nil {
		// Not returned at once: a retry is answered as the first call was, though
		// the experiment may be gone since.
		return s.run(ctx, call, func(*eventstore.Tx) (Answer, error) { return Answer{}, err })
	}
	return s.run(ctx, call, onExperiment(call, now.ID.String(), func(tx *eventstore.Tx, e *domain.Experiment) ([]domain.Change, error) {
		return tx.Catalog.RevertExperiment(e, then, version, phase)
	}))
}

// experiment returns an experiment as it stands.
func (s *Service) experiment(ctx context.Context, ref string) (*domain.Experiment, error) {
	done, err := s.store.Execute(ctx, eventstore.Command{Decide: func(tx *eventstore.Tx) (any, error) {
		return tx.Catalog.Experiments.Find(ref)
	}})
	if err != nil {
		return nil, err
	}
	return done.Answer.(*domain.Experiment), nil
}

// readTime bounds the reading of an experiment's past.
const readTime = 2 * time.Second

// experimentAt reads an experiment as it stands and as one of its versions held
// it: the past never changes, so reading it needs no lock.
func (s *Service) experimentAt(ctx context.Context, ref string, version int) (now, then *domain.Experiment, err error) {
	if now, err = s.experiment(ctx, ref); err != nil {
		return nil, nil, err
	}
	if version > now.Version {
		return nil, nil, domain.Invalid("version", "must be at most %d, the version that the experiment has", now.Version)
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	records, err := s.store.ReadStream(ctx, domain.StreamOf(domain.KindExperiment, now.ID), 0, version)
	if err != nil {
		return nil, nil, err
	}
	past := domain.NewCatalog(now.CreatedAt)
	for i := range records {
		past.Apply(records[i].Stamp(), records[i].Stream, records[i].Event)
	}
	then, ok := past.Experiments.ByID(now.ID)
	if !ok {
		return nil, nil, domain.ErrNotFound
	}
	return now, then, nil
}

// onExperiment is a command on one experiment that exists.
func onExperiment(call Call, ref string, f func(*eventstore.Tx, *domain.Experiment) ([]domain.Change, error)) decide {
	return func(tx *eventstore.Tx) (Answer, error) {
		e, err := find(tx, call, ref)
		if err != nil {
			return Answer{}, err
		}
		changes, err := f(tx, e)
		if err != nil {
			return Answer{}, err
		}
		return settle(tx, e.ID, changes)
	}
}

// find returns the experiment if it has the version that the caller expects.
func find(tx *eventstore.Tx, call Call, ref string) (*domain.Experiment, error) {
	e, err := tx.Catalog.Experiments.Find(ref)
	if err != nil {
		return nil, err
	}
	return e, call.expect(e.Version)
}

func settle(tx *eventstore.Tx, id uuid.UUID, changes []domain.Change) (Answer, error) {
	return appendTo(tx, changes, func() (*domain.Experiment, error) { return tx.Catalog.Experiments.Find(id.String()) })
}
