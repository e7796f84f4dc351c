package domain

import (
	"strings"

	"github.com/google/uuid"
)

// Kind is a kind of stream; with an id it names one.
type Kind string

// The kinds of streams. All but days hold one entity each.
const (
	KindExperiment Kind = "experiment"
	KindLayer      Kind = "layer"
	KindSegment    Kind = "segment"
	KindHoldout    Kind = "holdout"
	KindMetric     Kind = "metric"
	KindKey        Kind = "key"
)

// Stream names a sequence of events with a version of its own, such as
// "experiment/0193…".
type Stream string

// DaysStream is the one stream of day closings.
const DaysStream Stream = "days"

// StreamOf returns the stream of one entity.
func StreamOf(kind Kind, id uuid.UUID) Stream { return Stream(string(kind) + "/" + id.String()) }

// Entity returns the kind and id that the stream belongs to; ok is false for
// streams without one.
func (s Stream) Entity() (kind Kind, id uuid.UUID, ok bool) {
	k, rest, found := strings.Cut(string(s), "/")
	if !found {
		return "", uuid.Nil, false
	}
	id, err := uuid.Parse(rest)
	return Kind(k), id, err == nil
}

// Event is an immutable fact. Its JSON form is what the ledger keeps for ever.
type Event interface {
	// Type is the fact's name, noun.verb_past.
	Type() string
}

// Change is an event that a decision wants appended to a stream.
type Change struct {
	Stream Stream
	Event  Event
}

// Created says that an entity came to be, as it was then.
type Created[T Entity] struct {
	After T `json:",embed"`
}

// Changed says that an entity's settings changed, and holds all of it after the
// change. RevertedTo is the version that a revert restored, else 0.
type Changed[T Entity] struct {
	After      T   `json:",embed"`
	RevertedTo int `json:"reverted_to,omitzero"`
}

// Deleted says that an entity left lists, counts and evaluation.
type Deleted[T Entity] struct{}

// StatusChanged says that an experiment was switched on or off.
type StatusChanged struct {
	Old Status `json:"old_status"`
	New Status `json:"new_status"`
}

// MembersChanged says which ids entered and left a segment: only those that
// were not, or were, in it before.
type MembersChanged struct {
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// DayClosed says that a UTC day is final, and holds its report.
type DayClosed struct {
	Report DailyReport `json:",embed"`
}

func (Created[T]) Type() string     { return kindOf[T]() + ".created" }
func (Changed[T]) Type() string     { return kindOf[T]() + ".changed" }
func (Deleted[T]) Type() string     { return kindOf[T]() + ".deleted" }
func (StatusChanged) Type() string  { return "experiment.status_changed" }
func (MembersChanged) Type() string { return "segment.members_changed" }
func (DayClosed) Type() string      { return "day.closed" }

func kindOf[T Entity]() string {
	var zero T
	return string(zero.Kind())
}
