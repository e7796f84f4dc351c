package queries

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// Question asks which variation a unit gets, and why.
type Question struct {
	// Unit is the id of a user_id; attributes are JSON as Go decodes it.
	Unit       string
	Attributes map[string]any
	// Experiment is an id or key; empty is all.
	Experiment string
	// Moment is a time or a position; none is now.
	Moment Moment
}

// Explained is the answer to a Question as of one position of the ledger.
type Explained struct {
	Position int64 `json:"position"`
	// At is the time of the record at Position; absent before the first.
	At           time.Time     `json:"at,omitzero"`
	Explanations []Explanation `json:"explanations"`
}

// Explanation is an evaluator's, with the records that made it so.
type Explanation struct {
	evaluator.Explanation `json:",embed"`
	Steps                 []ExplainedStep `json:"steps"`
}

// ExplainedStep is a step with the record that last set what it looked at.
type ExplainedStep struct {
	evaluator.Step `json:",embed"`
	Record         RecordRef `json:"record"`
	// SegmentRecords are the last records of the segments, in their order.
	SegmentRecords []RecordRef `json:"segment_records,omitempty"`
}

// RecordRef names a record of the ledger.
type RecordRef struct {
	Position int64     `json:"position"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`
	Actor    string    `json:"actor"`
	Reason   string    `json:"reason"`
}

// Explain answers from the ledger alone, for now as for any moment, so that what
// it names is there. An experiment that there was not then is domain.ErrNotFound.
func (s *Service) Explain(ctx context.Context, q Question) (Explained, error) {
	past, err := q.Moment.past()
	if err != nil {
		return Explained{}, err
	}
	if q.Moment.Version != 0 {
		return Explained{}, domain.Invalid("version", "cannot be asked for here")
	}
	if q.Experiment != "" && !nameable(q.Experiment) {
		return Explained{}, domain.ErrNotFound
	}
	var position int64
	if past {
		if position, err = s.positionOf(ctx, q.Moment); err != nil {
			return Explained{}, err
		}
	}
	var answer Explained
	err = s.postgres.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if !past {
			if err := tx.QueryRow(ctx, "select position from event_head").Scan(&position); err != nil {
				return err
			}
		}
		answer, err = explain(ctx, tx, q, position)
		return err
	})
	return answer, err
}

func explain(ctx context.Context, tx pgx.Tx, q Question, position int64) (Explained, error) {
	answer := Explained{Position: position, Explanations: []Explanation{}}
	var id *uuid.UUID
	if q.Experiment != "" {
		holder, err := readHolder(ctx, tx, q.Experiment, position)
		if err != nil {
			return answer, err
		}
		id = &holder
	}
	p, err := readPast(ctx, tx, position, id, textsIn([]string{q.Unit}, q.Attributes))
	if err != nil {
		return answer, err
	}
	document, err := p.document()
	if err != nil {
		return answer, err
	}
	snapshot, faults := evaluator.Compile(document)
	var unit evaluator.Unit
	snapshot.Prepare(&unit, q.Unit, q.Attributes)
	o := &origins{past: p, snapshot: snapshot, unit: &unit}
	if err := o.readHistory(ctx); err != nil {
		return answer, err
	}
	for _, e := range snapshot.Experiments() {
		if id == nil || e.ID() == id.String() {
			answer.Explanations = append(answer.Explanations, o.explain(e))
		}
	}
	if id != nil && len(answer.Explanations) == 0 {
		return answer, unexplained(faults)
	}
	records, err := o.readRecords(ctx)
	if err != nil {
		return answer, err
	}
	answer.name(records)
	return answer, nil
}

// unexplained says why the snapshot does not have the one experiment asked for.
func unexplained(faults []evaluator.Fault) error {
	if len(faults) > 0 {
		return &domain.ConflictError{Problem: "cannot be evaluated: " + faults[0].Error()}
	}
	return domain.ErrNotFound
}

// name completes the records of which only the position is known yet.
func (a *Explained) name(records map[int64]RecordRef) {
	a.At = records[a.Position].At
	for i := range a.Explanations {
		steps := a.Explanations[i].Steps
		for j := range steps {
			steps[j].Record = records[steps[j].Record.Position]
			for k, r := range steps[j].SegmentRecords {
				steps[j].SegmentRecords[k] = records[r.Position]
			}
		}
	}
}

// textsIn adds all texts in a JSON value to those found before: what may be the id
// of a segment's member.
func textsIn(found []string, value any) []string {
	switch v := value.(type) {
	case string:
		found = append(found, v)
	case []any:
		for _, item := range v {
			found = textsIn(found, item)
		}
	case map[string]any:
		for _, item := range v {
			found = textsIn(found, item)
		}
	}
	return found
}
