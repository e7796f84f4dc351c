package tracking

import "github.com/google/uuid"

// Verdict is what the ledger says of an exposure.
type Verdict struct {
	Ruling     Ruling
	Experiment uuid.UUID // nil where Ruling is Unknown
	Phase      int
	Epoch      int // how often the split had changed in that phase
}

// Ruling says whether an exposure may be counted.
type Ruling byte

// The rulings.
const (
	Unknown    Ruling = iota // no such experiment of that unit type then
	Agrees                   // the ledger gives the unit that variation
	Disagrees                // it gives another, or none
	Overridden               // it gives that variation by an override
)
