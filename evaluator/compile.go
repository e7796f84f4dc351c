package evaluator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/targeting"
)

// readTogether is how many experiments one processor reads at a time.
const readTogether = 32

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
func Compile(d Document) (*Snapshot, []Fault) { return compile(d, nil) }

// Recompile compiles what became of the document of s. Segments that are as they
// were are not built again: a million ids take a tenth of a second.
func (s *Snapshot) Recompile(d Document) (*Snapshot, []Fault) { return compile(d, s.built) }

// builtSegment is the ids of a segment, and what they were built into.
type builtSegment struct {
	ids     []string
	members *targeting.Members
}

func compile(d Document, before map[string]builtSegment) (*Snapshot, []Fault) {
	c := compiler{
		snapshot:  &Snapshot{position: d.Position, at: d.At, unitTypes: []string{userID}},
		layers:    map[string]*domain.Layer{},
		unitTypes: map[string]int32{userID: 0},
		layerAt:   map[string]int32{},
	}
	for i := range d.Layers {
		c.layers[d.Layers[i].Key] = &d.Layers[i]
	}
	configs := c.leaveOutCircles(c.read(d.Experiments))
	c.program = targeting.NewCompiler(c.addSegments(d.Segments, before))
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
	unitTypes map[string]int32
	faults    []Fault
	place     []int32 // in the rules, by experiment
}

func (c *compiler) fault(experiment string, err error) {
	c.faults = append(c.faults, Fault{experiment, err.Error()})
}

// read returns the experiments that are right by themselves, by key.
func (c *compiler) read(raws []json.RawMessage) []*config {
	read, errs := readConfigs(raws)
	configs := make([]*config, 0, len(raws))
	for i := range read {
		e, err := &read[i], errs[i]
		if err == nil {
			err = e.checkLayer(c.layers)
		}
		switch {
		case err != nil:
			c.fault(cmp.Or(e.Key, e.ID, strconv.Itoa(i)), err)
		case !e.Deleted:
			configs = append(configs, e)
		}
	}
	slices.SortFunc(configs, func(a, b *config) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return slices.CompactFunc(configs, func(a, b *config) bool {
		if a.Key == b.Key {
			c.fault(b.Key, fmt.Errorf("key is also that of experiment %s", a.ID))
		}
		return a.Key == b.Key
	})
}

// readConfigs reads on all processors: decoding is most of a compilation.
func readConfigs(raws []json.RawMessage) (configs []config, errs []error) {
	configs, errs = make([]config, len(raws)), make([]error, len(raws))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 1+len(raws)/readTogether) {
		wg.Go(func() {
			var r reader
			for from := int(next.Add(readTogether)) - readTogether; from < len(raws); from = int(next.Add(readTogether)) - readTogether {
				for i := from; i < min(from+readTogether, len(raws)); i++ {
					errs[i] = r.experiment(raws[i], &configs[i])
				}
			}
		})
	}
	wg.Wait()
	return configs, errs
}

// leaveOutCircles leaves out experiments that require each other: none of them
// could ever be decided.
func (c *compiler) leaveOutCircles(configs []*config) []*config {
	if !slices.ContainsFunc(configs, func(e *config) bool { return len(e.Prerequisites) > 0 }) {
		return configs
	}
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

func (c *compiler) unitType(name string) int32 {
	i, ok := c.unitTypes[name]
	if !ok {
		i = int32(len(c.snapshot.unitTypes))
		c.unitTypes[name] = i
		c.snapshot.unitTypes = append(c.snapshot.unitTypes, name)
	}
	return i
}

func (c *compiler) addSegments(segments []Segment, before map[string]builtSegment) map[string]*targeting.Members {
	c.snapshot.segments = make(map[string]Entity, len(segments))
	c.snapshot.built = make(map[string]builtSegment, len(segments))
	members := make(map[string]*targeting.Members, len(segments))
	for _, g := range segments {
		c.snapshot.segments[g.Key] = Entity{domain.KindSegment, g.ID, g.Key, g.Version, g.Position}
		if g.Has != nil {
			members[g.Key] = targeting.MembersWho(g.Has)
			continue
		}
		b, ok := before[g.Key]
		if !ok || !slices.Equal(b.ids, g.IDs) {
			b = builtSegment{g.IDs, targeting.NewMembers(g.IDs)}
		}
		c.snapshot.built[g.Key], members[g.Key] = b, b.members
	}
	return members
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
	s.rules = make([]rule, len(configs))
	s.required, c.place = make([]int32, len(configs)), make([]int32, len(configs))
	c.addAudiences(configs)
	// Side by side in memory, for the sake of caches.
	together, keys := make([]Experiment, len(configs)), keysOf(configs)
	for i, e := range configs {
		e.Key, keys = keys[:len(e.Key)], keys[len(e.Key):]
		together[i] = Experiment{key: e.Key, snapshot: s, index: i, config: e, variations: e.Variations}
		s.experiments[i] = &together[i]
		s.rules[i] = c.rule(e)
		s.rules[i].at = int32(i)
		s.required[i] = -1
	}
	s.keys = newKeyIndex(together)
	slices.SortFunc(s.rules, compareRules)
	for i := range s.rules {
		c.place[s.rules[i].at] = int32(i)
		for g := s.rules[i].group; g < other; g++ {
			s.groups[g]++
		}
	}
	for _, e := range s.experiments {
		c.require(e)
	}
	for i := range s.layers {
		c.order(&s.layers[i], int32(i))
	}
	for i, e := range s.experiments {
		e.rule = s.rules[c.place[i]]
	}
}

// compareRules orders like rules after each other.
func compareRules(a, b rule) int {
	switch {
	case a.group != b.group:
		return cmp.Compare(a.group, b.group)
	case a.layer != b.layer:
		return cmp.Compare(a.layer, b.layer)
	case a.audience != b.audience:
		return cmp.Compare(a.audience, b.audience)
	}
	return cmp.Compare(a.at, b.at)
}

// addAudiences orders audiences by their text: those that begin with the same
// test are then matched after each other, which processors foretell better.
func (c *compiler) addAudiences(configs []*config) {
	aimed := slices.DeleteFunc(slices.Clone(configs), func(e *config) bool { return e.audience == nil })
	slices.SortFunc(aimed, func(a, b *config) int { return bytes.Compare(a.Audience, b.Audience) })
	for _, e := range aimed {
		c.program.Add(e.audience)
	}
}

func keysOf(configs []*config) string {
	size := 0
	for _, e := range configs {
		size += len(e.Key)
	}
	var keys strings.Builder
	keys.Grow(size)
	for _, e := range configs {
		keys.WriteString(e.Key)
	}
	return keys.String()
}

func (c *compiler) rule(e *config) rule {
	r := rule{
		salt: newSaltHalf(e.Salt), traffic: uint32(e.TrafficPPM), audience: -1, layer: -1, unitType: c.unitType(e.UnitType),
		group: other, more: c.exceptions(e),
	}
	if e.audience != nil {
		r.audience = int32(c.program.Add(e.audience))
	}
	if e.Layer != nil {
		r.layer = c.layerAt[e.Layer.Key]
		if len(e.Layer.Slots) > 0 {
			r.lane = lanesOf(e.Layer.Slots[:1])[0]
		}
	}
	for i := range min(len(e.Split), len(r.arms)) {
		r.arms[i] = uint8(e.variation(e.Split[i].Variation))
	}
	for i := range r.cuts {
		r.cuts[i] = domain.Slots
		if i+1 < len(e.Split) {
			r.cuts[i] = uint32(e.Split[i+1].From)
		}
	}
	simple := r.more == nil && r.unitType == 0
	switch {
	case e.Status != domain.Active:
		r.group = stopped
	case simple && r.audience < 0 && r.layer < 0:
		r.group = plain
	case simple && r.audience < 0 && c.layers[e.Layer.Key].Mode == domain.RandomLayer:
		r.group = laned
	case simple && r.layer < 0:
		r.group = aimed
	}
	return r
}

func lanesOf(ranges []domain.Range) []lane {
	lanes := make([]lane, len(ranges))
	for i, r := range ranges {
		lanes[i] = lane{uint32(r.From), uint32(r.To)}
	}
	return lanes
}

// splitOf returns the split, with the part of each range that traffic admits
// where one hash decides both.
func splitOf(e *config) []piece {
	pieces := make([]piece, len(e.Split))
	for i, r := range e.Split {
		admitted := (int64(r.To-r.From)*int64(e.TrafficPPM) + domain.Slots - 1) / domain.Slots
		pieces[i] = piece{uint32(r.To), uint32(r.From) + uint32(admitted), uint32(e.variation(r.Variation))}
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
	if e.Layer != nil && len(e.Layer.Slots) > 1 {
		more.lanes = lanesOf(e.Layer.Slots[1:])
	}
	if more.gb2 = e.Hash == domain.GB2; more.gb2 || len(e.Split) > len(rule{}.arms) {
		more.split, more.seed = splitOf(e), newFNV.text(e.Salt)
	}
	if len(more.holdouts)+len(more.overrides)+len(more.lanes)+len(more.split)+len(e.Prerequisites) == 0 {
		return nil
	}
	kept := more // few experiments have any, and only those allocate
	return &kept
}

// reaches reports whether the experiment is in the holdout's scope.
func (h *holdout) reaches(e *config) bool {
	if len(h.Tags)+len(h.Experiments) == 0 || slices.Contains(h.Experiments, e.Key) {
		return true
	}
	return slices.ContainsFunc(e.Tags, func(tag string) bool { return slices.Contains(h.Tags, tag) })
}

// require looks up the prerequisites of an experiment; the rules have their
// places.
func (c *compiler) require(e *Experiment) {
	s := c.snapshot
	for _, p := range e.config.Prerequisites {
		r := requirement{rule: -1}
		if other := s.keys.find(p.Experiment); other != nil {
			r.rule = c.place[other.index]
			for _, key := range p.Variations {
				if v := other.config.variation(key); v >= 0 {
					r.variations |= 1 << v
				}
			}
			if s.required[r.rule] < 0 {
				s.required[r.rule] = int32(s.requirable)
				s.requirable++
			}
		}
		more := s.rules[c.place[e.index]].more
		more.requires = append(more.requires, r)
	}
}

// order lists the active experiments of an ordered layer and gives each its
// place; those that the layer does not list get none that is ever reached.
func (c *compiler) order(l *layer, at int32) {
	if l.Mode != domain.OrderedLayer {
		return
	}
	s := c.snapshot
	for i := range s.rules {
		if s.rules[i].layer == at {
			s.rules[i].lane.from = ^uint32(0)
		}
	}
	for _, key := range l.Order {
		e := s.keys.find(key)
		if e == nil {
			continue
		}
		place := c.place[e.index]
		if r := &s.rules[place]; r.layer == at && r.group != stopped {
			r.lane.from = uint32(len(l.order))
			l.order = append(l.order, place)
		}
	}
}
