// Package migrations makes the tables that the ledger and its read models live
// in, and grants the serving role what it may do with them. Begin with [Run].
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed [0-9]*.sql
var steps embed.FS

//go:embed grants.sql
var grants string

// defaultSchema is the schema of the empty name.
const defaultSchema = "public"

// Run brings the schema (default public; made where it is missing) up to date
// as the owner, then grants servingRole its rights, unless that is empty or the
// owner itself. Any number of processes may run it at once: they take turns,
// and wait up to five minutes for theirs. ownerURL must reach Postgres without
// a pooler that shares sessions.
func Run(ctx context.Context, ownerURL, schema, servingRole string) error {
	if schema == "" {
		schema = defaultSchema
	}
	db, err := open(ownerURL, schema)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect as the owner: %w", err)
	}
	// Given back, it is closed with the rest: that ends the session, and so
	// lets go of the lock.
	defer conn.Close()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID(schema)), lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	// The lock is held beyond goose's own work: making a schema and granting
	// rights fail too when two processes do it at once.
	if err := locker.SessionLock(ctx, conn); err != nil {
		return fmt.Errorf("wait for another migration of schema %s: %w", schema, err)
	}
	if err := makeSchema(ctx, conn, schema); err != nil {
		return fmt.Errorf("make schema %s: %w", schema, err)
	}
	if err := migrate(ctx, db); err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	if err := grant(ctx, conn, schema, servingRole); err != nil {
		return fmt.Errorf("grant rights to role %s: %w", servingRole, err)
	}
	return nil
}

func open(ownerURL, schema string) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return nil, fmt.Errorf("owner's database URL: %w", err)
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 5 * time.Second
	}
	cfg.RuntimeParams["application_name"] = "assay migrate"
	cfg.RuntimeParams["search_path"] = quote(schema)
	cfg.RuntimeParams["lock_timeout"] = "30s"
	return stdlib.OpenDB(*cfg), nil
}

// lockID keeps schemas of one database from waiting for each other.
func lockID(schema string) int64 {
	h := fnv.New64a()
	h.Write([]byte("assay migrations " + schema))
	return int64(h.Sum64())
}

// makeSchema asks first: create schema if not exists needs the right to create
// one even where it exists.
func makeSchema(ctx context.Context, conn *sql.Conn, schema string) error {
	var exists bool
	err := conn.QueryRowContext(ctx, `select exists (select from pg_namespace where nspname = $1)`, schema).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.ExecContext(ctx, `create schema `+quote(schema))
	return err
}

func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := goose.NewProvider(goose.DialectPostgres, db, steps, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func grant(ctx context.Context, conn *sql.Conn, schema, role string) error {
	var owner string
	if err := conn.QueryRowContext(ctx, `select current_user`).Scan(&owner); err != nil {
		return err
	}
	if role == "" || role == owner {
		return nil
	}
	text := strings.NewReplacer("{{schema}}", quote(schema), "{{role}}", quote(role)).Replace(grants)
	_, err := conn.ExecContext(ctx, text)
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
