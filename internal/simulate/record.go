package simulate

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/tracking"
)

// Line is one of the record; one member is set.
type Line struct {
	Truth    *Truth          `json:"truth,omitempty"`    // the first
	Event    json.RawMessage `json:"event,omitempty"`    // before it is sent, as it is sent
	Delivery *Delivery       `json:"delivery,omitempty"` // when a batch is settled
}

// Truth is what results should find.
type Truth struct {
	Seed        uint64       `json:"seed"`
	Begin       time.Time    `json:"begin"` // of event time
	Until       time.Time    `json:"until"`
	Experiments []Experiment `json:"experiments"`
}

// Delivery is what came of a batch. What is in none of the lists of any delivery
// is of unknown outcome: it may have been stored.
type Delivery struct {
	Attempts     int                  `json:"attempts"`
	Acknowledged []uuid.UUID          `json:"acknowledged,omitempty"`
	Unknown      []uuid.UUID          `json:"unknown,omitempty"`
	Rejected     []uuid.UUID          `json:"rejected,omitempty"`
	Problems     []tracking.Rejection `json:"problems,omitempty"`
}

// recorder writes lines. The zero value writes nothing.
type recorder struct{ to io.Writer }

func (r *recorder) write(l Line) error {
	encoded, err := json.Marshal(l)
	if err == nil {
		_, err = r.to.Write(append(encoded, '\n'))
	}
	return err
}

func (r *recorder) truth(cfg *Config, experiments []Experiment) error {
	if r.to == nil {
		return nil
	}
	return r.write(Line{Truth: &Truth{
		Seed: cfg.Seed, Begin: cfg.Until.AddDate(0, 0, -cfg.Days), Until: cfg.Until, Experiments: experiments,
	}})
}

func (r *recorder) event(p *parcel) error {
	if r.to == nil {
		return nil
	}
	_, err := fmt.Fprintf(r.to, "{\"event\":%s}\n", p.encoded)
	return err
}

func (r *recorder) delivery(batch []*parcel, outcomes []outcome, got *tracking.Receipt, attempts int) error {
	if r.to == nil {
		return nil
	}
	d := &Delivery{Attempts: attempts}
	if got != nil {
		d.Problems = got.Rejected
	}
	for i, p := range batch {
		into := &d.Unknown
		switch outcomes[i] {
		case acknowledged:
			into = &d.Acknowledged
		case rejected:
			into = &d.Rejected
		}
		*into = append(*into, p.id)
	}
	return r.write(Line{Delivery: d})
}
