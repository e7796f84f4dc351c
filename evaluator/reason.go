package evaluator

// Reason says which step of the algorithm decided.
type Reason uint8

// The reasons, in the order of the steps.
const (
	Inactive Reason = iota
	NoUnit
	Override
	Holdout
	Audience
	Prerequisite
	Layer
	Traffic
	Split
)

var reasonNames = [...]string{
	"INACTIVE", "NO_UNIT", "OVERRIDE", "HOLDOUT", "AUDIENCE", "PREREQUISITE", "LAYER", "TRAFFIC", "SPLIT",
}

// String returns the reason as answers spell it, such as NO_UNIT.
func (r Reason) String() string { return reasonNames[r] }

// MarshalText makes JSON spell the reason as String does.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Exposure reports whether the unit takes part: whether to count it.
func (r Reason) Exposure() bool { return r == Split }

// gives reports whether the experiment gave the unit a variation, rather than
// the control's value for want of one.
func (r Reason) gives() bool { return r == Split || r == Override }

// Result is what one experiment answers for one unit.
type Result struct {
	Experiment *Experiment
	// Variation is an index into the experiment's variations; 0 is the control.
	Variation int32
	Reason    Reason
}
