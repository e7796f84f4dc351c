package domain

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// ExperimentDraft is what a creator says of a new experiment. Absent members
// get their defaults.
type ExperimentDraft struct {
	ID   uuid.UUID `json:"id,omitzero"`
	Key  string    `json:"key,omitzero"`
	Hash HashKind  `json:"hash,omitzero"`
	// Settings is the rest of the document, still to be laid over the defaults.
	Settings []byte `json:"-"`
}

// ParseExperimentDraft reads the body of a creation: a JSON object.
func ParseExperimentDraft(body []byte) (ExperimentDraft, error) {
	if len(body) > MaxConfigBytes {
		return ExperimentDraft{}, Invalid("body", "must be at most %d bytes", MaxConfigBytes)
	}
	var draft ExperimentDraft
	rest, err := takeMembers(body, map[string]any{"id": &draft.ID, "key": &draft.Key, "hash": &draft.Hash})
	if err != nil {
		return ExperimentDraft{}, err
	}
	draft.Settings = rest
	return draft, nil
}

// CreateExperiment decides a creation. The draft must have an id.
func (c *Catalog) CreateExperiment(draft ExperimentDraft) ([]Change, error) {
	if draft.ID == uuid.Nil {
		return nil, Invalid("id", "must be a UUID other than the nil one")
	}
	e := Experiment{
		Header: Header{ID: draft.ID, Key: draft.Key},
		Status: Inactive, Phase: 1, Hash: draft.Hash,
	}
	if e.Hash == "" {
		e.Hash = XXH3
	}
	if err := oneOf("hash", string(e.Hash), string(XXH3), string(GB2)); err != nil {
		return nil, err
	}
	settings, err := overlay(e.Header, defaultSettings(e.Header), draft.Settings)
	if err != nil {
		return nil, err
	}
	e.Settings = settings
	if err := c.nameKey(&e); err != nil {
		return nil, err
	}
	if err := c.Experiments.free(&e.Header); err != nil {
		return nil, err
	}
	changes, err := c.settle(&e, nil)
	if err != nil {
		return nil, err
	}
	return append([]Change{{e.stream(), Created[Experiment]{After: e}}}, changes...), nil
}

// nameKey makes a key for an experiment without one.
func (c *Catalog) nameKey(e *Experiment) error {
	if e.Key == "" {
		e.Key = freeKey(c.Experiments.byKey, keyFromName(e.Name, string(KindExperiment), e.ID))
	}
	return checkKey("key", e.Key)
}

// freeKey appends -2, -3 … until the key is not taken.
func freeKey(taken map[string]uuid.UUID, key string) string {
	free := key
	for n := 2; ; n++ {
		if _, ok := taken[free]; !ok {
			return free
		}
		free = fmt.Sprintf("%s-%d", key, n)
	}
}

func (e *Experiment) stream() Stream { return StreamOf(KindExperiment, e.ID) }

// overlay merges a JSON object into settings; unknown members are refused, and
// those that the patch removes get their defaults.
func overlay(h Header, s Settings, patch []byte) (Settings, error) {
	base, err := Encode(s)
	if err != nil {
		return Settings{}, err
	}
	merged, err := MergePatch(base, patch)
	if err != nil {
		return Settings{}, err
	}
	next := defaultSettings(h)
	if err := Decode(merged, &next); err != nil {
		return Settings{}, err
	}
	next.normalize()
	return next, nil
}

// settle checks what an experiment should become, derives its split and layer
// slots, and returns what must change besides it.
func (c *Catalog) settle(e, old *Experiment) ([]Change, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if err := c.checkReferences(e); err != nil {
		return nil, err
	}
	changes, err := c.placeInLayer(e, old)
	if err != nil {
		return nil, err
	}
	if old == nil {
		e.Split = NextSplit(nil, e.Variations)
	} else if err := c.checkDependents(e); err != nil {
		return nil, err
	}
	return changes, checkSize(e)
}

func checkSize(e *Experiment) error {
	doc, err := Encode(e)
	if err == nil && len(doc) > MaxConfigBytes {
		return Invalid("body", "must leave a configuration of at most %d bytes, leaves %d", MaxConfigBytes, len(doc))
	}
	return err
}

// EditExperiment decides a JSON merge patch. A patch that changes nothing
// yields no change.
func (c *Catalog) EditExperiment(old *Experiment, patch []byte) ([]Change, error) {
	if len(patch) > 2*MaxConfigBytes {
		return nil, Invalid("body", "must be at most %d bytes", 2*MaxConfigBytes)
	}
	var phase string
	patch, err := takeMembers(patch, map[string]any{"phase": &phase})
	if err != nil {
		return nil, err
	}
	if err := refuseMembers(patch); err != nil {
		return nil, err
	}
	next := *old
	if next.Settings, err = overlay(old.Header, old.Settings, patch); err != nil {
		return nil, err
	}
	forgetOldSlots(&next, old, patch)
	return c.change(&next, old, phase, func() {
		if !sameWeights(old, &next) {
			next.Split = NextSplit(old.Split, next.Variations)
		}
	}, 0)
}

// RevertExperiment decides to restore the settings and split of an earlier
// version; status, phase and key stay.
func (c *Catalog) RevertExperiment(old, earlier *Experiment, version int, phase string) ([]Change, error) {
	next := *old
	next.Settings = earlier.Settings
	return c.change(&next, old, phase, func() { next.Split = earlier.Split }, version)
}

// change decides to make old into next.
func (c *Catalog) change(next, old *Experiment, phase string, split func(), reverted int) ([]Change, error) {
	changes, err := c.settle(next, old)
	if err != nil {
		return nil, err
	}
	split()
	if err := nextPhase(next, old, phase); err != nil {
		return nil, err
	}
	same, err := equalDocs(next, old)
	if err != nil || same {
		return nil, err
	}
	if err := checkSize(next); err != nil {
		return nil, err
	}
	own := Change{next.stream(), Changed[Experiment]{After: payload(next), RevertedTo: reverted}}
	return append([]Change{own}, changes...), nil
}

// payload is the experiment without the ledger's stamps.
func payload(e *Experiment) Experiment {
	p := *e
	p.Header = Header{ID: e.ID, Key: e.Key}
	return p
}

func equalDocs(a, b *Experiment) (bool, error) {
	pa, pb := payload(a), payload(b)
	da, err := Encode(&pa)
	if err != nil {
		return false, err
	}
	db, err := Encode(&pb)
	return bytes.Equal(da, db), err
}

// nextPhase applies the rule that an experiment that has been active must say
// whether a change that touches its analysis begins a new phase.
func nextPhase(next, old *Experiment, phase string) error {
	if phase != "" {
		if err := oneOf("phase", phase, "new", "same"); err != nil {
			return err
		}
	}
	if fields := analysisFields(old, next); len(fields) > 0 && old.EverActive && phase == "" {
		return Invalid("phase", "must be \"new\" (analysis starts afresh) or \"same\": this experiment has been active, and %s would change", fields)
	}
	if phase == "new" {
		next.Phase++
	}
	return nil
}

// analysisFields names the changed fields that decide who gets what.
func analysisFields(old, next *Experiment) []string {
	var fields []string
	if !sameWeights(old, next) || !slices.Equal(old.Split, next.Split) {
		fields = append(fields, "variations")
	}
	if !bytes.Equal(old.Audience, next.Audience) {
		fields = append(fields, "audience")
	}
	if old.Salt != next.Salt {
		fields = append(fields, "salt")
	}
	if old.UnitType != next.UnitType {
		fields = append(fields, "unit_type")
	}
	return fields
}

func sameWeights(a, b *Experiment) bool {
	return slices.EqualFunc(a.Variations, b.Variations, func(x, y Variation) bool {
		return x.Key == y.Key && x.Weight == y.Weight
	})
}

// DeleteExperiment decides a deletion; an active experiment is switched off
// first.
func (c *Catalog) DeleteExperiment(e *Experiment) ([]Change, error) {
	for other := range c.Experiments.All() {
		for _, p := range other.Prerequisites {
			if p.Experiment == e.Key {
				return nil, &ConflictError{Problem: "is a prerequisite of experiment " + other.Key}
			}
		}
	}
	for h := range c.Holdouts.All() {
		if slices.Contains(h.Experiments, e.Key) {
			return nil, &ConflictError{Problem: "is in the scope of holdout " + h.Key}
		}
	}
	var changes []Change
	if e.Status == Active {
		changes = append(changes, Change{e.stream(), StatusChanged{Old: Active, New: Inactive}})
	}
	changes = append(changes, Change{e.stream(), Deleted[Experiment]{}})
	return append(changes, c.leaveLayer(e)...), nil
}

// takeMembers removes members of a JSON object, decoding each into its target.
func takeMembers(object []byte, targets map[string]any) ([]byte, error) {
	var members map[string]jsontext.Value
	if err := Decode(object, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, Invalid("body", "must be a JSON object")
	}
	for name, target := range targets {
		value, ok := members[name]
		if !ok {
			continue
		}
		if err := Decode(value, target); err != nil {
			return nil, inField(name, err)
		}
		delete(members, name)
	}
	return Encode(members)
}

// refuseMembers refuses a patch of what only the server writes.
func refuseMembers(patch []byte) error {
	var members map[string]jsontext.Value
	if err := Decode(patch, &members); err != nil {
		return err
	}
	for _, name := range append(stamped(), "split", "hash", "ever_active") {
		if _, ok := members[name]; ok {
			return Invalid(name, "is set by the server and cannot be patched")
		}
	}
	if _, ok := members["status"]; ok {
		return Invalid("status", "is changed by PATCH /experiments/{id}/status")
	}
	return nil
}
