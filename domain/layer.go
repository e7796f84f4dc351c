package domain

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// The modes of a layer.
const (
	// RandomLayer gives each experiment slots of its own.
	RandomLayer = "random"
	// OrderedLayer gives a unit to the first experiment that takes it.
	OrderedLayer = "ordered"
)

// maxRanges bounds the pieces of a layer that one experiment may hold.
const maxRanges = 256

// Layer is a mutually exclusive group of experiments of one unit type.
type Layer struct {
	Header
	Name        string `json:"name"`
	Description string `json:"description"`
	Mode        string `json:"mode"`
	UnitType    string `json:"unit_type"`
	Salt        string `json:"salt"`
	// Order lists the keys of an ordered layer's experiments, first come first.
	Order []string `json:"order"`
}

// Occupied is a part of a layer and the experiment that holds it.
type Occupied struct {
	Experiment string `json:"experiment"`
	Range      `json:",embed"`
}

func (l *Layer) title() string   { return l.Name }
func (l *Layer) fixed() []string { return []string{"mode", "unit_type", "salt"} }

func (l *Layer) defaults() {
	l.Mode, l.UnitType, l.Salt, l.Order = RandomLayer, "user_id", l.ID.String(), []string{}
}

func (l *Layer) check(c *Catalog, old *Layer) error {
	if err := checkText("description", l.Description, MaxText); err != nil {
		return err
	}
	if err := oneOf("mode", l.Mode, RandomLayer, OrderedLayer); err != nil {
		return err
	}
	if !attribute.MatchString(l.UnitType) {
		return Invalid("unit_type", "must be the name of an attribute")
	}
	if err := checkSalt(l.Salt); err != nil {
		return err
	}
	if l.Order == nil {
		l.Order = []string{}
	}
	var members []string
	if old != nil {
		members = slices.Sorted(slices.Values(old.Order))
	}
	if !slices.Equal(members, slices.Sorted(slices.Values(l.Order))) {
		return Invalid("order", "must list the experiments of the layer, each once: %q", members)
	}
	return nil
}

// CreateLayer decides to create a layer.
func (c *Catalog) CreateLayer(id uuid.UUID, body []byte) ([]Change, error) {
	return created(create(c.Layers, id, body))
}

// EditLayer decides a merge patch of a layer.
func (c *Catalog) EditLayer(l *Layer, patch []byte) ([]Change, error) {
	return changed(edit(c, l, patch))
}

// DeleteLayer decides to delete a layer that no experiment is in.
func (c *Catalog) DeleteLayer(l *Layer) ([]Change, error) {
	for e := range c.Experiments.All() {
		if e.Layer != nil && e.Layer.Key == l.Key {
			return nil, &ConflictError{Problem: "experiment " + e.Key + " is in the layer"}
		}
	}
	return deleted(l), nil
}

// Occupancy lists what experiments hold of a random layer, in order of slots.
func (c *Catalog) Occupancy(l *Layer) []Occupied { return c.occupied(l, uuid.Nil) }

func (c *Catalog) occupied(l *Layer, except uuid.UUID) []Occupied {
	all := []Occupied{}
	for e := range c.Experiments.All() {
		if e.Layer == nil || e.Layer.Key != l.Key || e.ID == except {
			continue
		}
		for _, r := range e.Layer.Slots {
			all = append(all, Occupied{Experiment: e.Key, Range: r})
		}
	}
	slices.SortFunc(all, func(a, b Occupied) int { return cmp.Compare(a.From, b.From) })
	return all
}

// placeInLayer gives an experiment its slots, or its place in the order, and
// returns the changes of layers that go with it.
func (c *Catalog) placeInLayer(e, old *Experiment) ([]Change, error) {
	var changes []Change
	if old != nil && old.Layer != nil && (e.Layer == nil || e.Layer.Key != old.Layer.Key) {
		changes = c.leaveLayer(old)
	}
	if e.Layer == nil {
		return changes, nil
	}
	layer, ok := c.Layers.ByKey(e.Layer.Key)
	if !ok {
		return nil, Invalid("layer.key", "names a layer that does not exist: %s", e.Layer.Key)
	}
	if layer.UnitType != e.UnitType {
		if old != nil && old.UnitType != e.UnitType {
			return nil, Invalid("unit_type", "must stay that of layer %s: %s", layer.Key, layer.UnitType)
		}
		return nil, Invalid("layer.key", "names a layer of another unit type: %s", layer.UnitType)
	}
	if layer.Mode == OrderedLayer {
		joined, err := joinOrder(e, layer)
		return append(changes, joined...), err
	}
	slots, err := c.takeSlots(e, layer)
	if err != nil {
		return nil, err
	}
	e.Layer = &LayerShare{Key: layer.Key, Slots: slots}
	return changes, nil
}

func joinOrder(e *Experiment, l *Layer) ([]Change, error) {
	if len(e.Layer.Slots) > 0 || e.Layer.SharePPM != nil {
		return nil, Invalid("layer", "must have neither slots nor share_ppm: layer %s is ordered", l.Key)
	}
	e.Layer = &LayerShare{Key: l.Key}
	if slices.Contains(l.Order, e.Key) {
		return nil, nil
	}
	next := *l
	next.Header = Header{ID: l.ID, Key: l.Key}
	next.Order = append(slices.Clone(l.Order), e.Key)
	return changed(&next, nil)
}

// leaveLayer takes an experiment out of its ordered layer's order.
func (c *Catalog) leaveLayer(e *Experiment) []Change {
	if e.Layer == nil {
		return nil
	}
	l, ok := c.Layers.ByKey(e.Layer.Key)
	if !ok || !slices.Contains(l.Order, e.Key) {
		return nil
	}
	next := *l
	next.Header = Header{ID: l.ID, Key: l.Key}
	next.Order = slices.DeleteFunc(slices.Clone(l.Order), func(k string) bool { return k == e.Key })
	changes, _ := changed(&next, nil)
	return changes
}

// takeSlots returns the slots that the experiment asks for, by range or by
// share: a share keeps what the experiment holds, gives up its highest slots,
// or adds the lowest free ones.
func (c *Catalog) takeSlots(e *Experiment, l *Layer) ([]Range, error) {
	slots, err := orderSlots(e.Layer.Slots)
	if err != nil {
		return nil, err
	}
	taken := c.occupied(l, e.ID)
	if e.Layer.SharePPM != nil {
		return shareSlots(slots, taken, *e.Layer.SharePPM)
	}
	if len(slots) == 0 {
		return nil, Invalid("layer", "must have slots, or share_ppm to be given free ones")
	}
	for _, r := range slots {
		for _, o := range taken {
			if r.From < o.To && o.From < r.To {
				return nil, &ConflictError{Problem: fmt.Sprintf("slots %d to %d of layer %s belong to experiment %s", o.From, o.To, l.Key, o.Experiment)}
			}
		}
	}
	return slots, nil
}

// orderSlots sorts and joins ranges, which must not overlap.
func orderSlots(slots []Range) ([]Range, error) {
	ordered := slices.Clone(slots)
	slices.SortFunc(ordered, func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	joined := ordered[:0]
	for _, r := range ordered {
		if r.From < 0 || r.To > Slots || r.From >= r.To {
			return nil, Invalid("layer.slots", "must be ranges within 0 to %d, from below to", Slots)
		}
		n := len(joined)
		switch {
		case n > 0 && joined[n-1].To > r.From:
			return nil, Invalid("layer.slots", "must not overlap: slot %d is in two ranges", r.From)
		case n > 0 && joined[n-1].To == r.From:
			joined[n-1].To = r.To
		default:
			joined = append(joined, r)
		}
	}
	if len(joined) > maxRanges {
		return nil, Invalid("layer.slots", "must be at most %d ranges", maxRanges)
	}
	return joined, nil
}

func shareSlots(held []Range, taken []Occupied, share int) ([]Range, error) {
	if share < 1 || share > Slots {
		return nil, Invalid("layer.share_ppm", "must be a whole number from 1 to %d", Slots)
	}
	slots, missing := cutSlots(nil, held, share)
	free := freeSlots(held, taken)
	all, missing := cutSlots(slots, free, missing)
	if missing > 0 {
		return nil, &ConflictError{Problem: fmt.Sprintf("the layer has %d slots too few", missing)}
	}
	if ordered, err := orderSlots(all); err == nil {
		return ordered, nil
	}
	// The lowest are too many pieces: the longest are the fewest.
	slices.SortStableFunc(free, func(a, b Range) int { return cmp.Compare(b.To-b.From, a.To-a.From) })
	slots, missing = cutSlots(nil, held, share)
	all, _ = cutSlots(slots, free, missing)
	return orderSlots(all)
}

// cutSlots adds the first n slots of the ranges to slots, and says how many are
// missing to n.
func cutSlots(slots, ranges []Range, n int) (longer []Range, missing int) {
	for _, r := range ranges {
		if take := min(n, r.To-r.From); take > 0 {
			slots, n = append(slots, Range{From: r.From, To: r.From + take}), n-take
		}
	}
	return slots, n
}

// freeSlots returns the ranges that are neither held nor taken.
func freeSlots(held []Range, taken []Occupied) []Range {
	used := slices.Clone(held)
	for _, o := range taken {
		used = append(used, o.Range)
	}
	slices.SortFunc(used, func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	var free []Range
	next := 0
	for _, r := range used {
		if r.From > next {
			free = append(free, Range{From: next, To: r.From})
		}
		next = max(next, r.To)
	}
	if next < Slots {
		free = append(free, Range{From: next, To: Slots})
	}
	return free
}

// checkLayerRequest refuses to be asked for slots and for a share of any.
func checkLayerRequest(body []byte) error {
	slots, share := layerRequest(body)
	if slots != nil && share != nil && slots.Kind() != 'n' && share.Kind() != 'n' {
		return Invalid("layer", "must have either slots or share_ppm, not both")
	}
	return nil
}

// layerRequest returns what a body says of slots and of a share; nil is nothing.
// What is no layer at all is refused where it is decoded.
func layerRequest(body []byte) (slots, share jsontext.Value) {
	var said struct {
		Layer jsontext.Value `json:"layer"`
	}
	var layer map[string]jsontext.Value
	if json.Unmarshal(body, &said) != nil || said.Layer.Kind() != '{' || json.Unmarshal(said.Layer, &layer) != nil {
		return nil, nil
	}
	return layer["slots"], layer["share_ppm"]
}

// forgetOldSlots drops the slots of the old layer from a patch that names
// another one and says nothing of slots.
func forgetOldSlots(next, old *Experiment, patch []byte) {
	if next.Layer == nil || old.Layer == nil || next.Layer.Key == old.Layer.Key {
		return
	}
	if slots, _ := layerRequest(patch); slots == nil {
		next.Layer = &LayerShare{Key: next.Layer.Key, SharePPM: next.Layer.SharePPM}
	}
}
