package derive

import (
	"math"
	"reflect"
	"slices"
	"sort"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

// past is what stood under each key of the ledger, and since when. It tells
// apart only what evaluation tells apart: most edits leave it as it was.
type past struct {
	hash  []byte  // the chain's at the end
	times []int64 // by position, from 1: microseconds since 1970; never falling

	experiments map[string]*timeline[standing]
	layers      map[string]*timeline[*layer]
	segments    map[string]*timeline[uuid.UUID] // the nil id: no segment
	holdouts    timeline[holdouts]
	// members are the positions at which an id entered and left a segment, in
	// turns.
	members map[uuid.UUID]map[string][]int64

	now     map[uuid.UUID]standing // what experiments are at the end
	keys    map[uuid.UUID]string   // of experiments, layers and segments
	numbers uint32                 // of settings, layers and holdouts
}

// standing is an experiment at a position; without settings there is none.
type standing struct {
	*settings
	active bool
}

// settings are an experiment as evaluation sees it. They are never changed.
type settings struct {
	domain.Experiment
	epoch  int
	number uint32
}

type layer struct {
	domain.Layer
	number uint32
}

type holdouts struct {
	list   []domain.Holdout
	number uint32
}

func newPast() *past {
	return &past{
		experiments: map[string]*timeline[standing]{},
		layers:      map[string]*timeline[*layer]{},
		segments:    map[string]*timeline[uuid.UUID]{},
		members:     map[uuid.UUID]map[string][]int64{},
		now:         map[uuid.UUID]standing{},
		keys:        map[uuid.UUID]string{},
	}
}

// timeline is values, each from its position on.
type timeline[T any] struct {
	from []int64
	was  []T
}

func (t *timeline[T]) add(position int64, value T) {
	t.from, t.was = append(t.from, position), append(t.was, value)
}

// at is the value at a position, the zero one before all.
func (t *timeline[T]) at(position int64) (value T) {
	if i := after(t.from, position); i > 0 {
		return t.was[i-1]
	}
	return value
}

// after is how many of the ascending positions are not after one.
func after(ascending []int64, position int64) int {
	if n := len(ascending); n == 0 || ascending[n-1] <= position {
		return n
	}
	return sort.Search(len(ascending), func(i int) bool { return ascending[i] > position })
}

func under[T any](timelines map[string]*timeline[T], key string) *timeline[T] {
	t, ok := timelines[key]
	if !ok {
		t = &timeline[T]{}
		timelines[key] = t
	}
	return t
}

// end is the last position, last its time; without records that of no event.
func (p *past) end() int64 { return int64(len(p.times)) }

func (p *past) last() int64 {
	if len(p.times) == 0 {
		return math.MinInt64
	}
	return p.times[len(p.times)-1]
}

// positionOf is the position that an exposure is judged at.
func (p *past) positionOf(x *Exposure) int64 {
	if 0 < x.Position && x.Position <= p.end() {
		return x.Position
	}
	position := int64(after(p.times, x.At.UnixMicro()))
	if x.Position < 0 {
		return min(position, -x.Position)
	}
	return position
}

func (p *past) experiment(key string, position int64) standing {
	if t, ok := p.experiments[key]; ok {
		return t.at(position)
	}
	return standing{}
}

// active is an experiment that is evaluated, or nil.
func (p *past) active(key string, position int64) *settings {
	if stood := p.experiment(key, position); stood.active {
		return stood.settings
	}
	return nil
}

func (p *past) layer(key string, position int64) *layer {
	if t, ok := p.layers[key]; ok {
		return t.at(position)
	}
	return nil
}

// isMember says whether an id is in the segment that has the key.
func (p *past) isMember(key, id string, position int64) bool {
	t, ok := p.segments[key]
	if !ok {
		return false
	}
	return after(p.members[t.at(position)][id], position)%2 == 1
}

// fold takes the next record up.
func (p *past) fold(position int64, stream domain.Stream, event domain.Event) {
	_, id, _ := stream.Entity()
	switch e := event.(type) {
	case domain.Created[domain.Experiment]:
		p.write(position, &e.After)
	case domain.Changed[domain.Experiment]:
		p.write(position, &e.After)
	case domain.StatusChanged:
		p.stand(position, id, standing{p.now[id].settings, e.New == domain.Active})
	case domain.Deleted[domain.Experiment]:
		p.stand(position, id, standing{})
	case domain.Created[domain.Layer]:
		p.writeLayer(position, e.After)
	case domain.Changed[domain.Layer]:
		p.writeLayer(position, e.After)
	case domain.Deleted[domain.Layer]:
		under(p.layers, p.keys[id]).add(position, nil)
	case domain.Created[domain.Holdout]:
		p.writeHoldout(position, id, &e.After)
	case domain.Changed[domain.Holdout]:
		p.writeHoldout(position, id, &e.After)
	case domain.Deleted[domain.Holdout]:
		p.writeHoldout(position, id, nil)
	case domain.Created[domain.Segment]:
		p.keys[id] = e.After.Key
		under(p.segments, e.After.Key).add(position, id)
	case domain.Deleted[domain.Segment]:
		under(p.segments, p.keys[id]).add(position, uuid.Nil)
	case domain.MembersChanged:
		p.move(position, id, e)
	}
}

func (p *past) number() uint32 {
	p.numbers++
	return p.numbers
}

// write takes an experiment's document up.
func (p *past) write(position int64, e *domain.Experiment) {
	before := p.now[e.ID]
	next := &settings{Experiment: asEvaluated(e)}
	if before.settings != nil && before.Phase == e.Phase {
		next.epoch = before.epoch
		if !slices.Equal(before.Split, e.Split) {
			next.epoch++
		}
	}
	if before.settings != nil && reflect.DeepEqual(before.Experiment, next.Experiment) {
		next = before.settings
	} else {
		next.number = p.number()
	}
	p.keys[e.ID] = e.Key
	p.stand(position, e.ID, standing{next, e.Status == domain.Active})
}

func (p *past) stand(position int64, id uuid.UUID, now standing) {
	if before, ok := p.now[id]; !ok || before != now {
		p.now[id] = now
		under(p.experiments, p.keys[id]).add(position, now)
	}
}

// asEvaluated is an experiment without what evaluation does not look at. The
// status stands apart.
func asEvaluated(e *domain.Experiment) domain.Experiment {
	s := domain.Settings{
		Tags: e.Tags, UnitType: e.UnitType, Salt: e.Salt, TrafficPPM: e.TrafficPPM, Layer: e.Layer,
		Audience: e.Audience, Overrides: e.Overrides, Prerequisites: e.Prerequisites,
	}
	for _, v := range e.Variations {
		s.Variations = append(s.Variations, domain.Variation{Key: v.Key, Value: jsontext.Value("0")})
	}
	return domain.Experiment{
		Header: domain.Header{ID: e.ID, Key: e.Key},
		Status: domain.Active, Phase: e.Phase, Hash: e.Hash, Split: e.Split, Settings: s,
	}
}

func (p *past) writeLayer(position int64, l domain.Layer) {
	l.Name, l.Description = "", ""
	p.keys[l.ID] = l.Key
	t := under(p.layers, l.Key)
	if before := t.at(position); before == nil || !reflect.DeepEqual(before.Layer, l) {
		t.add(position, &layer{l, p.number()})
	}
}

// writeHoldout takes a holdout up, or out where it is nil.
func (p *past) writeHoldout(position int64, id uuid.UUID, h *domain.Holdout) {
	before := p.holdouts.at(position).list
	list := slices.DeleteFunc(slices.Clone(before), func(h domain.Holdout) bool { return h.ID == id })
	if h != nil {
		stripped := *h
		stripped.Name, stripped.Description = "", ""
		list = append(list, stripped)
	}
	if !reflect.DeepEqual(list, before) {
		p.holdouts.add(position, holdouts{list, p.number()})
	}
}

func (p *past) move(position int64, segment uuid.UUID, e domain.MembersChanged) {
	in, ok := p.members[segment]
	if !ok {
		in = make(map[string][]int64, len(e.Added))
		p.members[segment] = in
	}
	for _, ids := range [][]string{e.Added, e.Removed} {
		for _, id := range ids {
			in[id] = append(in[id], position)
		}
	}
}
