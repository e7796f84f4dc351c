package commands

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// Preview is what a patch would do.
type Preview struct {
	// Events would be appended.
	Events []PreviewEvent `json:"events"`
	// Moves are the slots that would change hands; SlotsMoved is their sum.
	Moves      []domain.Move `json:"moves"`
	SlotsMoved int           `json:"slots_moved"`
	// Experiment is what would be afterwards.
	Experiment jsontext.Value `json:"experiment"`
}

// PreviewEvent is an event that has not happened.
type PreviewEvent struct {
	Stream domain.Stream  `json:"stream"`
	Type   string         `json:"type"`
	Data   jsontext.Value `json:"data"`
}

// errDryRun ends a preview before it appends.
var errDryRun = errors.New("dry run")

// PreviewExperiment decides a patch and appends nothing.
func (s *Service) PreviewExperiment(ctx context.Context, ref string, patch []byte) (Preview, error) {
	var preview Preview
	_, err := s.store.Execute(ctx, eventstore.Command{Decide: func(tx *eventstore.Tx) (any, error) {
		var err error
		if preview, err = previewExperiment(tx, ref, patch); err != nil {
			return nil, err
		}
		return nil, errDryRun
	}})
	if errors.Is(err, errDryRun) {
		return preview, nil
	}
	// It may be decided still, after the caller has given up.
	return Preview{}, err
}

func previewExperiment(tx *eventstore.Tx, ref string, patch []byte) (Preview, error) {
	before, err := tx.Catalog.Experiments.Find(ref)
	if err != nil {
		return Preview{}, err
	}
	changes, err := tx.Catalog.EditExperiment(before, patch)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Events: []PreviewEvent{}}
	for _, ch := range changes {
		data, err := domain.Encode(ch.Event)
		if err != nil {
			return Preview{}, err
		}
		p.Events = append(p.Events, PreviewEvent{Stream: ch.Stream, Type: ch.Event.Type(), Data: data})
	}
	// The append is undone: the command ends in errDryRun.
	if err := tx.Append(changes...); err != nil {
		return Preview{}, err
	}
	after, err := tx.Catalog.Experiments.Find(before.ID.String())
	if err != nil {
		return Preview{}, err
	}
	p.Moves = domain.Moves(before.Split, after.Split)
	for _, m := range p.Moves {
		p.SlotsMoved += m.Slots
	}
	p.Experiment, err = domain.Encode(after)
	return p, err
}
