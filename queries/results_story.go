package queries

import (
	"slices"
	"strings"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// story is what the records of an experiment tell of one of its phases.
type story struct {
	// last is the experiment as the phase left it, or as it stands.
	last *domain.Experiment
	// fixed names the record that first made the phase active, rule is the
	// experiment as it was then. Before that fixed is nil, and rule is last.
	fixed *FixedAt
	rule  *domain.Experiment
	began time.Time
	// epochs are the splits that the phase had, in order.
	epochs [][]domain.SplitRange
}

// FixedAt is the record with which a phase began to be judged: its decision rule
// is that of the experiment as it was then.
type FixedAt struct {
	Position int64     `json:"position"`
	Version  int       `json:"version"`
	At       time.Time `json:"at"`
}

// tell reads the story of a phase from an experiment's records, which begin with
// its creation; phase 0 is the newest. It is domain.ErrNotFound where there is no
// such phase, or the experiment was deleted.
func tell(records []eventstore.Record, phase int) (*story, error) {
	f, err := newFold(records)
	if err != nil {
		return nil, err
	}
	told := map[int]*story{}
	var e *domain.Experiment
	for i := range records {
		f.apply(&records[i])
		if e = f.experiment(); e == nil || e.Deleted {
			return nil, domain.ErrNotFound
		}
		s := told[e.Phase]
		if s == nil {
			s = &story{began: e.UpdatedAt}
			told[e.Phase] = s
		}
		s.goOn(e)
	}
	if phase == 0 {
		phase = e.Phase
	}
	s, ok := told[phase]
	if !ok {
		return nil, domain.ErrNotFound
	}
	if s.fixed == nil {
		s.rule = s.last
	}
	return s, nil
}

// goOn adds the experiment as it was after one more record.
func (s *story) goOn(e *domain.Experiment) {
	s.last = e
	if s.fixed == nil && e.Status == domain.Active {
		s.fixed = &FixedAt{Position: e.Position, Version: e.Version, At: e.UpdatedAt}
		s.rule = e
	}
	if n := len(s.epochs); n == 0 || !slices.Equal(s.epochs[n-1], e.Split) {
		s.epochs = append(s.epochs, e.Split)
	}
}

// weights are the slots that each of the variations had in an epoch.
func (s *story) weights(epoch int, variations []string) []float64 {
	weights := make([]float64, len(variations))
	if epoch >= len(s.epochs) {
		return weights
	}
	for _, part := range s.epochs[epoch] {
		if i := slices.Index(variations, part.Variation); i >= 0 {
			weights[i] += float64(part.To - part.From)
		}
	}
	return weights
}

// changed lists, as JSON pointers, what of the analysis and of the metrics is no
// longer as it was fixed.
func (s *story) changed() ([]string, error) {
	then, err := domain.Encode(s.rule)
	if err != nil {
		return nil, err
	}
	now, err := domain.Encode(s.last)
	if err != nil {
		return nil, err
	}
	changes, err := diff(then, now)
	if err != nil {
		return nil, err
	}
	paths := []string{}
	for _, c := range changes {
		if strings.HasPrefix(c.Path, "/analysis/") || c.Path == "/metrics" || strings.HasPrefix(c.Path, "/metrics/") {
			paths = append(paths, c.Path)
		}
	}
	return paths, nil
}
