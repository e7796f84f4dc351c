// Package derive says of exposures what the ledger says of them: which
// experiment their key named, and whether it gave the unit that variation. The
// same ledger gives the same verdict for ever. Begin with New.
package derive

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/tracking"
)

// userID is the unit type that an evaluation is given apart from attributes.
const userID = "user_id"

// Exposure is what a client says that a unit was shown.
type Exposure struct {
	Experiment, Variation string // keys
	UnitType, Unit        string
	At                    time.Time
	// Position is the ledger's that the variation was given at. Below 0 it is not
	// known: it is that of At, and at most -Position, which was the ledger's when
	// the exposure was stored. 0, or one past the ledger's end, is that of At.
	Position int64
	// Attributes are what the unit was evaluated with; nil or null is unknown.
	Attributes json.RawMessage
}

// Deriver knows the ledger's past as far as evaluation depends on it, and reads
// on when it is asked for more. It keeps about 30 bytes for a record, and 1 KB
// for a change of settings that evaluation sees. It may be used by many
// goroutines, which take turns.
type Deriver struct {
	pool *pgxpool.Pool

	mu      sync.Mutex
	past    *past              // guarded by mu, as all below
	moments map[string]*moment // by what they depend on
	asOf    int64              // where the present evaluation looks into segments
	need    need
}

// New returns the deriver of the ledger that the pool reaches. It reads nothing
// before it is asked.
func New(pool *pgxpool.Pool) *Deriver {
	return &Deriver{pool: pool, past: newPast(), moments: map[string]*moment{}}
}

// Derive judges the exposures, in their order. It fails where the ledger cannot
// be read.
func (d *Deriver) Derive(ctx context.Context, exposures []Exposure) ([]tracking.Verdict, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isBehind(exposures) {
		if err := d.readOn(ctx); err != nil {
			return nil, err
		}
	}
	verdicts := make([]tracking.Verdict, len(exposures))
	for i := range exposures {
		var err error
		if verdicts[i], err = d.judge(&exposures[i]); err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// isBehind says whether some exposure may depend on records not read yet.
func (d *Deriver) isBehind(exposures []Exposure) bool {
	end, last := d.past.end(), d.past.last()
	for i := range exposures {
		x := &exposures[i]
		if max(x.Position, -x.Position) > end || x.Position == 0 && x.At.UnixMicro() >= last {
			return true
		}
	}
	return false
}

func (d *Deriver) judge(x *Exposure) (tracking.Verdict, error) {
	position := d.past.positionOf(x)
	stood := d.past.experiment(x.Experiment, position)
	unitType := cmp.Or(x.UnitType, userID)
	if stood.settings == nil || stood.UnitType != unitType {
		return tracking.Verdict{Ruling: tracking.Unknown}, nil
	}
	verdict := tracking.Verdict{
		Ruling: tracking.Disagrees, Experiment: stood.ID, Phase: stood.Phase, Epoch: stood.epoch,
	}
	if !stood.active {
		return verdict, nil
	}
	m, err := d.momentOf(stood.settings, position, known(x.Attributes))
	if err != nil || m.experiment == nil {
		return verdict, err
	}
	d.asOf = position
	variation, reason := m.evaluate(unitType, x)
	switch {
	case variation != x.Variation:
	case reason == evaluator.Split:
		verdict.Ruling = tracking.Agrees
	case reason == evaluator.Override:
		verdict.Ruling = tracking.Overridden
	}
	return verdict, nil
}

func known(attributes json.RawMessage) bool {
	return len(attributes) > 0 && string(attributes) != "null"
}
