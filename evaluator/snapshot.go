// Package evaluator decides which variation of which experiment a unit gets.
// It is pure: no I/O, no clock. Compile a Document once; then Prepare a Unit and
// Evaluate, or use EvaluateRaw. The algorithm is written down, for every
// language, in docs/assignment.md.
package evaluator

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/targeting"
)

// userID is the unit type whose id is no attribute.
const userID = "user_id"

// Snapshot is a compiled document. It is immutable and may be shared by
// goroutines.
type Snapshot struct {
	position int64
	at       time.Time

	experiments []*Experiment // by key
	keys        keyIndex
	rules       []rule     // by group
	groups      [other]int // where in rules the first groups end
	required    []int32    // by rule: its number among those that others require, or -1
	program     *targeting.Program
	unitTypes   []string // 0 is userID
	layers      []layer
	holdouts    []holdout
	requirable  int // experiments that others require
	segments    map[string]Entity
	built       map[string]builtSegment // by key

	units sync.Pool // of *Unit, for EvaluateRaw
}

// rule is what evaluation reads of an experiment: one line of a cache. A split
// of more than four pieces, and what few experiments have, is in more.
type rule struct {
	salt     saltHalf
	more     *exceptions
	cuts     [3]uint32 // where the second and later pieces of the split begin
	arms     [4]uint8  // whose the pieces are
	traffic  uint32
	audience int32 // in the program; -1 is everyone
	layer    int32 // -1 is none
	// lane is the experiment's first range of a random layer. That of an ordered
	// layer begins at the experiment's place.
	lane     lane
	at       int32 // in experiments
	unitType int32
	group    group
}

// group tells what a rule needs, so that evaluating all goes through like rules
// together.
type group uint8

const (
	stopped group = iota // inactive
	plain                // of user_id, with nothing but traffic and a split
	laned                // plain, and in one range of a random layer
	aimed                // plain, and with an audience
	other
)

// lane is a range of slots.
type lane struct{ from, to uint32 }

func (l lane) has(slot uint32) bool { return slot-l.from < l.to-l.from }

// exceptions are what few experiments have.
type exceptions struct {
	overrides map[string]int32
	holdouts  []int32
	requires  []requirement
	lanes     []lane  // the second and later ranges of a random layer
	split     []piece // where rule has no room for it
	gb2       bool
	seed      fnv // of a gb2 hash
}

// requirement is one prerequisite: the rule (-1 where there is none) and a bit
// for each variation that meets it.
type requirement struct {
	rule       int32
	variations uint64
}

// piece is the slots of a split that end before to. A gb2 hash admits those
// below until.
type piece struct{ to, until, variation uint32 }

type layer struct {
	domain.Layer
	salt     saltHalf
	unitType int32
	order    []int32 // rules of an ordered layer's active experiments
}

type holdout struct {
	domain.Holdout
	salt     saltHalf
	share    uint32
	unitType int32
}

// Position is the ledger's, up to which the snapshot was made.
func (s *Snapshot) Position() int64 { return s.position }

// At is the time of the record at Position.
func (s *Snapshot) At() time.Time { return s.at }

// Len is the number of experiments.
func (s *Snapshot) Len() int { return len(s.experiments) }

// Experiment returns the experiment with that key.
func (s *Snapshot) Experiment(key string) (*Experiment, bool) {
	e := s.keys.find(key)
	return e, e != nil
}

// Experiments are all, inactive ones too, by key. The caller must not change
// the slice.
func (s *Snapshot) Experiments() []*Experiment { return s.experiments }

// Variation is one arm of an experiment.
type Variation struct {
	Key   string
	Value json.RawMessage // compact
}

// Experiment is an experiment of one snapshot. It is immutable.
type Experiment struct {
	rule       rule // a copy, so that evaluating one looks no further
	key        string
	snapshot   *Snapshot
	index      int
	config     *config
	variations []Variation
}

// ID is the experiment's id.
func (e *Experiment) ID() string { return e.config.ID }

// Key is what callers name the experiment by.
func (e *Experiment) Key() string { return e.key }

// Version is the experiment's own version.
func (e *Experiment) Version() int { return e.config.Version }

// Position is that of the experiment's last record.
func (e *Experiment) Position() int64 { return e.config.Position }

// Status says whether units are assigned.
func (e *Experiment) Status() domain.Status { return e.config.Status }

// Phase counts analysis periods from 1.
func (e *Experiment) Phase() int { return e.config.Phase }

// UnitType names what is randomised.
func (e *Experiment) UnitType() string { return e.config.UnitType }

// Hash is how units are hashed.
func (e *Experiment) Hash() domain.HashKind { return e.config.Hash }

// Variations has the control first. The caller must not change the slice.
func (e *Experiment) Variations() []Variation { return e.variations }

// Index is the experiment's place in Experiments and in EvaluateAll's results.
func (e *Experiment) Index() int { return e.index }
