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
	variation, reason := s.decide(&e.rule, u)
	return Result{e, variation, reason}
}

// EvaluateRaw prepares a unit and answers for the experiment with that key; ok
// is false where there is none. Evaluating more than one experiment is cheaper
// with Prepare.
func (s *Snapshot) EvaluateRaw(key, id string, attributes map[string]any) (result Result, ok bool) {
	e := s.keys.find(key)
	if e == nil {
		return Result{}, false
	}
	if e.rule.group < other {
		variation, reason := s.decideByID(&e.rule, id, attributes)
		return Result{e, variation, reason}, true
	}
	u := s.borrow()
	s.Prepare(u, id, attributes)
	variation, reason := s.decide(&e.rule, u)
	s.units.Put(u)
	return Result{e, variation, reason}, true
}

// borrow returns a unit to Put back.
func (s *Snapshot) borrow() *Unit {
	if u, ok := s.units.Get().(*Unit); ok {
		return u
	}
	return new(Unit)
}

// decideByID decides what asks for nothing but a user_id and one audience.
func (s *Snapshot) decideByID(r *rule, id string, attributes map[string]any) (variation int32, reason Reason) {
	if r.group == stopped {
		return 0, Inactive
	}
	if !isUnit(id) {
		return 0, NoUnit
	}
	if r.group == aimed && !s.program.MatchOnce(int(r.audience), attributes) {
		return 0, Audience
	}
	half := newUnitHalf(id)
	if r.group == laned && !r.lane.has(s.layers[r.layer].slot(half)) {
		return 0, Layer
	}
	return r.assign(half)
}

// EvaluateAll answers for every experiment, in the order of Experiments. It
// overwrites results and grows it where it is too short.
func (s *Snapshot) EvaluateAll(u *Unit, results []Result) []Result {
	u.belong(s)
	results = slices.Grow(results[:0], len(s.rules))[:len(s.rules)]
	rest := 0
	if id := &u.ids[0]; id.valid {
		s.evaluateGroups(u, id.half, results)
		rest = s.groups[aimed]
	}
	for i := rest; i < len(s.rules); i++ {
		r := &s.rules[i]
		variation, reason := s.decide(r, u)
		results[r.at] = Result{s.experiments[r.at], variation, reason}
	}
	return results
}

// evaluateGroups answers for the groups before other.
func (s *Snapshot) evaluateGroups(u *Unit, half unitHalf, results []Result) {
	i := 0
	for ; i < s.groups[stopped]; i++ {
		at := s.rules[i].at
		results[at] = Result{s.experiments[at], 0, Inactive}
	}
	for ; i < s.groups[plain]; i++ {
		r := &s.rules[i]
		variation, reason := r.assign(half)
		results[r.at] = Result{s.experiments[r.at], variation, reason}
	}
	for ; i < s.groups[laned]; i++ {
		r := &s.rules[i]
		variation, reason := int32(0), Layer
		if r.lane.has(s.layerSlot(r.layer, u)) {
			variation, reason = r.assign(half)
		}
		results[r.at] = Result{s.experiments[r.at], variation, reason}
	}
	for ; i < s.groups[aimed]; i++ {
		r := &s.rules[i]
		variation, reason := r.assign(half)
		if !s.program.Match(int(r.audience), &u.attributes) {
			variation, reason = 0, Audience
		}
		results[r.at] = Result{s.experiments[r.at], variation, reason}
	}
}

// decide is the algorithm.
func (s *Snapshot) decide(r *rule, u *Unit) (variation int32, reason Reason) {
	if r.group == stopped {
		return 0, Inactive
	}
	id := &u.ids[r.unitType]
	if id.generation != u.generation {
		u.identify(r.unitType)
	}
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
	return r.give(id)
}

// give takes the steps that the experiment's own hash decides.
func (r *rule) give(id *identity) (variation int32, reason Reason) {
	if r.more == nil || r.more.split == nil {
		return r.assign(id.half)
	}
	if r.more.gb2 {
		slot := gb2Slot(r.more.seed, id.id)
		if p := &r.more.split[find(r.more.split, slot)]; slot < p.until {
			return int32(p.variation), Split
		}
		return 0, Traffic
	}
	h := id.half.hash(r.salt)
	if slotOf(uint32(h)) >= r.traffic {
		return 0, Traffic
	}
	return int32(r.more.split[find(r.more.split, slotOf(uint32(h>>32)))].variation), Split
}

// assign gives what an xxh3 hash and a split of up to four pieces give. It has
// no branches: which way they would go cannot be foretold.
func (r *rule) assign(half unitHalf) (variation int32, reason Reason) {
	h := half.hash(r.salt)
	taken := below(slotOf(uint32(h)), r.traffic)
	return int32(uint32(r.arm(slotOf(uint32(h>>32)))) & -taken), Traffic + Reason(taken)
}

// arm is the variation that has a slot of a split of up to four pieces.
func (r *rule) arm(slot uint32) uint8 {
	return r.arms[(3-below(slot, r.cuts[0])-below(slot, r.cuts[1])-below(slot, r.cuts[2]))&3]
}

// below is 1 if a < b, else 0, for numbers of 31 bits.
func below(a, b uint32) uint32 { return (a - b) >> 31 }

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
	for pieces[low].to <= slot {
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
		if id := u.identify(h.unitType); id.valid && slotOf(uint32(id.half.hash(h.salt)>>32)) < h.share {
			found.value = 1
		}
	}
	return found.value == 1
}

// unmet returns the index of the first prerequisite that is not met, or -1.
func (s *Snapshot) unmet(r *rule, u *Unit) int {
	for i, required := range r.more.requires {
		if required.rule < 0 {
			return i
		}
		given := s.given(required.rule, u)
		if given == 0 || required.variations>>(given-1)&1 == 0 {
			return i
		}
	}
	return -1
}

// given returns the variation that a required rule gave the unit, counted from
// 1, or 0.
func (s *Snapshot) given(i int32, u *Unit) uint32 {
	found := &u.given[s.required[i]]
	if found.generation != u.generation {
		variation, reason := s.decide(&s.rules[i], u)
		*found = memo{generation: u.generation}
		if reason.gives() {
			found.value = uint32(variation) + 1
		}
	}
	return found.value
}

// layerGives reports whether the layer leaves the unit to the experiment.
func (s *Snapshot) layerGives(r *rule, u *Unit) bool {
	if s.layers[r.layer].Mode == domain.OrderedLayer {
		return s.taker(r.layer, u) >= r.lane.from
	}
	slot := s.layerSlot(r.layer, u)
	if r.lane.has(slot) {
		return true
	}
	return r.more != nil && slices.ContainsFunc(r.more.lanes, func(l lane) bool { return l.has(slot) })
}

// layerSlot is the unit's slot of a random layer.
func (s *Snapshot) layerSlot(i int32, u *Unit) uint32 {
	found := &u.layers[i]
	if found.generation != u.generation {
		l := &s.layers[i]
		*found = memo{u.generation, l.slot(u.identify(l.unitType).half)}
	}
	return found.value
}

func (l *layer) slot(half unitHalf) uint32 { return slotOf(uint32(half.hash(l.salt) >> 32)) }

// taker is the place of the first experiment of an ordered layer whose audience
// and traffic take the unit, or one past the last place.
func (s *Snapshot) taker(i int32, u *Unit) uint32 {
	found := &u.layers[i]
	if found.generation != u.generation {
		l := &s.layers[i]
		taken := slices.IndexFunc(l.order, func(i int32) bool {
			r := &s.rules[i]
			if !s.matches(r, u) {
				return false
			}
			_, reason := r.give(u.identify(r.unitType))
			return reason == Split
		})
		if taken < 0 {
			taken = len(l.order)
		}
		*found = memo{u.generation, uint32(taken)}
	}
	return found.value
}
