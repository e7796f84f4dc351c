package commands

import (
	"cmp"
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
	// Body is what the single command's route takes, a reason of its own too.
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
	steps := make([]step, len(commands))
	for i, c := range commands {
		s, err := c.step()
		if err != nil {
			return BatchAnswer{}, &BatchError{Index: i, Err: err}
		}
		s.reason = cmp.Or(s.reason, call.Reason)
		steps[i] = s
	}
	answer, replayed, err := execute(ctx, s, call, func(tx *eventstore.Tx) (BatchAnswer, error) {
		return runBatch(tx, steps)
	})
	answer.Replayed = replayed
	return answer, err
}

// step is one command of a batch, and why.
type step struct {
	decide decide
	reason string
}

func runBatch(tx *eventstore.Tx, steps []step) (BatchAnswer, error) {
	all := BatchAnswer{Results: make([]BatchResult, len(steps))}
	for i, s := range steps {
		tx.Because(s.reason)
		a, err := s.decide(tx)
		if err != nil {
			return BatchAnswer{}, &BatchError{Index: i, Err: err}
		}
		all.Results[i] = BatchResult{ID: a.ID, Key: a.Key, Version: a.Version, Position: a.Position, Changed: a.Changed}
	}
	all.Position = tx.Catalog.Position()
	return all, nil
}

// step checks a command's form and returns what it does.
func (c BatchCommand) step() (step, error) {
	switch c.Op {
	case "create":
		return c.create()
	case "patch", "status", "delete":
	default:
		return step{}, domain.Invalid("op", "must be create, patch, status or delete")
	}
	if c.ID == "" {
		return step{}, domain.Invalid("id", "must be the experiment's id or key")
	}
	call := Call{IfMatch: c.IfMatch}
	switch c.Op {
	case "patch":
		return step{decide: onExperiment(call, c.ID, func(tx *eventstore.Tx, e *domain.Experiment) ([]domain.Change, error) {
			return tx.Catalog.EditExperiment(e, c.Body)
		})}, nil
	case "status":
		return c.status(call)
	}
	return c.remove(call)
}

func (c BatchCommand) create() (step, error) {
	if c.ID != "" {
		return step{}, domain.Invalid("id", "must be absent to create; an own id stands in body.id")
	}
	if c.IfMatch != 0 {
		return step{}, domain.Invalid("If-Match", "must be absent to create")
	}
	body, reason, err := takeReason(c.Body)
	if err != nil {
		return step{}, err
	}
	decide, err := createExperiment(body)
	return step{decide, reason}, err
}

func (c BatchCommand) status(call Call) (step, error) {
	body, reason, err := takeReason(c.Body)
	if err != nil {
		return step{}, err
	}
	var said struct {
		Status domain.Status `json:"status"`
	}
	if err := domain.Decode(body, &said); err != nil {
		return step{}, err
	}
	return step{onExperiment(call, c.ID, func(tx *eventstore.Tx, e *domain.Experiment) ([]domain.Change, error) {
		return tx.Catalog.SetStatus(e, said.Status)
	}), reason}, nil
}

// remove needs no body, but there may be one for the reason.
func (c BatchCommand) remove(call Call) (step, error) {
	s := step{decide: deleteExperiment(call, c.ID)}
	if len(c.Body) == 0 || c.Body.Kind() == 'n' {
		return s, nil
	}
	rest, reason, err := takeReason(c.Body)
	if err != nil {
		return step{}, err
	}
	s.reason = reason
	return s, domain.Decode(rest, &struct{}{})
}

// takeReason removes the reason from a body that is not a merge patch.
func takeReason(body []byte) (rest []byte, reason string, err error) {
	var members map[string]jsontext.Value
	if err := domain.Decode(body, &members); err != nil {
		return nil, "", err
	}
	value, ok := members["reason"]
	if !ok {
		return body, "", nil
	}
	if domain.Decode(value, &reason) != nil {
		return nil, "", domain.Invalid("reason", "must be a string")
	}
	delete(members, "reason")
	if rest, err = domain.Encode(members); err != nil {
		return nil, "", err
	}
	return rest, reason, domain.CheckReason(reason)
}
