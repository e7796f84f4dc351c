package sdk

import (
	"slices"

	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
)

// view is what evaluations read: a state of the feed with its values decoded.
// Immutable; replaced as a whole.
type view struct {
	state    *feed.State
	snapshot *evaluator.Snapshot
	values   [][]value // by index of experiment and of variation
	stale    bool
}

func newView(state *feed.State, stale bool) *view {
	v := &view{state: state, snapshot: state.Snapshot, stale: stale}
	v.values = make([][]value, state.Snapshot.Len())
	for _, e := range state.Snapshot.Experiments() {
		variations := e.Variations()
		values := make([]value, len(variations))
		for i := range variations {
			values[i] = decodeValue(variations[i].Value)
		}
		v.values[e.Index()] = values
	}
	return v
}

// Change is what has happened to a client's knowledge since the last one.
type Change struct {
	// Position is that of all that is known now.
	Position int64
	// Experiments are the keys of what was created, changed or deleted, in order;
	// nil when any experiment may answer differently, as after the first
	// snapshot or the change of a segment.
	Experiments []string
	// Stale is as in Detail.
	Stale bool
}

func changeOf(old, now *view) Change {
	change := Change{Position: now.snapshot.Position(), Stale: now.stale}
	if old == nil || old.snapshot.Position() > now.snapshot.Position() {
		return change
	}
	hadCount, hadNewest := sharedBy(&old.state.Document)
	if count, newest := sharedBy(&now.state.Document); count != hadCount || newest != hadNewest {
		return change
	}
	change.Experiments = []string{}
	before := map[string]*evaluator.Experiment{}
	for _, e := range old.snapshot.Experiments() {
		before[e.Key()] = e
	}
	for _, e := range now.snapshot.Experiments() {
		was, known := before[e.Key()]
		if !known || was.ID() != e.ID() || was.Version() != e.Version() {
			change.Experiments = append(change.Experiments, e.Key())
		}
		delete(before, e.Key())
	}
	for key := range before {
		change.Experiments = append(change.Experiments, key)
	}
	slices.Sort(change.Experiments)
	return change
}

// sharedBy counts what experiments share, and finds the newest change of it.
func sharedBy(d *evaluator.Document) (count int, newest int64) {
	for i := range d.Layers {
		newest = max(newest, d.Layers[i].Position)
	}
	for i := range d.Holdouts {
		newest = max(newest, d.Holdouts[i].Position)
	}
	for i := range d.Segments {
		newest = max(newest, d.Segments[i].Position)
	}
	return len(d.Layers) + len(d.Holdouts) + len(d.Segments), newest
}
