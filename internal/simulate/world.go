package simulate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/assaylabs/assay/sdk"
)

const (
	unitUser   = "user_id"
	unitDevice = "device_id"
)

// world is the shop and its people.
type world struct {
	cfg         *Config
	client      *sdk.Client
	experiments []Experiment
	begin       time.Time // of event time
	launch      time.Time // of the experiments

	// What happened so far.
	came    []bool
	visited int
	// seen has for each experiment and person 1 + the last variation sent, 0 for
	// none.
	seen                    [][]uint8
	events, exposures, lost int64
}

func newWorld(cfg *Config, client *sdk.Client, experiments []Experiment) *world {
	w := &world{cfg: cfg, client: client, experiments: experiments, came: make([]bool, cfg.Units)}
	w.begin = cfg.Until.AddDate(0, 0, -cfg.Days)
	w.launch = w.begin.AddDate(0, 0, cfg.Warmup)
	for range experiments {
		w.seen = append(w.seen, make([]uint8, cfg.Units))
	}
	return w
}

// visit is one person's, at one moment.
type visit struct {
	at     time.Time
	person int
	first  bool
}

// run makes all traffic, in the order of time but for what a visit takes.
func (w *world) run(ctx context.Context, p *post) error {
	if w.cfg.Live {
		return w.live(ctx, p)
	}
	for day := range w.cfg.Days {
		visits := w.day(day)
		for i, v := range visits {
			if w.over() || ctx.Err() != nil {
				return nil
			}
			who := w.person(v.person)
			if err := w.visit(ctx, p, &who, v); err != nil {
				return err
			}
			past := (float64(day) + float64(i+1)/float64(len(visits))) / float64(w.cfg.Days)
			w.cfg.Progress(w.events, cmp.Or(w.cfg.Events, int64(float64(w.events)/past)))
		}
	}
	return nil
}

// live makes visits of people who come at random, now.
func (w *world) live(ctx context.Context, p *post) error {
	r := w.rand(streamLive, uint64(w.cfg.Until.UnixMilli()))
	for !w.over() && ctx.Err() == nil {
		who := w.person(w.cfg.Bots + r.IntN(w.cfg.Units-w.cfg.Bots))
		at := time.Now().UTC().Truncate(time.Millisecond).Add(-visitLength)
		if err := w.visit(ctx, p, &who, visit{at: at, person: who.number}); err != nil {
			return err
		}
		w.cfg.Progress(w.events, cmp.Or(w.cfg.Events, -1))
	}
	return nil
}

func (w *world) over() bool { return w.cfg.Events > 0 && w.events >= w.cfg.Events }

// day lists the visits of a day of event time.
func (w *world) day(day int) []visit {
	start := w.begin.AddDate(0, 0, day)
	end := start.AddDate(0, 0, 1)
	var visits []visit
	for number := range w.cfg.Units {
		who := w.person(number)
		arrives := !who.arrival.Before(start) && who.arrival.Before(end)
		if arrives {
			visits = append(visits, visit{who.arrival, number, true})
		}
		if who.bot || !who.arrival.Before(end) {
			continue
		}
		r := w.rand(streamDay, uint64(number), uint64(start.Unix()))
		// Half of what the pace gives is turned away by the rhythm.
		for range poisson(r, 2*who.pace) {
			at := start.Add(time.Duration(r.Int64N(24*3600_000)) * time.Millisecond)
			if r.Float64() < who.bustle(at) && at.After(who.arrival) {
				visits = append(visits, visit{at: at, person: number})
			}
		}
	}
	slices.SortFunc(visits, func(a, b visit) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.person, b.person))
	})
	return visits
}

// summary is what the world knows of it.
func (w *world) summary(cfg *Config) *Summary {
	s := &Summary{Seed: cfg.Seed, Units: w.visited, Events: w.events, Exposures: w.exposures, Lost: w.lost, Experiments: w.experiments}
	for i := range s.Experiments {
		for _, v := range w.seen[i] {
			if v > 0 {
				s.Experiments[i].Variations[v-1].Units++
			}
		}
	}
	return s
}
