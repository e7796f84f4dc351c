package queries

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

const (
	// watchPause is between two rounds of Watch, watchBudget how long a round may
	// take before the rest waits for the next.
	watchPause  = 2 * time.Second
	watchBudget = 200 * time.Millisecond
	// glanceAge is how often an experiment's results are looked at, at most, where
	// only what was tracked has grown.
	glanceAge = 10 * time.Second
)

// glance is what the results of an experiment said. It is never changed.
type glance struct {
	verdict    Verdict
	srm        *bool
	asOf       string // empty where they never could be read
	computedAt time.Time
	// lookedAt is when they were looked at last, and failed says that it was in vain.
	lookedAt time.Time
	failed   bool
	// pair is what they were computed from, wanted the position of then: while the
	// cells of a plan are counted, the pair's is behind.
	pair   Pair
	wanted int64
}

// glances are those of all experiments that ever were active. They may be used by
// many goroutines.
type glances struct {
	mu sync.Mutex
	// mu guards the rest; by is replaced, never changed.
	by       map[uuid.UUID]*glance
	revision int64
}

func (g *glances) seen() (revision int64, by map[uuid.UUID]*glance) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.revision, g.by
}

func (g *glances) replace(by map[uuid.UUID]*glance) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by = by
	g.revision++
}

// Watch looks at the results of experiments for the overview, until ctx ends: of
// those that changed, and those for which more may have been counted, the active
// ones and those not looked at for the longest first.
func (s *Service) Watch(ctx context.Context) error {
	pause := time.NewTicker(watchPause)
	defer pause.Stop()
	for {
		s.watch(ctx)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch is one round.
func (s *Service) watch(ctx context.Context) {
	if !s.follower.View().Loaded || s.postgres.down() {
		return
	}
	batch, err := s.results.positionNow(ctx)
	if err != nil {
		return // Postgres is away: what was seen stays
	}
	ends := time.Now().Add(watchBudget)
	_, before := s.glances.seen()
	after := map[uuid.UUID]*glance{}
	started := s.started()
	for _, e := range started {
		if g := before[e.id]; g != nil {
			after[e.id] = g
		}
	}
	looked := len(after) != len(before)
	for _, e := range due(started, before, batch) {
		if !time.Now().Before(ends) || ctx.Err() != nil {
			break
		}
		after[e.id], looked = s.results.look(ctx, e, before[e.id]), true
	}
	if looked {
		s.glances.replace(after)
	}
}

// startedExperiment is one that was active at some time.
type startedExperiment struct {
	id     uuid.UUID
	active bool
	// position is the last that its results depend on.
	position int64
}

func (s *Service) started() []startedExperiment {
	var all []startedExperiment
	view := s.follower.View()
	s.follower.WithCatalog(func(c *domain.Catalog) {
		for _, d := range view.Docs {
			if !d.Experiment.EverActive {
				continue
			}
			e := startedExperiment{d.Experiment.ID, d.Experiment.Status == domain.Active, d.Experiment.Position}
			for _, use := range d.Experiment.Metrics {
				if m, ok := c.Metrics.ByKey(use.Metric); ok {
					e.position = max(e.position, m.Position)
				}
			}
			all = append(all, e)
		}
	})
	return all
}

// due are the experiments whose results may say something else by now, in the
// order in which they are looked at.
func due(started []startedExperiment, before map[uuid.UUID]*glance, batch int64) []startedExperiment {
	now := time.Now()
	at := func(e startedExperiment) time.Time {
		if g := before[e.id]; g != nil {
			return g.lookedAt
		}
		return time.Time{}
	}
	all := slices.DeleteFunc(slices.Clone(started), func(e startedExperiment) bool {
		g := before[e.id]
		switch {
		case g == nil:
			return false
		case g.failed:
		case g.wanted != e.position:
			return false
		case g.pair.Batch == batch && g.pair.Position >= e.position:
			return true
		}
		return now.Sub(g.lookedAt) < glanceAge
	})
	slices.SortStableFunc(all, func(a, b startedExperiment) int {
		if a.active != b.active {
			if a.active {
				return -1
			}
			return 1
		}
		return at(a).Compare(at(b))
	})
	return all
}

// look looks at an experiment's results anew. Where that fails, what was seen
// before stays.
func (r *results) look(ctx context.Context, e startedExperiment, before *glance) *glance {
	made, err := r.glance(ctx, e)
	if err != nil {
		made = &glance{}
		if before != nil {
			*made = *before
		}
		made.failed = true
	}
	made.lookedAt = time.Now()
	return made
}

// glance reads what the results say now. It leaves the memory of what was asked
// for alone.
func (r *results) glance(ctx context.Context, e startedExperiment) (*glance, error) {
	at, err := r.present(ctx, e.id.String(), 0)
	if err != nil {
		return nil, err
	}
	c, err := r.fetch(ctx, at, "")
	if err != nil {
		return nil, err
	}
	u, err := r.rulingFor(ctx, at, c)
	if err != nil {
		return nil, err
	}
	pair := Pair{u.position, c.batch}
	doc, err := r.judge(u, c, pair, ResultsOptions{})
	if err != nil {
		return nil, err
	}
	g := &glance{verdict: doc.Verdict, asOf: doc.AsOf, computedAt: time.Now().UTC().Truncate(time.Microsecond), pair: pair, wanted: e.position}
	if doc.SRM.Verdict != "no_data" {
		broken := doc.SRM.Verdict != "ok"
		g.srm = &broken
	}
	return g, nil
}
