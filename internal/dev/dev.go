// Package dev is the environment of assay dev: a private PostgreSQL and Redis
// with their data in one directory, and demo experiments. Begin with Start.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/localredis"
	"github.com/assaylabs/assay/internal/proc"
)

// servingRole is what the control plane connects as: not the owner, as in
// production.
const servingRole = "assay_app"

// database holds the ledger.
const database = "assay"

// Environment is a private PostgreSQL and Redis.
type Environment struct {
	postgres *localpg.Server
	redis    *localredis.Server
}

// Start starts both servers; their data lie below dir and stay there. log
// receives PostgreSQL's own log. Stop the environment.
func Start(ctx context.Context, dir string, log io.Writer) (*Environment, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	e := &Environment{}
	var err error
	e.postgres, err = localpg.Start(ctx, localpg.Config{Dir: filepath.Join(dir, "postgres"), Log: log})
	if errors.Is(err, proc.ErrLocked) {
		return nil, fmt.Errorf("%s is in use: another assay dev runs there", dir)
	}
	if err != nil {
		return nil, err
	}
	if err = e.makeDatabase(ctx); err == nil {
		e.redis, err = localredis.Start(ctx, localredis.Config{Dir: filepath.Join(dir, "redis")})
	}
	if err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// makeDatabase makes the database and the serving role, unless they are there.
func (e *Environment) makeDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, e.postgres.URL(localpg.Superuser, "postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, step := range []struct{ there, make string }{
		{"select from pg_roles where rolname = '" + servingRole + "'", "create role " + servingRole + " login"},
		{"select from pg_database where datname = '" + database + "'", "create database " + database},
	} {
		var there bool
		if err := conn.QueryRow(ctx, "select exists ("+step.there+")").Scan(&there); err != nil {
			return err
		}
		if there {
			continue
		}
		if _, err := conn.Exec(ctx, step.make); err != nil {
			return err
		}
	}
	return nil
}

// DatabaseURL is the serving role's.
func (e *Environment) DatabaseURL() string { return e.postgres.URL(servingRole, database) }

// OwnerURL is the owner's, for migrations.
func (e *Environment) OwnerURL() string { return e.postgres.URL(localpg.Superuser, database) }

// RedisURL is Redis's.
func (e *Environment) RedisURL() string { return e.redis.URL() }

// RealRedis is false where no redis-server is installed and one runs inside this
// process instead.
func (e *Environment) RealRedis() bool { return e.redis.Real() }

// Stop ends both servers.
func (e *Environment) Stop() error {
	if e.redis != nil {
		e.redis.Stop()
	}
	return e.postgres.Stop()
}
