package derive

import (
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// maxMoments bounds what is kept compiled, to some 30 MB. Whoever thinks of more
// positions than that makes each cost a compilation of one experiment.
const maxMoments = 4096

// moment is one experiment, with what it depends on, ready to evaluate. Positions
// between which nothing of that changed share one.
type moment struct {
	snapshot   *evaluator.Snapshot
	experiment *evaluator.Experiment // nil: it cannot be evaluated
	unit       evaluator.Unit
	asks       bool // whether attributes matter
}

func (d *Deriver) momentOf(s *settings, position int64, whole bool) (*moment, error) {
	n := &d.need
	n.collect(d.past, position, s, whole)
	if m, ok := d.moments[string(n.key)]; ok {
		return m, nil
	}
	document, err := n.document(func(segment, id string) bool { return d.past.isMember(segment, id, d.asOf) })
	if err != nil {
		return nil, err
	}
	m := &moment{asks: n.asks}
	m.snapshot, _ = evaluator.Compile(document)
	m.experiment, _ = m.snapshot.Experiment(s.Key)
	if len(d.moments) == maxMoments {
		clear(d.moments)
	}
	d.moments[string(n.key)] = m
	return m, nil
}

// evaluate returns the key of the variation that the exposure's unit gets.
func (m *moment) evaluate(unitType string, x *Exposure) (variation string, reason evaluator.Reason) {
	var attributes map[string]any
	if m.asks {
		_ = json.Unmarshal(x.Attributes, &attributes) // what is no object has no attributes
	}
	id := x.Unit
	if unitType != userID {
		id = ""
		if unit, ok := m.experiment.UnitID("", attributes); !ok || unit != x.Unit {
			if attributes == nil {
				attributes = make(map[string]any, 1)
			}
			attributes[unitType] = x.Unit
		}
	}
	m.snapshot.Prepare(&m.unit, id, attributes)
	result := m.snapshot.Evaluate(m.experiment, &m.unit)
	return m.experiment.Variations()[result.Variation].Key, result.Reason
}

// need is what it takes to evaluate one experiment at one position: all of it,
// or what can be told without attributes. It is used again to spare memory.
type need struct {
	past     *past
	position int64
	unitType string
	whole    bool
	asks     bool

	// key names all that was looked at, and so what the answer depends on.
	key         []byte
	experiments []*settings
	layers      []*layer
	holdouts    []domain.Holdout
}

func (n *need) collect(p *past, position int64, s *settings, whole bool) {
	n.past, n.position, n.unitType, n.whole, n.asks = p, position, s.UnitType, whole, false
	n.key, n.experiments, n.layers = n.key[:0], n.experiments[:0], n.layers[:0]
	n.look(0)
	if whole {
		n.key[0] = 1
	}
	h := p.holdouts.at(position)
	n.look(h.number)
	n.holdouts = h.list
	for i := range h.list {
		n.asks = n.asks || whole && h.list[i].UnitType != s.UnitType
	}
	n.add(s)
}

func (n *need) look(number uint32) { n.key = binary.LittleEndian.AppendUint32(n.key, number) }

// tells says whether the exposure tells a unit's id of a type. Attributes never
// tell the user_id.
func (n *need) tells(unitType string) bool {
	return unitType == n.unitType || n.whole && unitType != userID
}

// add takes an experiment up with its prerequisites and its layer.
func (n *need) add(s *settings) {
	if slices.Contains(n.experiments, s) {
		return
	}
	n.experiments = append(n.experiments, s)
	n.look(s.number)
	n.asks = n.asks || n.whole && (string(s.Audience) != "{}" || s.UnitType != n.unitType)
	for _, p := range s.Prerequisites {
		if other := n.past.active(p.Experiment, n.position); other != nil {
			if n.tells(other.UnitType) {
				n.add(other)
			} else {
				n.look(other.number)
			}
		}
	}
	if s.Layer != nil {
		n.addLayer(n.past.layer(s.Layer.Key, n.position))
	}
}

func (n *need) addLayer(l *layer) {
	if l == nil || slices.Contains(n.layers, l) {
		return
	}
	n.layers = append(n.layers, l)
	n.look(l.number)
	if !n.whole {
		return
	}
	for _, key := range l.Order {
		if other := n.past.active(key, n.position); other != nil {
			n.add(other)
		}
	}
}

// document is what is needed, for the evaluator. What cannot be told is left out
// of it: conditions on it are as if they were met.
func (n *need) document(isMember func(segment, id string) bool) (evaluator.Document, error) {
	d := evaluator.Document{Position: n.position, Holdouts: n.holdouts}
	for _, l := range n.layers {
		d.Layers = append(d.Layers, l.Layer)
	}
	segments := map[string]bool{}
	for _, s := range n.experiments {
		e := s.Experiment
		n.leaveOut(&e)
		raw, err := domain.Encode(&e)
		if err != nil {
			return d, err
		}
		d.Experiments = append(d.Experiments, raw)
		groups, err := e.Groups()
		if err != nil {
			return d, err
		}
		for _, key := range groups {
			if !segments[key] {
				segments[key] = true
				d.Segments = append(d.Segments, evaluator.Segment{Key: key, Has: func(id string) bool { return isMember(key, id) }})
			}
		}
	}
	return d, nil
}

func (n *need) leaveOut(e *domain.Experiment) {
	e.Prerequisites = slices.DeleteFunc(slices.Clone(e.Prerequisites), func(p domain.Prerequisite) bool {
		other := n.past.active(p.Experiment, n.position)
		return other != nil && !n.tells(other.UnitType)
	})
	if n.whole {
		return
	}
	e.Audience = jsontext.Value("{}")
	if e.Layer != nil {
		if l := n.past.layer(e.Layer.Key, n.position); l != nil && l.Mode == domain.OrderedLayer {
			e.Layer = nil
		}
	}
}
