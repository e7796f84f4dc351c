package domain

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// ExperimentDraft is what a creator says of a new experiment. Absent members
// get their defaults.
type ExperimentDraft struct {
	ID   uuid.UUID
	Key  string
	Hash HashKind
	// Settings is the rest of the document, still to be laid over the defaults.
	Settings []byte
}

// ParseExperimentDraft reads the body of a creation: a JSON object.
func ParseExperimentDraft(body []byte) (ExperimentDraft, error) {
	if err := checkBody(body); err != nil {
		return ExperimentDraft{}, err
	}
	hash := XXH3
	h, rest, err := takeHeader(body, map[string]any{"hash": &hash})
	if err == nil {
		err = checkHash(hash)
	}
	if err == nil && len(rest) > MaxConfigBytes {
		err = tooLarge(len(rest))
	}
	if err != nil {
		return ExperimentDraft{}, err
	}
	return ExperimentDraft{ID: h.ID, Key: h.Key, Hash: hash, Settings: rest}, nil
}

// checkBody bounds what is read at all; checkSize bounds what becomes of it.
func checkBody(body []byte) error {
	if len(body) > 2*MaxConfigBytes {
		return Invalid("body", "must be at most %d bytes", 2*MaxConfigBytes)
	}
	return nil
}

func checkHash(hash HashKind) error {
	return oneOf("hash", string(hash), string(XXH3), string(GB2))
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
	if err := checkHash(e.Hash); err != nil {
		return nil, err
	}
	if err := checkLayerRequest(draft.Settings); err != nil {
		return nil, err
	}
	var err error
	if e.Settings, err = readSettings(e.Header, &Settings{}, draft.Settings); err != nil {
		return nil, err
	}
	e.Pending = e.Schedule
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

// readSettings reads a JSON object; unknown members are refused, absent ones
// get their defaults.
func readSettings(h Header, before *Settings, doc []byte) (Settings, error) {
	s := defaultSettings(h)
	if err := Decode(doc, &s); err != nil {
		return Settings{}, err
	}
	s.normalize(before)
	return s, checkWeightsGiven(doc)
}

// checkWeightsGiven refuses a variation without a weight: 0 would silently give
// it nobody.
func checkWeightsGiven(doc []byte) error {
	var said struct {
		Variations []struct {
			Weight *int `json:"weight"`
		} `json:"variations"`
	}
	if err := json.Unmarshal(doc, &said); err != nil {
		return err
	}
	for i, v := range said.Variations {
		if v.Weight == nil {
			return Invalid(fmt.Sprintf("variations[%d].weight", i), "must be a whole number from 0 to %d", maxWeight)
		}
	}
	return nil
}

// overlay merges a JSON object into settings; members that the patch removes
// get their defaults.
func overlay(h Header, s Settings, patch []byte) (Settings, error) {
	base, err := Encode(s)
	if err != nil {
		return Settings{}, err
	}
	merged, err := MergePatch(base, patch)
	if err != nil {
		return Settings{}, err
	}
	if err := checkMembers(patch, &Settings{}); err != nil {
		return Settings{}, err
	}
	return readSettings(h, &s, merged)
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
	config := payload(e)
	doc, err := Encode(&config)
	if err == nil && len(doc) > MaxConfigBytes {
		return tooLarge(len(doc))
	}
	return err
}

func tooLarge(size int) error {
	return Invalid("body", "must leave a configuration of at most %d bytes, leaves %d", MaxConfigBytes, size)
}

// EditExperiment decides a JSON merge patch. A patch that changes nothing
// yields no change.
func (c *Catalog) EditExperiment(old *Experiment, patch []byte) ([]Change, error) {
	if err := checkBody(patch); err != nil {
		return nil, err
	}
	phase, patch, err := takePhase(patch)
	if err != nil {
		return nil, err
	}
	if err := refuseMembers(patch); err != nil {
		return nil, err
	}
	if err := checkLayerRequest(patch); err != nil {
		return nil, err
	}
	next := *old
	if next.Settings, err = overlay(old.Header, old.Settings, patch); err != nil {
		return nil, err
	}
	forgetOldSlots(&next, old, patch)
	next.Pending = old.Pending.edited(old.Schedule, next.Schedule)
	return c.change(&next, old, phase, func() {
		if !sameWeights(old, &next) {
			next.Split = NextSplit(old.Split, next.Variations)
		}
	}, 0)
}

// RevertExperiment decides to restore the settings and split of an earlier
// version; status, schedule, phase and key stay.
func (c *Catalog) RevertExperiment(old, earlier *Experiment, version int, phase string) ([]Change, error) {
	if phase != "" {
		if err := checkPhase(phase); err != nil {
			return nil, err
		}
	}
	next := *old
	next.Settings = earlier.Settings
	next.Schedule = old.Schedule // else a time long past would come again
	changes, err := c.change(&next, old, phase, func() { next.Split = earlier.Split }, version)
	return changes, inTheWay(err, version)
}

// inTheWay says that an earlier version does not fit what is there now: the
// fault is not in what the caller sent, but for the phase.
func inTheWay(err error, version int) error {
	var conflict *ConflictError
	invalid, ok := err.(*InvalidError)
	if errors.As(err, &conflict) || ok && invalid.Field != "phase" {
		return &ConflictError{Problem: fmt.Sprintf("version %d cannot be restored: %v", version, err)}
	}
	return err
}

// change decides to make old into next.
func (c *Catalog) change(next, old *Experiment, phase string, split func(), reverted int) ([]Change, error) {
	changes, err := c.settle(next, old)
	if err != nil {
		return nil, err
	}
	split()
	if sameAudience(old, next) {
		next.Audience = old.Audience
	}
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
	if fields := analysisFields(old, next); len(fields) > 0 && old.EverActive && phase == "" {
		return Invalid("phase", "must be \"new\" (analysis starts afresh) or \"same\": this experiment has been active, and %s would change", fields)
	}
	if phase == "new" {
		next.Phase++
	}
	return nil
}

func checkPhase(phase string) error { return oneOf("phase", phase, "new", "same") }

// takePhase removes the phase from a patch; "" is none.
func takePhase(patch []byte) (phase string, rest []byte, err error) {
	var given *string
	rest, err = takeMembers(patch, map[string]any{"phase": &given})
	if err != nil || given == nil {
		return "", rest, err
	}
	return *given, rest, checkPhase(*given)
}

// sameAudience is true of conditions that differ in the order of members or in
// how numbers and text are written, and in nothing else.
func sameAudience(a, b *Experiment) bool {
	ca, cb := a.Audience.Clone(), b.Audience.Clone()
	return ca.Canonicalize() == nil && cb.Canonicalize() == nil && bytes.Equal(ca, cb)
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

// takeHeader removes the id and the key that a creator may give, and whatever
// else is asked for. Members given must be fit to be used.
func takeHeader(object []byte, besides map[string]any) (h Header, rest []byte, err error) {
	var id *uuid.UUID
	var key *string
	targets := map[string]any{"id": &id, "key": &key}
	maps.Copy(targets, besides)
	if rest, err = takeMembers(object, targets); err != nil {
		return Header{}, nil, err
	}
	if id != nil {
		if h.ID = *id; h.ID == uuid.Nil {
			return Header{}, nil, Invalid("id", "must be a UUID other than the nil one")
		}
	}
	if key != nil {
		h.Key, err = *key, checkKey("key", *key)
	}
	return h, rest, err
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
		if value.Kind() == 'n' {
			return nil, Invalid(name, "must not be null")
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
	for _, name := range append(stamped(), "split", "hash", "ever_active", "pending") {
		if _, ok := members[name]; ok {
			return Invalid(name, "is set by the server and cannot be patched")
		}
	}
	if _, ok := members["status"]; ok {
		return Invalid("status", "is changed by PATCH /experiments/{id}/status")
	}
	return nil
}
