package queries

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/projections"
)

const (
	// pingTime bounds the question whether Postgres answers; pingAge is how long
	// the answer is taken for true: together how late its loss may be told, however
	// many ask.
	pingTime = 500 * time.Millisecond
	pingAge  = 400 * time.Millisecond
)

// The statuses of Health.
const (
	// Ready is all well.
	Ready = "ready"
	// Degraded serves, but something that it depends on is down or behind.
	Degraded = "degraded"
	// Starting has not read the ledger yet.
	Starting = "starting"
)

// The states of a Dependency.
const (
	Up      = "up"
	Down    = "down"
	Loading = "loading"
	Stopped = "stopped"
)

// Health says what this process can do, and the state of what it depends on.
type Health struct {
	Status       string                `json:"status"`
	Dependencies map[string]Dependency `json:"dependencies"`
}

// Dependency is the state of a server or of a projection. Detail never repeats a
// driver's words: they name hosts and roles, and anybody may ask. Position is how far
// it holds the ledger, Lag how many records of those that this process knows
// of it lacks.
type Dependency struct {
	State    string `json:"state"`
	Detail   string `json:"detail,omitempty"`
	Position int64  `json:"position"`
	Lag      int64  `json:"lag"`
}

// Health looks at Postgres (a few times a second at most), Redis, if there is one, and
// this process's memory.
func (s *Service) Health(ctx context.Context) Health {
	known := s.known()
	h := Health{Status: Ready, Dependencies: map[string]Dependency{
		"postgres": s.postgresHealth(ctx, known),
		"memory":   s.memoryHealth(known),
	}}
	if s.redis != nil {
		h.Dependencies["redis"] = s.redisHealth(known)
	}
	for _, d := range h.Dependencies {
		if d.State != Up {
			h.Status = Degraded
		}
	}
	if h.Dependencies["memory"].State == Loading {
		h.Status = Starting
	}
	return h
}

func (s *Service) memoryHealth(known int64) Dependency {
	view := s.follower.View()
	d := Dependency{State: Up, Position: view.Position, Lag: known - view.Position}
	if err := s.follower.Stopped(); err != nil {
		d.State, d.Detail = Stopped, err.Error()
	} else if !view.Loaded {
		d.State = Loading
	}
	return d
}

func (s *Service) redisHealth(known int64) Dependency {
	state := s.redis.State()
	d := Dependency{State: Up, Detail: state.Err, Position: state.Position, Lag: max(0, known-state.Position)}
	if !state.Up {
		d.State = Down
	}
	if down := projections.ErrRedisDown.Error(); strings.HasPrefix(d.Detail, down) {
		d.Detail = down
	}
	return d
}

func (s *Service) postgresHealth(ctx context.Context, known int64) Dependency {
	if err := s.ping.ask(ctx, s.postgres.pool.Ping); err != nil {
		return Dependency{State: Down, Detail: "does not answer", Position: known}
	}
	return Dependency{State: Up, Position: known}
}

// ping remembers an answer for a while.
type ping struct {
	mu   sync.Mutex
	when time.Time // guarded by mu, as the error
	err  error
}

// ask returns the answer, the remembered one where that is fresh. Those who ask
// meanwhile wait for it.
func (p *ping) ask(ctx context.Context, question func(context.Context) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.when) < pingAge {
		return p.err
	}
	// An asker that goes away must not leave "down" behind for the others.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTime)
	defer cancel()
	p.err = question(asking)
	if p.err != nil {
		p.err = fmt.Errorf("%w: %w", domain.ErrUnavailable, p.err)
	}
	p.when = time.Now()
	return p.err
}
