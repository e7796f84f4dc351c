package queries

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/presence"
	"github.com/assaylabs/assay/presence/roll"
	"github.com/assaylabs/assay/projections"
)

const (
	// boardTime bounds one read of what a System shows of Postgres, boardAge is how
	// long it is taken for new; boardEvery, how often it is read though nobody asks,
	// so that there is something to show when Postgres is gone.
	boardTime  = 400 * time.Millisecond
	boardAge   = time.Second
	boardEvery = 5 * time.Second
)

// InLedger is the name of the read models that are written with the records.
const InLedger = "read_models"

// Installation is all of it as one replica knows it.
type Installation struct {
	ServerTime time.Time `json:"server_time"`
	Status     string    `json:"status"`
	// Source is FromPostgres while that is asked and answers, else FromMemory:
	// then ReadAt is how old what others said is.
	Source       string                `json:"source"`
	ReadAt       *time.Time            `json:"read_at"`
	Head         LedgerHead            `json:"head"`
	Replica      string                `json:"replica"`
	Replicas     []presence.Replica    `json:"replicas"`
	Edges        []presence.Edge       `json:"edges"`
	Projections  []ProjectionStatus    `json:"projections"`
	Tracking     Tracking              `json:"tracking"`
	Verification Verified              `json:"verification"`
	Dependencies map[string]Dependency `json:"dependencies"`
}

// LedgerHead is the newest record that is known; At is nil while none is.
type LedgerHead struct {
	Position int64      `json:"position"`
	At       *time.Time `json:"at"`
}

// ProjectionStatus is how far a projection holds the ledger. Runner is the replica
// that keeps it, where it is one's own.
type ProjectionStatus struct {
	Name string `json:"name"`
	presence.Projection
	Runner string `json:"runner,omitempty"`
}

// Tracking is what became of what was tracked, as far as is known: Position is the
// last batch that is counted, Head the last that is stored.
type Tracking struct {
	Position *int64 `json:"position"`
	Head     *int64 `json:"head"`
	Backlog  *int64 `json:"backlog"`
	// Rejected are events that will never be stored, by reason, since the start of
	// each process that is listed.
	Rejected map[string]int64 `json:"rejected"`
}

// Verified is what verifications found last.
type Verified struct {
	Following Following            `json:"following"`
	Full      *projections.Finding `json:"full"`
	Chain     *projections.Finding `json:"chain"`
}

// System knows the whole installation. It may be used by many goroutines; Run
// keeps what it knows.
type System struct {
	service *Service
	roll    *roll.Roll
	pool    *pgxpool.Pool
	id      string
	board   board
}

// NewSystem returns what knows of the replica id and of all others on the roll.
func NewSystem(service *Service, roll *roll.Roll, pool *pgxpool.Pool, id string) *System {
	return &System{service: service, roll: roll, pool: pool, id: id}
}

// board is what was read of Postgres last.
type board struct {
	mu       sync.Mutex
	when     time.Time // guarded by mu, as all
	counted  *int64
	tracked  *int64
	head     LedgerHead
	findings map[string]projections.Finding
}

// Run reads now and then until ctx ends.
func (s *System) Run(ctx context.Context) error {
	ticker := time.NewTicker(boardEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		_ = s.refresh(ctx) // what is there stays
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return ctx.Err()
}

// refresh reads what is not new any more. Those who ask meanwhile wait for it.
func (s *System) refresh(ctx context.Context) error {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if time.Since(s.board.when) < boardAge {
		return nil
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), boardTime)
	defer cancel()
	var next board
	var at time.Time
	err := s.pool.QueryRow(asking, `select position, recorded_at, (select batch from track_rounds where state = 'serving'),
		(select batch from track_head) from event_head`).Scan(&next.head.Position, &at, &next.counted, &next.tracked)
	if err == nil {
		next.findings, err = projections.LastFindings(asking, s.pool)
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	at = at.UTC()
	next.head.At = &at
	s.board.when, s.board.counted, s.board.tracked = time.Now(), next.counted, next.tracked
	s.board.head, s.board.findings = next.head, next.findings
	return nil
}

// Installation answers within a second, whatever is down: then from memory.
func (s *System) Installation(ctx context.Context) Installation {
	health := s.service.Health(ctx)
	current := health.Dependencies["postgres"].State == Up
	if current {
		current = s.refresh(ctx) == nil
	}
	there := s.roll.State()
	o := Installation{
		ServerTime: time.Now().UTC(), Status: health.Status, Source: FromMemory, Replica: s.id,
		Replicas: there.Replicas, Edges: there.Edges, Dependencies: health.Dependencies,
	}
	if current && there.Current {
		o.Source = FromPostgres
	}
	if !there.ReadAt.IsZero() {
		o.ReadAt = &there.ReadAt
	}
	o.Projections = s.projections()
	o.Verification.Following = s.service.following()
	o.Tracking.Rejected = rejected(there)
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	o.Head = s.head()
	o.Tracking.Position, o.Tracking.Head = s.board.counted, s.board.tracked
	if s.board.counted != nil && s.board.tracked != nil {
		backlog := max(0, *s.board.tracked-*s.board.counted)
		o.Tracking.Backlog = &backlog
	}
	o.Verification.Full = findingOf(s.board.findings, projections.FullVerification)
	o.Verification.Chain = findingOf(s.board.findings, projections.ChainVerification)
	return o
}

// head is the newest that is known. board.mu is held.
func (s *System) head() LedgerHead {
	head := s.board.head
	s.service.follower.WithCatalog(func(c *domain.Catalog) {
		if c.Position() >= head.Position && c.Position() > 0 {
			at := c.At().UTC()
			head = LedgerHead{Position: c.Position(), At: &at}
		}
	})
	if known := s.service.known(); known > head.Position {
		head.Position = known
	}
	return head
}

// rejected adds up what each process says.
func rejected(there roll.State) map[string]int64 {
	sum := map[string]int64{}
	add := func(t presence.Traffic) {
		for reason, n := range t.Rejected {
			sum[reason] += n
		}
	}
	for _, r := range there.Replicas {
		add(r.Traffic)
	}
	for _, e := range there.Edges {
		add(e.Traffic)
	}
	return sum
}

func (s *System) projections() []ProjectionStatus {
	known := s.service.known()
	all := []ProjectionStatus{
		{Name: InLedger, Projection: presence.Projection{State: Up, Position: known}},
		{Name: "memory", Projection: s.service.memoryStatus(), Runner: s.id},
	}
	if redis := s.service.redisStatus(); redis != nil {
		all = append(all, ProjectionStatus{Name: "redis", Projection: *redis})
	}
	return all
}

func (s *Service) memoryStatus() presence.Projection {
	d := s.memoryHealth(s.known())
	_, behind := s.follower.Lag()
	return presence.Projection{State: d.State, Position: d.Position, Lag: d.Lag, LagSeconds: behind.Seconds()}
}

// redisStatus is nil where there is no Redis.
func (s *Service) redisStatus() *presence.Projection {
	if s.redis == nil {
		return nil
	}
	d := s.redisHealth(s.known())
	return &presence.Projection{
		State: d.State, Position: d.Position, Lag: d.Lag, LagSeconds: s.redis.BehindFor(s.redis.State()).Seconds(),
	}
}

// Replica is this process as it announces itself.
func (s *Service) Replica(id, version string, startedAt time.Time) presence.Replica {
	memory := s.memoryStatus()
	return presence.Replica{
		ID: id, Version: version, StartedAt: startedAt.UTC(),
		Position: memory.Position, Lag: memory.Lag, LagSeconds: memory.LagSeconds, Redis: s.redisStatus(),
	}
}
