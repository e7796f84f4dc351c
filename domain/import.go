package domain

import (
	"time"

	"github.com/google/uuid"
)

// imported are the members of an exported experiment that its settings do not
// hold. The ledger's stamps are read and forgotten: the import has its own.
type imported struct {
	status     Status
	phase      int
	everActive bool
	split      []SplitRange
	pending    *Schedule
}

func (i *imported) take(doc []byte) (rest []byte, err error) {
	var (
		version, position int64
		created, updated  time.Time
	)
	return takeMembers(doc, map[string]any{
		"status": &i.status, "phase": &i.phase, "ever_active": &i.everActive, "split": &i.split,
		"pending": &i.pending,
		"version": &version, "position": &position, "created_at": &created, "updated_at": &updated,
	})
}

// ImportExperiment decides to create an experiment from an exported document:
// with the split and the phase that it had, so that no unit changes its
// variation, and switched on if it was. Documents of creations do too. The id is
// used where the document has none.
func (c *Catalog) ImportExperiment(id uuid.UUID, doc []byte) ([]Change, error) {
	i := imported{status: Inactive, phase: 1}
	rest, err := i.take(doc)
	if err != nil {
		return nil, err
	}
	if _, err := ParseStatus(string(i.status)); err != nil {
		return nil, err
	}
	if i.phase < 1 {
		return nil, Invalid("phase", "must be 1 or more")
	}
	draft, err := ParseExperimentDraft(rest)
	if err != nil {
		return nil, err
	}
	if draft.ID == uuid.Nil {
		draft.ID = id
	}
	changes, err := c.CreateExperiment(draft)
	if err != nil {
		return nil, err
	}
	made := changes[0].Event.(Created[Experiment])
	if i.split != nil {
		if err := checkSplit(i.split, made.After.Variations); err != nil {
			return nil, err
		}
		made.After.Split = i.split
	}
	if i.exported() {
		made.After.Pending = i.pending.normalize()
		if left := made.After.Pending.value(); !left.within(made.After.Schedule.value()) {
			return nil, Invalid("pending", "must hold times of the schedule and no others")
		}
	}
	made.After.Phase, made.After.EverActive = i.phase, i.everActive
	changes[0].Event = made
	if i.status == Active {
		changes = append(changes, Change{changes[0].Stream, StatusChanged{Old: Inactive, New: Active}})
	}
	return changes, nil
}

// exported says whether the document was an export: only those have a split.
func (i *imported) exported() bool { return i.split != nil }

// checkSplit refuses a split that does not give each variation its share of all
// slots.
func checkSplit(split []SplitRange, variations []Variation) error {
	want := map[string]int{}
	for i, share := range Shares(split, variations) {
		want[variations[i].Key] = share
	}
	next := 0
	for _, r := range split {
		if r.From != next || r.To <= r.From {
			return Invalid("split", "must be ranges in order, without gaps, from 0 to %d", Slots)
		}
		next = r.To
		want[r.Variation] -= r.To - r.From
	}
	if next != Slots {
		return Invalid("split", "must be ranges in order, without gaps, from 0 to %d", Slots)
	}
	for key, rest := range want {
		if rest != 0 {
			return Invalid("split", "must give variation %s the slots of its weight", key)
		}
	}
	return nil
}
