// Package eventstore keeps the ledger in Postgres: an append-only table of
// hash-chained records with dense positions in commit order and a time that
// never falls. Begin with Open and New; Run serves a Store until its context
// ends, Execute appends what a command decides, Read… read.
package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/assaylabs/assay/domain"
)

// Querier reads from a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Inline is the read models that are written in the appending transaction.
type Inline interface {
	// Load restores the catalog that the read models hold.
	Load(ctx context.Context, q Querier) (*domain.Catalog, error)
	// Statements are all that Write may send.
	Statements() []Statement
	// Write sends what the records changed; the catalog already holds them.
	Write(to Sender, c *domain.Catalog, records []Record) error
}

// Config of a Store; the zero value of each field but Inline has a default.
type Config struct {
	Inline Inline
	// Schema names the Postgres schema, default public; see Open.
	Schema string
	// OnCommit is told of the records that this process appended, in order,
	// before Execute returns them.
	OnCommit func([]Record)
	Log      *slog.Logger
	Registry prometheus.Registerer
	// Timeout bounds Execute, default 2 s.
	Timeout time.Duration
}

// Store is the ledger. It may be used by many goroutines; Execute works while
// Run runs.
type Store struct {
	pool    *pgxpool.Pool
	cfg     Config
	queue   chan *request
	metrics *metrics

	// catalog is the fold of the ledger that commands decide on; nil before it
	// is loaded and after a failed transaction. The writer alone uses it.
	catalog *domain.Catalog
	// clock is the ledger's as read last, alone says that nobody else appended
	// since. The writer alone uses both.
	clock reading
	alone bool
	// encoder is the writer's alone, too.
	encoder encoder
	// statements are the SQL of all that the writer sends, tracer is told of it;
	// nil for none. Run sets both.
	statements []string
	tracer     pgx.BatchTracer

	mu      sync.Mutex
	known   int64         // guarded by mu
	pending int64         // guarded by mu: the position that a commit under way will reach
	signal  chan struct{} // guarded by mu
}

// PoolConfig of Open; the zero value has defaults.
type PoolConfig struct {
	// Schema of the ledger, default public.
	Schema string
	// MaxConns bounds the connections, default 10.
	MaxConns int
	// Tracer is told of every query; nil for none.
	Tracer pgx.QueryTracer
}

// Open returns a pool for the ledger, with a bound on every wait. It does not
// connect yet.
func Open(ctx context.Context, url string, pool PoolConfig) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("must be a PostgreSQL URL or connection string") // pgx's error may hold the password
	}
	if pool.MaxConns == 0 {
		pool.MaxConns = 10
	}
	cfg.MaxConns = int32(pool.MaxConns)
	cfg.ConnConfig.ConnectTimeout = time.Second
	cfg.ConnConfig.Tracer = pool.Tracer
	cfg.HealthCheckPeriod = 2 * time.Second
	for name, value := range map[string]string{
		"application_name":                    "assay",
		"search_path":                         SchemaName(pool.Schema),
		"timezone":                            "UTC",
		"lock_timeout":                        "2s",
		"statement_timeout":                   "30s",
		"idle_in_transaction_session_timeout": "5s",
	} {
		if _, set := cfg.ConnConfig.RuntimeParams[name]; !set || name == "search_path" {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	return pgxpool.NewWithConfig(ctx, cfg)
}

// SchemaName is the schema of a namespace.
func SchemaName(namespace string) string {
	if namespace == "" {
		return "public"
	}
	return namespace
}

// New returns the store of the ledger that the pool reaches.
func New(pool *pgxpool.Pool, cfg Config) *Store {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	cfg.Schema = SchemaName(cfg.Schema)
	return &Store{
		pool:    pool,
		cfg:     cfg,
		queue:   make(chan *request, 4*maxGroup),
		metrics: newMetrics(cfg.Registry),
		signal:  make(chan struct{}),
	}
}

// everySQL is the SQL that statements may send, each once.
func everySQL(statements []Statement) []string {
	var all []string
	for _, s := range statements {
		all = append(all, s.many, s.one)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Run writes what Execute asks for and listens for what other processes
// append, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	s.statements = everySQL(append(s.cfg.Inline.Statements(), insertRecords, insertFresh, commit))
	s.tracer, _ = s.pool.Config().ConnConfig.Tracer.(pgx.BatchTracer)
	var wg sync.WaitGroup
	wg.Go(func() { s.listen(ctx) })
	wg.Go(func() { s.poll(ctx) })
	s.write(ctx)
	wg.Wait()
	return ctx.Err()
}

// Known is the newest position that this process has heard of.
func (s *Store) Known() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// Signal returns a channel that is closed when Known grows.
func (s *Store) Signal() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signal
}

func (s *Store) advance(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = 0
	s.raise(position)
}

// expect announces a commit. Until it returns, hearing of its position from
// Postgres is no news: whoever follows would only read what it is about to be
// handed.
func (s *Store) expect(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = position
}

// heard notes a position that Postgres told.
func (s *Store) heard(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if position != s.pending {
		s.raise(position)
	}
}

// raise is called under mu.
func (s *Store) raise(position int64) {
	if position <= s.known {
		return
	}
	s.known = position
	close(s.signal)
	s.signal = make(chan struct{})
}

// translate makes Postgres's errors the domain's.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "22": // the value does not fit
			return domain.Invalid("body", "cannot be stored: %s", pg.Message)
		case "23": // a constraint that the decision should have foreseen
			return &domain.ConflictError{Problem: "breaks " + pg.ConstraintName}
		}
	}
	return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
}
