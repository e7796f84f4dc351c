package commands

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// MaxBatch is how many commands a batch may hold.
const MaxBatch = 1_000

// BatchCommand is one of many commands that succeed or fail together.
type BatchCommand struct {
	// Op is create, patch, status or delete.
	Op string `json:"op"`
	// ID is the experiment's id or key; absent to create one.
	ID string `json:"id,omitzero"`
	// Body is what the single command's route takes.
	Body    jsontext.Value `json:"body,omitempty"`
	IfMatch int            `json:"if_match,omitzero"`
}

// BatchResult is what one command of a batch did.
type BatchResult struct {
	ID       uuid.UUID `json:"id"`
	Key      string    `json:"key"`
	Version  int       `json:"version"`
	Position int64     `json:"position"`
	Changed  bool      `json:"changed"`
}

// BatchAnswer is what a batch did, in the order of its commands.
type BatchAnswer struct {
	Results  []BatchResult `json:"results"`
	Position int64         `json:"position"`
	Replayed bool          `json:"-"`
}

// BatchError says which command made a batch fail.
type BatchError struct {
	Index int
	Err   error
}

func (e *BatchError) Error() string { return fmt.Sprintf("commands[%d]: %v", e.Index, e.Err) }
func (e *BatchError) Unwrap() error { return e.Err }

// Batch runs up to MaxBatch commands in one transaction: all or none.
func (s *Service) Batch(ctx context.Context, call Call, commands []BatchCommand) (BatchAnswer, error) {
	if len(commands) == 0 || len(commands) > MaxBatch {
		return BatchAnswer{}, domain.Invalid("commands", "must be 1 to %d", MaxBatch)
	}
	steps := make([]decide, len(commands))
	for i, c := range commands {
		step, err := c.step()
		if err != nil {
			return BatchAnswer{}, &BatchError{Index: i, Err: err}
		}
		steps[i] = step
	}
	answer, replayed, err := execute(ctx, s, call, func(tx *eventstore.Tx) (BatchAnswer, error) {
		return runBatch(tx, steps)
	})
	answer.Replayed = replayed
	return answer, err
}

func runBatch(tx *eventstore.Tx, steps []decide) (BatchAnswer, error) {
	all := BatchAnswer{Results: make([]BatchResult, len(steps))}
	for i, step := range steps {
		a, err := step(tx)
		if err != nil {
			return BatchAnswer{}, &BatchError{Index: i, Err: err}
		}
		all.Results[i] = BatchResult{ID: a.ID, Key: a.Key, Version: a.Version, Position: a.Position, Changed: a.Changed}
	}
	all.Position = tx.Catalog.Position()
	return all, nil
}

// step checks a command's form and returns what it does.
func (c BatchCommand) step() (decide, error) {
	if c.Op == "create" {
		if c.ID != "" {
			return nil, domain.Invalid("id", "must be absent to create; an own id stands in body.id")
		}
		return createExperiment(c.Body)
	}
	if c.ID == "" {
		return nil, domain.Invalid("id", "must be the experiment's id or key")
	}
	call := Call{IfMatch: c.IfMatch}
	switch c.Op {
	case "patch":
		return onExperiment(call, c.ID, func(tx *eventstore.Tx, e *domain.Experiment) ([]domain.Change, error) {
			return tx.Catalog.EditExperiment(e, c.Body)
		}), nil
	case "status":
		var body struct {
			Status domain.Status `json:"status"`
		}
		if err := domain.Decode(c.Body, &body); err != nil {
			return nil, err
		}
		return onExperiment(call, c.ID, func(tx *eventstore.Tx, e *domain.Experiment) ([]domain.Change, error) {
			return tx.Catalog.SetStatus(e, body.Status)
		}), nil
	case "delete":
		return deleteExperiment(call, c.ID), nil
	}
	return nil, domain.Invalid("op", "must be create, patch, status or delete")
}
