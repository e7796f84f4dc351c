// Package pgtest gives tests a real PostgreSQL.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// and its tests begin with [Database], or with [Dedicated] where the server
// itself is to be killed. The server of [Database] is one per test binary,
// unless the environment names one that all share ([URLVariable]).
package pgtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/localpg"
)

// URLVariable is the environment variable with a superuser's URL of a server to
// use instead of starting one. internal/testenv sets it.
const URLVariable = "ASSAY_TEST_DATABASE_URL"

// timeout bounds every single wait for the server.
const timeout = time.Minute

// shared is the test binary's server. It has to be a package variable: tests
// know nothing of each other, and only Main sees the last of them end.
var shared struct {
	start  sync.Once
	server *localpg.Server
	err    error

	mu    sync.Mutex
	admin *pgx.Conn // guarded by mu
}

// Settings are those of a server that many tests share: nothing waits for the
// disk, and there are connections for all.
func Settings() map[string]string {
	settings := localpg.Volatile()
	settings["max_connections"] = "300"
	settings["shared_buffers"] = "64MB"
	settings["jit"] = "off"
	return settings
}

// Config is that of a server with [Settings], whose data need not outlive it.
func Config() localpg.Config { return localpg.Config{Settings: Settings(), InMemory: true} }

// Main runs the tests, stops the server they shared and exits.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for who exits himself.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	// Taking the Once keeps a late test from starting what nobody would stop.
	shared.start.Do(func() {})
	if shared.server != nil {
		if err := shared.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}
	return code
}

// URL is the superuser's URL of the shared server, database postgres. Roles and
// settings made there are seen by every test of every package: name them after
// [Database]'s database.
func URL(t testing.TB) string {
	t.Helper()
	if env := os.Getenv(URLVariable); env != "" {
		return env
	}
	shared.start.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		shared.server, shared.err = localpg.Start(ctx, Config())
	})
	if shared.err != nil {
		t.Fatalf("a PostgreSQL for tests: %v", shared.err)
	}
	return shared.server.URL(localpg.Superuser, "postgres")
}

// Database makes an empty database on the shared server and returns the
// superuser's URL of it. It is dropped when the test ends, whoever is connected.
func Database(t testing.TB) string {
	t.Helper()
	return create(t, "template0")
}

// Copy is Database with all that fill makes in a database of the template's name:
// the server keeps that one, and copies it for whoever asks next.
func Copy(t testing.TB, template string, fill func(url string) error) string {
	t.Helper()
	admin(t, func(ctx context.Context, conn *pgx.Conn) error {
		// Test binaries that share the server take turns.
		if _, err := conn.Exec(ctx, "select pg_advisory_lock(hashtext($1))", template); err != nil {
			return err
		}
		defer func() { _, _ = conn.Exec(ctx, "select pg_advisory_unlock(hashtext($1))", template) }() // fails where the session has ended
		var made bool
		err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1 and datistemplate)", template).Scan(&made)
		if made || err != nil {
			return err
		}
		for _, sql := range []string{"drop database if exists " + template, "create database " + template + " template template0"} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return err
			}
		}
		if err := fill(address(t, template)); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "alter database "+template+" is_template true")
		return err
	})
	return create(t, template)
}

// create makes a database that is dropped when the test ends.
func create(t testing.TB, template string) (url string) {
	t.Helper()
	name := databaseName(t.Name())
	execute(t, "create database "+name+" template "+template)
	t.Cleanup(func() { execute(t, "drop database if exists "+name+" with (force)") })
	return address(t, name)
}

// address is the superuser's URL of a database on the shared server.
func address(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(URL(t))
	if err != nil {
		t.Fatalf("%s: %v", URLVariable, err)
	}
	u.Path = "/" + database
	return u.String()
}

// Dedicated starts a server for this test alone, which the test may kill and
// restart. Commits wait for the disk, unless settings say otherwise.
func Dedicated(t testing.TB, settings map[string]string) *localpg.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	server, err := localpg.Start(ctx, localpg.Config{Settings: settings})
	if err != nil {
		t.Fatalf("a PostgreSQL for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return server
}

// databaseName is unique and tells which test the database belongs to. It needs
// no quoting and fits PostgreSQL's 63 bytes.
func databaseName(test string) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(test))
	return fmt.Sprintf("t_%.44s_%012x", name, rand.Uint64()>>16)
}

func execute(t testing.TB, sql string) {
	t.Helper()
	admin(t, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

// admin lets f use the test binary's one session of the superuser: to begin one
// takes Postgres longer than most of what is asked of it.
func admin(t testing.TB, f func(context.Context, *pgx.Conn) error) {
	t.Helper()
	url := URL(t)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.admin == nil || shared.admin.IsClosed() {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatalf("connect to the PostgreSQL for tests: %v", err)
		}
		shared.admin = conn
	}
	if err := f(ctx, shared.admin); err != nil {
		t.Fatalf("the PostgreSQL for tests: %v", err)
	}
}
