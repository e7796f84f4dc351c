// Package ledgertest gives tests a real ledger: a migrated database with its
// two roles, and stores on it.
package ledgertest

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/migrations"
	"github.com/assaylabs/assay/projections"
)

// Ledger is a migrated database.
type Ledger struct {
	// Owner is the URL of a superuser, App of the serving role.
	Owner, App string
}

// New makes a migrated database on the shared server, by copying one: as if it
// had been migrated earlier that day.
func New(t testing.TB) Ledger {
	t.Helper()
	// A ledger that begins on another day has days to close.
	template := "ledger_" + time.Now().UTC().Format("20060102")
	role := "app_" + template
	owner := pgtest.Copy(t, template, func(owner string) error {
		return migrate(t.Context(), owner, role)
	})
	return Ledger{Owner: owner, App: as(t, owner, role)}
}

// Migrate makes the ledger in the database that a superuser's URL names.
func Migrate(t testing.TB, owner string) Ledger {
	t.Helper()
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	role := "app_" + strings.Trim(u.Path, "/")
	t.Cleanup(func() { dropRole(owner, role) })
	if err := migrate(t.Context(), owner, role); err != nil {
		t.Fatal(err)
	}
	return Ledger{Owner: owner, App: as(t, owner, role)}
}

// migrate makes the tables, and the role that serves them if there is none of
// that name.
func migrate(ctx context.Context, owner, role string) error {
	conn, err := pgx.Connect(ctx, owner)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var exists bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)", role).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		if _, err := conn.Exec(ctx, "create role "+pgx.Identifier{role}.Sanitize()+" login"); err != nil {
			return err
		}
	}
	return migrations.Run(ctx, owner, "", role)
}

// as is the URL for another role.
func as(t testing.TB, owner, role string) string {
	t.Helper()
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	return u.String()
}

// dropRole forgets the role as far as it can: roles outlive databases.
func dropRole(owner, role string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, owner)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	name := pgx.Identifier{role}.Sanitize()
	_, _ = conn.Exec(ctx, "drop owned by "+name+" cascade; drop role "+name)
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Superuser returns a connection that may do anything.
func (l Ledger) Superuser(t testing.TB) *pgx.Conn { return connect(t, l.Owner) }

// Pool returns a pool of the serving role.
func (l Ledger) Pool(t testing.TB) *pgxpool.Pool { return pool(t, l.App) }

// OwnerPool returns a pool of the superuser.
func (l Ledger) OwnerPool(t testing.TB) *pgxpool.Pool { return pool(t, l.Owner) }

func pool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	p, err := eventstore.Open(context.Background(), url, eventstore.PoolConfig{MaxConns: 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Store returns a running store of the serving role, one replica's.
func (l Ledger) Store(t testing.TB) *eventstore.Store {
	t.Helper()
	s := eventstore.New(l.Pool(t), eventstore.Config{Inline: projections.Inline{}})
	Run(t, s.Run)
	return s
}

// Commands returns the commands on a running store.
func (l Ledger) Commands(t testing.TB) *commands.Service {
	t.Helper()
	return commands.New(l.Store(t))
}

// Run runs f until the test ends, and waits for it.
func Run(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// SetClock moves the ledger's clock: it goes on from now + offset.
func (l Ledger) SetClock(t testing.TB, offset time.Duration) {
	t.Helper()
	conn := connect(t, l.Owner)
	_, err := conn.Exec(t.Context(), `create or replace function ledger_clock() returns timestamptz
		language sql volatile as 'select clock_timestamp() + interval ''`+offset.String()+`'''`)
	if err != nil {
		t.Fatal(err)
	}
}
