// Package commands changes the ledger: one method per wish of an
// administrator. Each reads and decides under the ledger's append lock, so it
// sees every command before it and none after. Begin with New.
package commands

import (
	"context"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// Service runs commands. It may be used by many goroutines.
type Service struct {
	store *eventstore.Store
}

// New returns the commands on a ledger.
func New(store *eventstore.Store) *Service { return &Service{store: store} }

// Call says who calls, why, and what they expect.
type Call struct {
	eventstore.Meta
	// IfMatch is the version that the entity must have; 0 means any.
	IfMatch int
}

// Answer is what a command did to one entity.
type Answer struct {
	ID      uuid.UUID `json:"id"`
	Key     string    `json:"key"`
	Version int       `json:"version"`
	// Position is the ledger's after the command.
	Position int64 `json:"position"`
	// Changed is false where the entity already was as wished.
	Changed bool `json:"changed"`
	// Document is the entity afterwards; empty for a deletion.
	Document jsontext.Value `json:"document,omitempty"`
	// Replayed answers come from an earlier call with the same idempotency key.
	Replayed bool `json:"-"`

	entity entity
}

// decide is a command's part that differs.
type decide func(tx *eventstore.Tx) (Answer, error)

func (s *Service) run(ctx context.Context, call Call, f decide) (Answer, error) {
	answer, replayed, err := execute(ctx, s, call, func(tx *eventstore.Tx) (*Answer, error) {
		a, err := f(tx)
		if err != nil {
			return nil, err
		}
		if call.IdempotencyKey != "" {
			return &a, a.fill() // the answer is kept with the key
		}
		tx.Meanwhile(func() { _ = a.fill() }) // below it fails again
		return &a, nil
	})
	if err != nil {
		return Answer{}, err
	}
	answer.Replayed = replayed
	return *answer, answer.fill()
}

// execute runs a command and returns its answer, or the one that its
// idempotency key has kept.
func execute[A any](ctx context.Context, s *Service, call Call, f func(*eventstore.Tx) (A, error)) (answer A, replayed bool, err error) {
	if err := domain.CheckReason(call.Reason); err != nil {
		return answer, false, err
	}
	done, err := s.store.Execute(ctx, eventstore.Command{Meta: call.Meta, Decide: func(tx *eventstore.Tx) (any, error) {
		return f(tx)
	}})
	if err != nil {
		return answer, false, err
	}
	if done.Replayed {
		return answer, true, json.Unmarshal(done.Kept, &answer)
	}
	return done.Answer.(A), false, nil
}

// fill encodes the document. It is not done under the append lock unless it
// must: entities never change, so later is the same.
func (a *Answer) fill() (err error) {
	if a.entity != nil && a.Document == nil {
		a.Document, err = document(a.entity)
	}
	return err
}

// expect checks the version that the caller expects.
func (c Call) expect(version int) error {
	if c.IfMatch != 0 && c.IfMatch != version {
		return &domain.VersionError{Want: c.IfMatch, Have: version}
	}
	return nil
}

// appendTo appends changes and says what became of the entity.
func appendTo[E entity](tx *eventstore.Tx, changes []domain.Change, find func() (E, error)) (Answer, error) {
	if err := tx.Append(changes...); err != nil {
		return Answer{}, err
	}
	e, err := find()
	if err != nil {
		return Answer{}, err
	}
	h := e.Head()
	return Answer{
		ID: h.ID, Key: h.Key, Version: h.Version, Position: tx.Catalog.Position(),
		Changed: len(changes) > 0, entity: e,
	}, nil
}

// entity is any of the domain's entities.
type entity interface {
	Kind() domain.Kind
	Head() domain.Header
}

// document is the entity as its readers see it.
func document(e entity) (jsontext.Value, error) {
	if key, ok := e.(*domain.Key); ok {
		public := *key
		public.SecretHash = ""
		e = &public
	}
	return domain.Encode(e)
}

// gone says that the entity was deleted.
func gone(tx *eventstore.Tx, changes []domain.Change, h domain.Header) (Answer, error) {
	err := tx.Append(changes...)
	return Answer{
		ID: h.ID, Key: h.Key, Version: tx.Catalog.Version(changes[0].Stream),
		Position: tx.Catalog.Position(), Changed: true,
	}, err
}

// newID makes the id of a new entity: a UUIDv7, so that ids sort by age.
func newID() (uuid.UUID, error) { return uuid.NewV7() }
