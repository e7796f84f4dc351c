package evaluator

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/assaylabs/assay/domain"
)

// Entity names what the ledger holds, as of one of its records.
type Entity struct {
	Kind     domain.Kind `json:"kind"`
	ID       string      `json:"id"`
	Key      string      `json:"key"`
	Version  int         `json:"version"`
	Position int64       `json:"position"`
}

// Explanation is an answer and the steps that led to it.
type Explanation struct {
	Position   int64           `json:"position"`
	Experiment Entity          `json:"experiment"`
	UnitType   string          `json:"unit_type"`
	Unit       string          `json:"unit"`
	Variation  string          `json:"variation"`
	Value      json.RawMessage `json:"value"`
	Reason     Reason          `json:"reason"`
	Steps      []Step          `json:"steps"`
}

// Step is one step of the algorithm: what was asked, of what, and whether that
// decided. The last step alone decided.
type Step struct {
	// Check is status, unit, override, holdout, audience, prerequisite, layer,
	// traffic or split.
	Check   string `json:"check"`
	Decided bool   `json:"decided"`
	// By is whose record says so.
	By Entity `json:"by"`
	// Segments are those that an audience looks into.
	Segments []Entity `json:"segments,omitempty"`
	// Slot is the unit's, where the step compares one.
	Slot *int `json:"slot,omitempty"`
	// Below is the slot from which a unit is no longer within a share.
	Below *int `json:"below,omitempty"`
	// Ranges are the slots that the experiment, or the variation, has.
	Ranges []domain.Range `json:"ranges,omitempty"`
	// Variation and Reason are what a prerequisite answered, or the variation
	// that an override or the split gives.
	Variation string `json:"variation,omitempty"`
	Reason    string `json:"reason,omitempty"`
	// Wanted are the variations of a prerequisite that would do.
	Wanted []string `json:"wanted,omitempty"`
}

// Explain answers as Evaluate does, and says how it came to that.
func (s *Snapshot) Explain(e *Experiment, u *Unit) Explanation {
	s = e.snapshot
	u.belong(s)
	x := explainer{snapshot: s, experiment: e, rule: &e.rule, unit: u}
	result := s.Evaluate(e, u)
	x.walk(result.Reason, e.variations[result.Variation].Key)
	id := u.identify(x.rule.unitType)
	return Explanation{
		Position: s.position, Experiment: e.entity(), UnitType: e.UnitType(), Unit: strings.ToValidUTF8(strings.Clone(id.id), "\uFFFD"),
		Variation: e.variations[result.Variation].Key, Value: e.variations[result.Variation].Value,
		Reason: result.Reason, Steps: x.steps,
	}
}

func (e *Experiment) entity() Entity {
	return Entity{domain.KindExperiment, e.config.ID, e.config.Key, e.config.Version, e.config.Position}
}

func entityOf(kind domain.Kind, h domain.Header) Entity {
	return Entity{kind, h.ID.String(), h.Key, h.Version, h.Position}
}

type explainer struct {
	snapshot   *Snapshot
	experiment *Experiment
	rule       *rule
	unit       *Unit
	steps      []Step
}

// walk writes down the steps until the one that decided, which the reason names.
func (x *explainer) walk(reason Reason, variation string) {
	own := x.experiment.entity()
	x.add(reason == Inactive, Step{Check: "status", By: own})
	if reason >= NoUnit {
		x.add(reason == NoUnit, Step{Check: "unit", By: own})
	}
	if reason >= Override && x.rule.more != nil {
		x.overrides(reason == Override, variation)
	}
	if reason >= Holdout && x.rule.more != nil {
		x.holdouts()
	}
	if reason >= Audience && x.rule.audience >= 0 {
		x.add(reason == Audience, Step{Check: "audience", By: own, Segments: x.segments()})
	}
	if reason >= Prerequisite && x.rule.more != nil {
		x.prerequisites()
	}
	if reason >= Layer && x.rule.layer >= 0 {
		x.layer(reason == Layer)
	}
	if reason >= Traffic {
		x.traffic(reason == Traffic)
	}
	if reason == Split {
		x.split(variation)
	}
}

func (x *explainer) add(decided bool, step Step) {
	step.Decided = decided
	x.steps = append(x.steps, step)
}

func (x *explainer) overrides(decided bool, variation string) {
	if len(x.rule.more.overrides) == 0 {
		return
	}
	step := Step{Check: "override", By: x.experiment.entity()}
	if decided {
		step.Variation = variation
	}
	x.add(decided, step)
}

func (x *explainer) holdouts() {
	for _, i := range x.rule.more.holdouts {
		h := &x.snapshot.holdouts[i]
		step := Step{Check: "holdout", By: entityOf(domain.KindHoldout, h.Header), Below: new(int(h.share))}
		if id := x.unit.identify(h.unitType); id.valid {
			step.Slot = new(int(slotOf(uint32(id.half.hash(h.salt) >> 32))))
		}
		held := x.snapshot.heldOut(i, x.unit)
		x.add(held, step)
		if held {
			return
		}
	}
}

// segments are those that the audience names and the document has.
func (x *explainer) segments() []Entity {
	var segments []Entity
	for _, key := range x.experiment.config.audience.Groups() {
		if segment, ok := x.snapshot.segments[key]; ok {
			segments = append(segments, segment)
		}
	}
	return segments
}

func (x *explainer) prerequisites() {
	unmet := x.snapshot.unmet(x.rule, x.unit)
	for i, p := range x.experiment.config.Prerequisites {
		step := Step{Check: "prerequisite", By: x.experiment.entity(), Wanted: slices.Clone(p.Variations)}
		if other := x.snapshot.keys.find(p.Experiment); other != nil {
			result := x.snapshot.Evaluate(other, x.unit)
			step.By = other.entity()
			step.Variation, step.Reason = other.variations[result.Variation].Key, result.Reason.String()
		}
		x.add(i == unmet, step)
		if i == unmet {
			return
		}
	}
}

func (x *explainer) layer(decided bool) {
	l := &x.snapshot.layers[x.rule.layer]
	step := Step{Check: "layer", By: entityOf(domain.KindLayer, l.Header)}
	if l.Mode == domain.RandomLayer {
		step.Slot = new(int(x.snapshot.layerSlot(x.rule.layer, x.unit)))
		step.Ranges = slices.Clone(x.experiment.config.Layer.Slots)
	} else if taker := x.snapshot.taker(x.rule.layer, x.unit); decided && int(taker) < len(l.order) {
		step.By = x.snapshot.experiments[x.snapshot.rules[l.order[taker]].at].entity()
	}
	x.add(decided, step)
}

func (x *explainer) traffic(decided bool) {
	step := Step{Check: "traffic", By: x.experiment.entity()}
	if x.experiment.Hash() == domain.GB2 {
		step.Slot = new(x.slot())
		for i, r := range x.experiment.config.Split {
			if until := int(x.rule.more.split[i].until); r.From < until {
				step.Ranges = append(step.Ranges, domain.Range{From: r.From, To: until})
			}
		}
	} else {
		half := x.unit.identify(x.rule.unitType).half
		step.Slot = new(int(slotOf(uint32(half.hash(x.rule.salt)))))
		step.Below = new(int(x.rule.traffic))
	}
	x.add(decided, step)
}

func (x *explainer) split(variation string) {
	step := Step{Check: "split", By: x.experiment.entity(), Slot: new(x.slot()), Variation: variation}
	for _, r := range x.experiment.config.Split {
		if r.Variation == variation {
			step.Ranges = append(step.Ranges, domain.Range{From: r.From, To: r.To})
		}
	}
	x.add(true, step)
}

// slot is the unit's slot of the split.
func (x *explainer) slot() int {
	id := x.unit.identify(x.rule.unitType)
	if x.experiment.Hash() == domain.GB2 {
		return int(gb2Slot(x.rule.more.seed, id.id))
	}
	return int(slotOf(uint32(id.half.hash(x.rule.salt) >> 32)))
}
