package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/setup"
	"github.com/assaylabs/assay/presence"
	"github.com/assaylabs/assay/presence/redisroll"
	"github.com/assaylabs/assay/presence/roll"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/queries"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/intake"
	"github.com/assaylabs/assay/tracking/jetstream"
)

// Commands, queries, intake and counting have pools of their own, so that a flood
// of one leaves the others their connections.
const (
	commandConns = 6
	queryConns   = 14
	// Who is there must be told while queries take all their connections.
	rollConns = 2
)

// migrateRetry is the pause between attempts while Postgres cannot be reached.
const migrateRetry = time.Second

// Plane is a control plane: one replica of it. Its fields may be used while Run
// runs.
type Plane struct {
	Commands *commands.Service
	Queries  *queries.Service
	Follower *projections.Follower
	Store    *eventstore.Store
	Intake   *intake.Intake
	Stream   *jetstream.Stream // nil without NATS
	Deriver  *derive.Deriver
	Registry *prometheus.Registry
	// Uses is where the use of keys is noted, Roll who is there, System all of it.
	Uses   *presence.Uses
	Roll   *roll.Roll
	System *queries.System
	// Traffic is that of a data plane within this process; set it before Run.
	Traffic func() presence.Traffic

	cfg      Config
	patience time.Duration // of commands; 0 is the store's default
	log      *slog.Logger
	folder   *fold.Folder
	closer   *projections.Closer
	auditor  *projections.Auditor
	schedule *projections.Scheduler
	redis    *projections.Redis // nil without
	client   redis.UniversalClient
	pools    []*pgxpool.Pool
	migrated bool
}

// Open puts a control plane together. It waits for no connection. Close it.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Plane, error) {
	cfg.ID = cmp.Or(cfg.ID, setup.InstanceID())
	p := &Plane{cfg: cfg, log: log}
	if err := p.open(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Plane) open(ctx context.Context) error {
	writing, err := p.pool(ctx, commandConns)
	if err != nil {
		return err
	}
	reading, err := p.pool(ctx, queryConns)
	if err != nil {
		return err
	}
	tracking, err := p.pool(ctx, intake.Conns)
	if err != nil {
		return err
	}
	folding, err := p.pool(ctx, fold.Conns)
	if err != nil {
		return err
	}
	p.Registry = setup.NewRegistry(p.cfg.Version)
	p.Intake = intake.New(tracking, intake.Config{Log: p.log, Registry: p.Registry})
	p.Deriver = derive.New(folding)
	p.folder = fold.New(folding, p.Deriver, fold.Config{Log: p.log, Registry: p.Registry})
	if p.cfg.NATSURL != "" {
		p.Stream, err = jetstream.Open(jetstream.Config{URL: p.cfg.NATSURL, Namespace: p.cfg.Namespace, Log: p.log, Registry: p.Registry})
		if err != nil {
			return err
		}
	}
	p.Store = eventstore.New(writing, eventstore.Config{
		Inline: projections.Inline{}, Schema: p.cfg.Namespace, Log: p.log, Registry: p.Registry, Timeout: p.patience,
		OnCommit: func(records []eventstore.Record) { p.Follower.Offer(records) },
	})
	p.Follower = projections.NewFollower(p.Store, reading, p.log)
	p.Registry.MustRegister(p.Follower)
	p.closer = projections.NewCloser(p.Store, p.log)
	p.auditor = projections.NewAuditor(reading, p.cfg.ID, p.log)
	p.schedule = projections.NewScheduler(p.Store, p.Follower, p.log)
	if p.cfg.RedisURL != "" {
		if err := p.openRedis(writing); err != nil {
			return err
		}
		p.Registry.MustRegister(p.redis)
	}
	p.Commands = commands.New(p.Store)
	p.Queries = queries.New(p.Store, p.Follower, p.redis, reading, p.Deriver)
	return p.openRoll(ctx)
}

func (p *Plane) openRoll(ctx context.Context) error {
	pool, err := p.pool(ctx, rollConns)
	if err != nil {
		return err
	}
	p.Uses = presence.NewUses()
	p.Traffic = func() presence.Traffic { return presence.Traffic{Rejected: map[string]int64{}} }
	started := time.Now()
	cfg := roll.Config{Uses: p.Uses, Log: p.log, Self: func() presence.Replica {
		self := p.Queries.Replica(p.cfg.ID, p.cfg.Version, started)
		self.Traffic = p.Traffic()
		return self
	}}
	if p.client != nil {
		cfg.Redis = redisroll.New(p.client, p.cfg.Namespace)
	}
	p.Roll = roll.New(pool, cfg)
	p.System = queries.NewSystem(p.Queries, p.Roll, pool, p.cfg.ID)
	return nil
}

func (p *Plane) pool(ctx context.Context, conns int) (*pgxpool.Pool, error) {
	cfg := eventstore.PoolConfig{Schema: p.cfg.Namespace, MaxConns: conns}
	if p.cfg.Tracing {
		cfg.Tracer = otelpgx.NewTracer()
	}
	pool, err := openPool(ctx, "DATABASE_URL", p.cfg.DatabaseURL, cfg)
	if err != nil {
		return nil, err
	}
	p.pools = append(p.pools, pool)
	return pool, nil
}

func (p *Plane) openRedis(locks *pgxpool.Pool) error {
	client, err := OpenRedis(p.cfg, p.log)
	if err != nil {
		return err
	}
	p.client = client
	if p.cfg.Tracing {
		if err := redisotel.InstrumentTracing(client); err != nil {
			return err
		}
	}
	p.redis = projections.NewRedis(client, p.cfg.Namespace, p.Follower, locks, p.log)
	return nil
}

// Close gives up all connections.
func (p *Plane) Close() {
	for _, pool := range p.pools {
		pool.Close()
	}
	if p.client != nil {
		_ = p.client.Close() // nothing is in flight any more
	}
	if p.Stream != nil {
		p.Stream.Close()
	}
}

// Prepare migrates the database and reads the ledger, so that the first request
// finds everything warm. While Postgres cannot be reached it leaves that to Run,
// but for this: without a root token there must be an admin key.
func (p *Plane) Prepare(ctx context.Context) error {
	err := Migrate(ctx, p.cfg)
	if err == nil {
		p.migrated = true
		p.warnOfOwner(ctx)
		err = p.Follower.CatchUp(ctx)
	}
	switch {
	case err == nil:
		return p.checkAdmin()
	case p.cfg.RootToken != "" && (unreachable(err) || errors.Is(err, domain.ErrUnavailable)):
		p.log.WarnContext(ctx, "PostgreSQL cannot be reached: starting without it", "error", err)
		return nil
	}
	return err
}

// warnOfOwner says so when the serving role could drop the ledger.
func (p *Plane) warnOfOwner(ctx context.Context) {
	var owns bool
	err := p.pools[0].QueryRow(ctx, `select pg_has_role(current_user, relowner, 'member') from pg_class
		where oid = 'events'::regclass`).Scan(&owns)
	if err == nil && owns {
		p.log.WarnContext(ctx, "the serving role owns the ledger: give MIGRATE_DATABASE_URL an owner of its own")
	}
}

// checkAdmin refuses to serve what nobody could administer.
func (p *Plane) checkAdmin() error {
	if p.cfg.RootToken != "" {
		return nil
	}
	admins := 0
	p.Follower.WithCatalog(func(c *domain.Catalog) {
		for k := range c.Keys.All() {
			if k.Role == domain.Admin && (k.ExpiresAt.IsZero() || k.ExpiresAt.After(time.Now())) {
				admins++
			}
		}
	})
	if admins == 0 {
		return &ConfigError{Variable: "ASSAY_ROOT_TOKEN", Problem: "must be set while there is no admin key: set it, or make one with assay keys create --role admin"}
	}
	return nil
}

// Run does all that goes on beside requests while serve serves, and until it has
// ended: requests under way need it. serve's context ends early when the
// database cannot be migrated.
func (p *Plane) Run(ctx context.Context, serve func(context.Context) error) error {
	serving, stopServing := context.WithCancelCause(ctx)
	defer stopServing(nil)
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	wait := p.work(working, stopServing)
	err := serve(serving)
	stopWorking()
	wait()
	if err == nil && ctx.Err() == nil {
		err = context.Cause(serving)
	}
	return err
}

// work starts it all. wait returns when it has ended.
func (p *Plane) work(ctx context.Context, fail context.CancelCauseFunc) (wait func()) {
	var wg sync.WaitGroup
	start := func(run func(context.Context) error) {
		wg.Go(func() { _ = run(ctx) }) // each ends with ctx alone
	}
	start(p.Store.Run)
	start(p.Intake.Run)
	if p.Stream != nil {
		start(jetstream.NewLoader(p.Stream, p.Intake.Store).Run)
	}
	start(p.Follower.Run)
	start(p.schedule.Run)
	start(p.Queries.Run)
	start(p.Queries.Watch)
	if p.redis != nil {
		start(p.redis.Run)
	}
	wg.Go(func() {
		if err := p.awaitMigration(ctx); err != nil {
			fail(err)
			return
		}
		wg.Go(func() { _ = p.folder.Run(ctx) })
		wg.Go(func() { _ = p.auditor.Run(ctx) })
		wg.Go(func() { _ = p.Roll.Run(ctx) })
		wg.Go(func() { _ = p.System.Run(ctx) })
		_ = p.closer.Run(ctx)
	})
	return wg.Wait
}

// awaitMigration migrates as soon as Postgres can be reached.
func (p *Plane) awaitMigration(ctx context.Context) error {
	for !p.migrated {
		err := Migrate(ctx, p.cfg)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !unreachable(err) {
			return fmt.Errorf("migrate: %w", err)
		}
		p.migrated = err == nil
		if err != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(migrateRetry):
			}
		}
	}
	return nil
}

// Use opens a control plane on a migrated database, lets f use it without
// serving, and closes it.
func Use(ctx context.Context, cfg Config, log *slog.Logger, f func(context.Context, *Plane) error) error {
	if err := Migrate(ctx, cfg); err != nil {
		return err
	}
	p := &Plane{cfg: cfg, patience: 10 * time.Second, log: log}
	defer p.Close()
	if err := p.open(ctx); err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.Store.Run(working) })
	defer wg.Wait()
	defer stop()
	if err := p.Follower.CatchUp(ctx); err != nil {
		return err
	}
	return f(ctx, p)
}
