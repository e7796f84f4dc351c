package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/localredis"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/proc"
	"github.com/assaylabs/assay/migrations"
)

// rootToken is every stack's. It is long enough for sessions of the console to
// outlive their server.
const rootToken = "root-token-of-the-stage-long-enough-to-seal-sessions"

// options say what a stack is made of.
type options struct {
	// OwnPostgres is one that may be killed.
	OwnPostgres bool `json:"own_postgres"`
	// Redis is there unless false is said.
	Redis *bool `json:"redis"`
	// Servers is how many replicas of assay serve there are: 1 when 0.
	Servers int `json:"servers"`
	// Edge adds assay-edge.
	Edge bool `json:"edge"`
	// Clock is how far the ledger's clock stands from now at its beginning, such
	// as -48h: time in a ledger never falls, so a past can only be begun with.
	Clock string `json:"clock"`
	// Env is added to the environment of every program.
	Env map[string]string `json:"env"`
}

// stack is Assay as a whole: servers on a ledger of their own.
type stack struct {
	ID      string
	Token   string
	servers []*server
	edge    *server // nil without

	stage    *stage
	dir      string
	database string
	postgres *localpg.Server    // its own; nil where it is the stage's
	redis    *localredis.Server // nil without
	env      map[string]string

	// acting is held while something is killed or started, so that a start waits
	// for what is there by then.
	acting       sync.Mutex
	postgresDown bool // acting guards
	redisDown    bool // acting guards
}

var errOptions = errors.New("servers must be 1 or 2, clock a duration")

// newStack makes a stack, and returns when its servers can do their job.
func newStack(ctx context.Context, s *stage, id string, o options) (*stack, error) {
	o.Servers = max(o.Servers, 1)
	clock, err := time.ParseDuration(cmp.Or(o.Clock, "0s"))
	if err != nil || o.Servers > 2 {
		return nil, errOptions
	}
	k := &stack{ID: id, Token: rootToken, stage: s, dir: filepath.Join(s.dir, id), env: map[string]string{"ASSAY_ROOT_TOKEN": rootToken}}
	if err := k.open(ctx, o, clock); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *stack) open(ctx context.Context, o options, clock time.Duration) error {
	if err := os.Mkdir(k.dir, 0o700); err != nil {
		return err
	}
	var wg sync.WaitGroup
	var noRedis error
	if o.Redis == nil || *o.Redis {
		wg.Go(func() { noRedis = k.openRedis(ctx) })
	}
	noPostgres := k.openPostgres(ctx, o.OwnPostgres)
	if noPostgres == nil && clock != 0 {
		noPostgres = k.beginAt(ctx, clock)
	}
	wg.Wait()
	if err := errors.Join(noPostgres, noRedis); err != nil {
		return err
	}
	if err := k.addServers(o); err != nil {
		return err
	}
	for _, server := range k.all() {
		if err := server.start(ctx, "/readyz", "ready"); err != nil {
			return err
		}
	}
	return nil
}

func (k *stack) openPostgres(ctx context.Context, own bool) error {
	if !own {
		k.database = k.ID
		k.useDatabase(k.stage.postgres)
		return statements(ctx, k.stage.postgres.URL(localpg.Superuser, "postgres"), "create database "+k.database+" template "+template)
	}
	settings := pgtest.Settings()
	settings["synchronous_commit"] = "on" // what was committed is there after a kill
	postgres, err := localpg.Start(ctx, localpg.Config{Settings: settings})
	if err != nil {
		return err
	}
	k.postgres, k.database = postgres, "assay"
	k.useDatabase(postgres)
	return statements(ctx, postgres.URL(localpg.Superuser, "postgres"), "create role "+servingRole+" login", "create database "+k.database)
}

func (k *stack) useDatabase(postgres *localpg.Server) {
	k.env["DATABASE_URL"] = postgres.URL(servingRole, k.database)
	k.env["MIGRATE_DATABASE_URL"] = postgres.URL(localpg.Superuser, k.database)
}

func (k *stack) openRedis(ctx context.Context) error {
	var err error
	k.redis, err = localredis.Start(ctx, localredis.Config{})
	return err
}

// addServers prepares the programs.
func (k *stack) addServers(o options) error {
	if k.redis != nil {
		k.env["REDIS_URL"] = k.redis.URL()
	}
	for i := range o.Servers {
		server, err := k.newServer("assay", "serve", i, o.Env)
		if err != nil {
			return err
		}
		k.servers = append(k.servers, server)
	}
	if !o.Edge {
		return nil
	}
	if err := k.stage.edge(); err != nil {
		return err
	}
	k.env["ASSAY_CONTROL_URL"], k.env["ASSAY_EDGE_TOKEN"] = k.servers[0].url(), rootToken
	var err error
	k.edge, err = k.newServer("assay-edge", "", 0, o.Env)
	return err
}

func (k *stack) newServer(program, command string, number int, env map[string]string) (*server, error) {
	name := program + strconv.Itoa(number)
	server, err := newServer(filepath.Join(k.stage.dir, program), strings.Fields(command), filepath.Join(k.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	server.env = append(variables(k.env), "SNAPSHOT_DIR="+filepath.Join(k.dir, name))
	server.env = append(server.env, variables(env)...)
	return server, nil
}

// all lists the programs, the edge last.
func (k *stack) all() []*server {
	if k.edge == nil {
		return k.servers
	}
	return append(k.servers[:len(k.servers):len(k.servers)], k.edge)
}

// close ends the stack and drops its database.
func (k *stack) close() {
	for _, server := range k.all() {
		server.close()
	}
	if k.redis != nil {
		k.redis.Stop()
	}
	switch {
	case k.postgres != nil:
		k.postgres.Kill() // nobody needs the data again
		_ = k.postgres.Stop()
	case k.database != "":
		ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
		defer cancel()
		_ = statements(ctx, k.stage.postgres.URL(localpg.Superuser, "postgres"), "drop database if exists "+k.database+" with (force)") // else it goes with the server
	}
	_ = os.RemoveAll(k.dir)
}

// log is what all programs logged.
func (k *stack) log() string {
	var b strings.Builder
	for _, server := range k.all() {
		fmt.Fprintf(&b, "== %s\n%s", filepath.Base(server.log.Name()), server.text())
	}
	return b.String()
}

var (
	errNoAction       = errors.New("no such action")
	errSharedPostgres = errors.New("its PostgreSQL is shared: ask for a stack with own_postgres")
	errNoRedis        = errors.New("it has no Redis")
	errNoServer       = errors.New("it has no such server")
)

// actPostgres kills or starts the stack's PostgreSQL.
func (k *stack) actPostgres(ctx context.Context, action string) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	if k.postgres == nil {
		return errSharedPostgres
	}
	switch action {
	case "kill":
		k.postgres.Kill()
		k.postgresDown = true
	case "start":
		if err := k.postgres.Restart(ctx); err != nil {
			return err
		}
		k.postgresDown = false
	default:
		return errNoAction
	}
	return nil
}

// actRedis kills, starts or empties the stack's Redis.
func (k *stack) actRedis(ctx context.Context, action string) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	if k.redis == nil {
		return errNoRedis
	}
	switch action {
	case "kill":
		k.redis.Kill()
		k.redisDown = true
	case "start":
		if err := k.redis.Restart(ctx); err != nil {
			return err
		}
		k.redisDown = false
	case "flush":
		client := redis.NewClient(&redis.Options{Addr: k.redis.Addr()})
		defer client.Close()
		return client.FlushAll(ctx).Err()
	default:
		return errNoAction
	}
	return nil
}

// actServer kills or starts a server. A start waits until it is ready, or as
// long as something that it depends on is down, until it answers.
func (k *stack) actServer(ctx context.Context, server *server, action string) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	switch action {
	case "kill":
		server.kill()
	case "start":
		if k.postgresDown || k.redisDown {
			return server.start(ctx, "/healthz", "ok")
		}
		return server.start(ctx, "/readyz", "ready")
	default:
		return errNoAction
	}
	return nil
}

// beginAt has the ledger, which no server has seen yet, begin at now + offset.
func (k *stack) beginAt(ctx context.Context, offset time.Duration) error {
	if err := migrations.Run(ctx, k.env["MIGRATE_DATABASE_URL"], "", servingRole); err != nil {
		return err
	}
	if err := k.setClock(ctx, offset); err != nil {
		return err
	}
	return k.asOwner(ctx, "update event_head set recorded_at = ledger_clock(), began_at = ledger_clock()")
}

// setClock moves the ledger's clock: it goes on from now + offset. Time in the
// ledger never falls all the same.
func (k *stack) setClock(ctx context.Context, offset time.Duration) error {
	return k.asOwner(ctx, fmt.Sprintf(`create or replace function ledger_clock() returns timestamptz
		language sql volatile as 'select clock_timestamp() + interval ''%d microseconds'''`, offset.Microseconds()))
}

func (k *stack) asOwner(ctx context.Context, sql string) error {
	return statements(ctx, k.env["MIGRATE_DATABASE_URL"], sql)
}

// run runs assay as its users do, in the environment of the first server.
func (k *stack) run(ctx context.Context, args []string) (ran, error) {
	cmd := exec.Command(k.servers[0].path, args...)
	cmd.Env = k.servers[0].env
	output, err := proc.Run(ctx, cmd, nil)
	if cmd.ProcessState == nil || ctx.Err() != nil {
		return ran{}, err
	}
	return ran{proc.ExitCode(cmd.ProcessState), output}, nil
}
