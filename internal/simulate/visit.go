package simulate

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/assaylabs/assay/sdk"
)

const (
	// visitLength is the longest that a visit takes, but for bots.
	visitLength = 5 * time.Minute
	// buyChance is that of a visit of the average person, before any effect.
	buyChance = 0.08
	// comeChance is that of a visit after the first to take place.
	comeChance = 0.8
	botPages   = 12_000
	// pageTime is the median time that a page takes to load, in milliseconds.
	pageTime = 180
)

// session is a visit that takes place.
type session struct {
	*world
	ctx        context.Context
	post       *post
	who        *person
	r          *rand.Rand
	attributes map[string]any
	start, now time.Time
	count      uint64
	err        error
}

// visit plays one visit.
func (w *world) visit(ctx context.Context, p *post, who *person, v visit) error {
	s := &session{
		world: w, ctx: ctx, post: p, who: who, attributes: who.attributes(), start: v.at, now: v.at,
		r: w.rand(streamVisit, uint64(who.number), uint64(v.at.UnixMilli())),
	}
	seen := s.look()
	effect := s.effect(seen)
	if comes := s.r.Float64(); !v.first && comes >= comeChance*(1+effect.Return) {
		return nil
	}
	if !w.came[who.number] {
		w.came[who.number] = true
		w.visited++
	}
	s.expose(seen)
	s.act("visit", nil)
	s.browse(effect)
	return s.err
}

// sight is a variation that the unit is shown.
type sight struct {
	experiment, variation int
	position              int64
}

// look asks for the variations, as the shop's program does.
func (s *session) look() []sight {
	if s.start.Before(s.launch) {
		return nil
	}
	var seen []sight
	for i := range s.experiments {
		e := &s.experiments[i]
		unit := sdk.Unit{Attributes: s.attributes}
		if s.known() && e.UnitType == unitUser {
			unit.ID = s.who.user()
		}
		got := s.client.Peek(e.Key, unit)
		if got.Reason != sdk.ReasonSplit {
			continue
		}
		if j := slices.IndexFunc(e.Variations, func(v Variation) bool { return v.Key == got.Variation }); j >= 0 {
			seen = append(seen, sight{i, j, got.Position})
		}
	}
	return seen
}

func (s *session) known() bool { return !s.start.Before(s.who.login) }

// effect is that of all variations together, faded as novelty fades.
func (s *session) effect(seen []sight) Effect {
	all := Effect{}
	for _, at := range seen {
		e := s.experiments[at.experiment].Variations[at.variation].Effect
		fade := 1.0
		if e.HalfLifeHours > 0 {
			since := s.launch
			if s.who.arrival.After(since) {
				since = s.who.arrival
			}
			fade = math.Exp2(-s.start.Sub(since).Hours() / e.HalfLifeHours)
		}
		for _, change := range []struct {
			into *float64
			by   float64
		}{{&all.Conversion, e.Conversion}, {&all.Value, e.Value}, {&all.Return, e.Return}, {&all.Latency, e.Latency}} {
			*change.into = (1+*change.into)*(1+fade*change.by) - 1
		}
	}
	return all
}

// expose tells of what is seen, unless the truth says that it gets lost.
func (s *session) expose(seen []sight) {
	for _, at := range seen {
		e := &s.experiments[at.experiment]
		v := &e.Variations[at.variation]
		exposure := event{
			unit: s.who.user(), unitType: unitUser, experiment: e.Key, variation: v.Key,
			position: at.position, attributes: s.who.attributesJSON(),
		}
		if e.UnitType == unitDevice {
			exposure.unit, exposure.unitType = s.who.deviceID(), unitDevice
		}
		s.exposures++
		lost := s.rand(streamLoss, uint64(s.who.number), uint64(at.experiment)).Float64() < v.Effect.Lost
		if !lost {
			s.seen[at.experiment][s.who.number] = uint8(at.variation + 1)
		}
		s.emit(&exposure, lost)
	}
}

// browse plays what follows the first page.
func (s *session) browse(effect Effect) {
	pages := 1 + poisson(s.r, 1)
	pause := 20_000.0
	if s.who.bot {
		pages, pause = botPages, 100
	}
	for range pages {
		load := pageTime * (1 + effect.Latency) * math.Exp(0.6*s.r.NormFloat64())
		s.act("page_load", hundredths(load))
		s.now = s.now.Add(time.Duration(min(pause*s.r.ExpFloat64(), 3*pause)) * time.Millisecond)
	}
	if s.r.Float64() >= min(buyChance*s.who.appetite*(1+effect.Conversion), 0.95) {
		return
	}
	s.act("add_to_cart", nil)
	s.now = s.now.Add(15 * time.Second)
	price := 40 * s.who.wallet * (1 + effect.Value) * lognormal(s.r, 0.6)
	s.act("purchase", hundredths(price))
}

func hundredths(x float64) *int64 { return new(int64(math.Round(x * 100))) }

// act tells of something that the person did: under the user's id once known,
// and under the device's too.
func (s *session) act(name string, value *int64) {
	e := event{name: name, value: value, unit: s.who.user(), unitType: unitUser}
	switch {
	case !s.known():
		e.unit, e.unitType = s.who.deviceID(), unitDevice
	case s.who.hasDevice:
		e.device = s.who.deviceID()
	}
	s.emit(&e, false)
}

// emit gives the event its id and time, and posts it.
func (s *session) emit(e *event, lost bool) {
	if s.err != nil || s.over() || !s.post.admit(s.ctx) {
		return
	}
	e.at = s.now
	e.id = eventID(s.now, s.cfg.Seed, uint64(s.who.number), uint64(s.start.UnixMilli()), s.count)
	s.count++
	s.events++
	if lost {
		s.lost++
		return
	}
	s.err = s.post.add(s.ctx, e)
}
