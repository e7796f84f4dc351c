package evaluator

import (
	"slices"

	"github.com/assaylabs/assay/domain"
)

// Evaluate answers for one experiment and a unit prepared for s. It never
// fails.
func (s *Snapshot) Evaluate(e *Experiment, u *Unit) Result {
	s = e.snapshot // indexes mean nothing in another one
	u.belong(s)
	variation, reason := s.decide(&s.rules[e.index], u)
	return Result{e, variation, reason}
}

// EvaluateRaw prepares a unit and answers for the experiment with that key; ok
// is false where there is none. Evaluating more than one experiment is cheaper
// with Prepare.
func (s *Snapshot) EvaluateRaw(key, id string, attributes map[string]any) (result Result, ok bool) {
	e, ok := s.byKey[key]
	if !ok {
		return Result{}, false
	}
	u, _ := s.units.Get().(*Unit)
	if u == nil {
		u = new(Unit)
	}
	s.Prepare(u, id, attributes)
	variation, reason := s.decide(&s.rules[e.index], u)
	u.forget()
	s.units.Put(u)
	return Result{e, variation, reason}, true
}

// EvaluateAll answers for every experiment, in the order of Experiments. It
// overwrites results and grows it where it is too short.
func (s *Snapshot) EvaluateAll(u *Unit, results []Result) []Result {
	u.belong(s)
	results = slices.Grow(results[:0], len(s.rules))[:len(s.rules)]
	for i := range s.rules {
		variation, reason := s.decide(&s.rules[i], u)
		results[i] = Result{s.experiments[i], variation, reason}
	}
	return results
}

// decide is the algorithm.
func (s *Snapshot) decide(r *rule, u *Unit) (variation int32, reason Reason) {
	if r.inactive {
		return 0, Inactive
	}
	id := u.identity(r.unitType)
	if !id.valid {
		return 0, NoUnit
	}
	if r.more != nil {
		if v, ok := r.more.overrides[id.id]; ok {
			return v, Override
		}
		if s.holdoutOf(r, u) >= 0 {
			return 0, Holdout
		}
	}
	if !s.matches(r, u) {
		return 0, Audience
	}
	if r.more != nil && s.unmet(r, u) >= 0 {
		return 0, Prerequisite
	}
	if r.layer >= 0 && !s.layerGives(r, u) {
		return 0, Layer
	}
	return r.assign(id)
}

// assign takes the steps that the experiment's own hash decides.
func (r *rule) assign(id *identity) (variation int32, reason Reason) {
	if r.gb2 {
		slot := gb2Slot(r.seed, id.id)
		p := &r.split[find(r.split, slot)]
		if slot >= p.until {
			return 0, Traffic
		}
		return int32(p.variation), Split
	}
	h := id.half.hash(r.salt)
	if slotOf(uint32(h)) >= r.traffic {
		return 0, Traffic
	}
	return int32(r.split[find(r.split, slotOf(uint32(h>>32)))].variation), Split
}

// find returns the index of the first piece that ends above slot.
func find(pieces []piece, slot uint32) int {
	low := 0
	for n := len(pieces); n > 8; {
		half := n / 2
		if pieces[low+half-1].to <= slot {
			low += half
			n -= half
		} else {
			n = half
		}
	}
	for low < len(pieces) && pieces[low].to <= slot {
		low++
	}
	return low
}

func (s *Snapshot) matches(r *rule, u *Unit) bool {
	return r.audience < 0 || s.program.Match(int(r.audience), &u.attributes)
}

// holdoutOf returns the first holdout that holds the unit out, or -1.
func (s *Snapshot) holdoutOf(r *rule, u *Unit) int32 {
	for _, i := range r.more.holdouts {
		if s.heldOut(i, u) {
			return i
		}
	}
	return -1
}

func (s *Snapshot) heldOut(i int32, u *Unit) bool {
	found := &u.holdouts[i]
	if found.generation != u.generation {
		*found = memo{generation: u.generation}
		h := &s.holdouts[i]
		if id := u.identity(h.unitType); id.valid && slotOf(uint32(id.half.hash(h.salt)>>32)) < h.share {
			found.value = 1
		}
	}
	return found.value == 1
}

// unmet returns the index of the first prerequisite that is not met, or -1.
func (s *Snapshot) unmet(r *rule, u *Unit) int {
	for i, required := range r.more.requires {
		if required.experiment < 0 {
			return i
		}
		given := s.given(required.experiment, u)
		if given == 0 || required.variations>>(given-1)&1 == 0 {
			return i
		}
	}
	return -1
}

// given returns the variation that a required experiment gave the unit, counted
// from 1, or 0.
func (s *Snapshot) given(experiment int32, u *Unit) uint32 {
	r := &s.rules[experiment]
	if found := u.given[r.required]; found.generation == u.generation {
		return found.value
	}
	variation, reason := s.decide(r, u)
	found := memo{generation: u.generation}
	if reason.gives() {
		found.value = uint32(variation) + 1
	}
	u.given[r.required] = found
	return found.value
}

// layerGives reports whether the layer leaves the unit to the experiment.
func (s *Snapshot) layerGives(r *rule, u *Unit) bool {
	if s.layers[r.layer].Mode == domain.OrderedLayer {
		return r.place != ^uint32(0) && s.taker(r.layer, u) >= r.place
	}
	slot := s.layerSlot(r.layer, u)
	i := find(r.slots, slot)
	return i < len(r.slots) && r.slots[i].from <= slot
}

// layerSlot is the unit's slot of a random layer.
func (s *Snapshot) layerSlot(i int32, u *Unit) uint32 {
	found := &u.layers[i]
	if found.generation != u.generation {
		l := &s.layers[i]
		*found = memo{u.generation, slotOf(uint32(u.identity(l.unitType).half.hash(l.salt) >> 32))}
	}
	return found.value
}

// taker is the place of the first experiment of an ordered layer whose audience
// and traffic take the unit, or one past the last place.
func (s *Snapshot) taker(i int32, u *Unit) uint32 {
	found := &u.layers[i]
	if found.generation != u.generation {
		l := &s.layers[i]
		taken := slices.IndexFunc(l.order, func(e int32) bool {
			r := &s.rules[e]
			if !s.matches(r, u) {
				return false
			}
			_, reason := r.assign(u.identity(r.unitType))
			return reason == Split
		})
		if taken < 0 {
			taken = len(l.order)
		}
		*found = memo{u.generation, uint32(taken)}
	}
	return found.value
}

// forget lets go of what the caller owns.
func (u *Unit) forget() {
	u.values = nil
	u.attributes.Reset(u.snapshot.program, nil)
	u.ids[0].id = ""
}
