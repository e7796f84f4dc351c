package evaluator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/targeting"
)

// Fault is an experiment that cannot be evaluated and is not in the snapshot.
type Fault struct {
	// Experiment is its key, else its id, else its place in the document.
	Experiment string `json:"experiment"`
	Problem    string `json:"problem"`
}

// Error says which experiment is wrong, and how.
func (f Fault) Error() string { return "experiment " + f.Experiment + ": " + f.Problem }

// Compile makes a document ready to evaluate. Experiments that are wrong are
// left out, each with its fault; they harm no other.
func Compile(d Document) (*Snapshot, []Fault) {
	c := compiler{
		snapshot:  &Snapshot{position: d.Position, at: d.At, unitTypes: []string{userID}},
		layers:    map[string]*domain.Layer{},
		unitTypes: map[string]uint16{userID: 0},
		layerAt:   map[string]int32{},
	}
	for i := range d.Layers {
		c.layers[d.Layers[i].Key] = &d.Layers[i]
	}
	configs := c.leaveOutCircles(c.read(d.Experiments))
	members := make(map[string]*targeting.Members, len(d.Segments))
	for _, g := range d.Segments {
		members[g.Key] = targeting.NewMembers(g.IDs)
	}
	c.program = targeting.NewCompiler(members)
	c.addSegments(d.Segments)
	c.addHoldouts(d.Holdouts)
	c.addLayers(d.Layers)
	c.addExperiments(configs)
	c.snapshot.program = c.program.Compile()
	return c.snapshot, c.faults
}

type compiler struct {
	snapshot  *Snapshot
	program   *targeting.Compiler
	layers    map[string]*domain.Layer
	layerAt   map[string]int32
	unitTypes map[string]uint16
	faults    []Fault
}

func (c *compiler) fault(experiment string, err error) {
	c.faults = append(c.faults, Fault{experiment, err.Error()})
}

// read returns the experiments that are right by themselves, by key.
func (c *compiler) read(raws []json.RawMessage) []*config {
	configs := make([]*config, 0, len(raws))
	for i, raw := range raws {
		e, err := readConfig(raw)
		if err == nil {
			err = e.checkLayer(c.layers)
		}
		switch {
		case err != nil:
			name := fmt.Sprintf("%d", i)
			if e != nil {
				name = cmp.Or(e.Key, e.ID, name)
			}
			c.fault(name, err)
		case !e.Deleted:
			configs = append(configs, e)
		}
	}
	slices.SortStableFunc(configs, func(a, b *config) int { return cmp.Compare(a.Key, b.Key) })
	return slices.CompactFunc(configs, func(a, b *config) bool {
		if a.Key == b.Key {
			c.fault(b.Key, fmt.Errorf("key is also that of experiment %s", a.ID))
		}
		return a.Key == b.Key
	})
}

// leaveOutCircles leaves out experiments that require each other: none of them
// could ever be decided.
func (c *compiler) leaveOutCircles(configs []*config) []*config {
	at := make(map[string]int, len(configs))
	for i, e := range configs {
		at[e.Key] = i
	}
	requires, requiredBy := make([][]int, len(configs)), make([][]int, len(configs))
	for i, e := range configs {
		for _, p := range e.Prerequisites {
			if j, ok := at[p.Experiment]; ok {
				requires[i], requiredBy[j] = append(requires[i], j), append(requiredBy[j], i)
			}
		}
	}
	left := make([]bool, len(configs)) // not known to be outside a circle
	for i := range left {
		left[i] = true
	}
	peel(left, requires, requiredBy)
	peel(left, requiredBy, requires)
	kept := configs[:0]
	for i, e := range configs {
		if left[i] {
			c.fault(e.Key, fmt.Errorf("prerequisites go in a circle"))
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

// peel takes away, again and again, what leads to nothing that is left.
func peel(left []bool, to, from [][]int) {
	ways := make([]int, len(left))
	var ends []int
	for i := range left {
		for _, j := range to[i] {
			if left[j] {
				ways[i]++
			}
		}
		if left[i] && ways[i] == 0 {
			ends = append(ends, i)
		}
	}
	for len(ends) > 0 {
		end := ends[len(ends)-1]
		ends = ends[:len(ends)-1]
		left[end] = false
		for _, i := range from[end] {
			if ways[i]--; ways[i] == 0 && left[i] {
				ends = append(ends, i)
			}
		}
	}
}

func (c *compiler) unitType(name string) uint16 {
	i, ok := c.unitTypes[name]
	if !ok {
		i = uint16(len(c.snapshot.unitTypes))
		c.unitTypes[name] = i
		c.snapshot.unitTypes = append(c.snapshot.unitTypes, name)
	}
	return i
}

func (c *compiler) addSegments(segments []Segment) {
	c.snapshot.segments = make(map[string]Entity, len(segments))
	for _, g := range segments {
		c.snapshot.segments[g.Key] = Entity{domain.KindSegment, g.ID, g.Key, g.Version, g.Position}
	}
}

func (c *compiler) addHoldouts(holdouts []domain.Holdout) {
	for _, h := range holdouts {
		c.snapshot.holdouts = append(c.snapshot.holdouts, holdout{
			Holdout: h, salt: newSaltHalf(h.Salt),
			share: uint32(min(max(h.SharePPM, 0), domain.Slots)), unitType: c.unitType(h.UnitType),
		})
	}
}

func (c *compiler) addLayers(layers []domain.Layer) {
	for i, l := range layers {
		c.layerAt[l.Key] = int32(i)
		c.snapshot.layers = append(c.snapshot.layers, layer{
			Layer: l, salt: newSaltHalf(l.Salt), unitType: c.unitType(l.UnitType),
		})
	}
}

func (c *compiler) addExperiments(configs []*config) {
	s := c.snapshot
	s.experiments = make([]*Experiment, len(configs))
	s.byKey = make(map[string]*Experiment, len(configs))
	s.rules = make([]rule, len(configs))
	for i, e := range configs {
		s.experiments[i] = &Experiment{snapshot: s, index: i, config: *e, variations: compact(e.Variations)}
		s.byKey[e.Key] = s.experiments[i]
		s.rules[i] = c.rule(e)
	}
	for i, e := range configs {
		c.require(&s.rules[i], e.Prerequisites)
	}
	for i := range s.layers {
		c.order(&s.layers[i], int32(i))
	}
}

func compact(arms []arm) []Variation {
	variations := make([]Variation, len(arms))
	for i, a := range arms {
		value := a.Value.Clone()
		_ = value.Compact() // it was read as JSON: it cannot be malformed
		variations[i] = Variation{a.Key, bytes.Clone(value)}
	}
	return variations
}

func (c *compiler) rule(e *config) rule {
	r := rule{
		salt: newSaltHalf(e.Salt), seed: newFNV.text(e.Salt), traffic: uint32(e.TrafficPPM),
		audience: -1, layer: -1, required: -1,
		unitType: c.unitType(e.UnitType), inactive: e.Status != domain.Active, gb2: e.Hash == domain.GB2,
		split: splitOf(e), more: c.exceptions(e),
	}
	if e.audience != nil {
		r.audience = int32(c.program.Add(e.audience))
	}
	if e.Layer == nil {
		return r
	}
	r.layer = c.layerAt[e.Layer.Key]
	for _, slots := range e.Layer.Slots {
		r.slots = append(r.slots, piece{from: uint32(slots.From), to: uint32(slots.To)})
	}
	return r
}

// splitOf returns the split, with the part of each range that traffic admits
// where one hash decides both.
func splitOf(e *config) []piece {
	pieces := make([]piece, len(e.Split))
	for i, r := range e.Split {
		admitted := (int64(r.To-r.From)*int64(e.TrafficPPM) + domain.Slots - 1) / domain.Slots
		pieces[i] = piece{uint32(r.From), uint32(r.To), uint32(r.From) + uint32(admitted), uint32(e.variation(r.Variation))}
	}
	return pieces
}

// exceptions returns nil where there are none.
func (c *compiler) exceptions(e *config) *exceptions {
	var more exceptions
	for i := range c.snapshot.holdouts {
		if c.snapshot.holdouts[i].reaches(e) {
			more.holdouts = append(more.holdouts, int32(i))
		}
	}
	if len(e.Overrides) > 0 {
		more.overrides = make(map[string]int32, len(e.Overrides))
		for unit, key := range e.Overrides {
			more.overrides[unit] = int32(e.variation(key))
		}
	}
	if len(more.holdouts)+len(more.overrides)+len(e.Prerequisites) == 0 {
		return nil
	}
	return &more
}

// reaches reports whether the experiment is in the holdout's scope.
func (h *holdout) reaches(e *config) bool {
	if len(h.Tags)+len(h.Experiments) == 0 || slices.Contains(h.Experiments, e.Key) {
		return true
	}
	return slices.ContainsFunc(e.Tags, func(tag string) bool { return slices.Contains(h.Tags, tag) })
}

func (c *compiler) require(r *rule, prerequisites []domain.Prerequisite) {
	for _, p := range prerequisites {
		required := requirement{experiment: -1}
		if other, ok := c.snapshot.byKey[p.Experiment]; ok {
			required.experiment = int32(other.index)
			for _, key := range p.Variations {
				if v := other.config.variation(key); v >= 0 {
					required.variations |= 1 << v
				}
			}
			if asked := &c.snapshot.rules[other.index]; asked.required < 0 {
				asked.required = int32(c.snapshot.required)
				c.snapshot.required++
			}
		}
		r.more.requires = append(r.more.requires, required)
	}
}

// order lists the active experiments of an ordered layer and gives each its
// place; those that the layer does not list get none that is ever reached.
func (c *compiler) order(l *layer, at int32) {
	for i := range c.snapshot.rules {
		if r := &c.snapshot.rules[i]; r.layer == at {
			r.place = ^uint32(0)
		}
	}
	if l.Mode != domain.OrderedLayer {
		return
	}
	for _, key := range l.Order {
		e, ok := c.snapshot.byKey[key]
		if !ok {
			continue
		}
		if r := &c.snapshot.rules[e.index]; r.layer == at && !r.inactive {
			r.place = uint32(len(l.order))
			l.order = append(l.order, int32(e.index))
		}
	}
}
