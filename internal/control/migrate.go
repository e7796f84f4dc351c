package control

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/migrations"
)

// Migrate brings the database up to date as its owner and grants the serving
// role its rights.
func Migrate(ctx context.Context, cfg Config) error {
	role, err := servingRole(cfg)
	if err != nil {
		return err
	}
	return migrations.Run(ctx, cfg.OwnerURL, eventstore.SchemaName(cfg.Namespace), role)
}

// servingRole is the role that DATABASE_URL connects as; empty where that is the
// owner too.
func servingRole(cfg Config) (string, error) {
	serving, err := pgx.ParseConfig(cfg.DatabaseURL)
	if err != nil {
		return "", &ConfigError{Variable: "DATABASE_URL", Problem: "must be a PostgreSQL URL"}
	}
	owner, err := pgx.ParseConfig(cfg.OwnerURL)
	if err != nil {
		return "", &ConfigError{Variable: "MIGRATE_DATABASE_URL", Problem: "must be a PostgreSQL URL"}
	}
	if serving.User == owner.User {
		return "", nil
	}
	return serving.User, nil
}

// unreachable says that Postgres does not answer, or not yet: what was asked of
// it may succeed later.
func unreachable(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		// 53: out of resources, 57P01 to 57P03: stopping or starting.
		return refused.Code[:2] == "53" || refused.Code[:3] == "57P"
	case errors.As(err, &connect), errors.As(err, &network), pgconn.SafeToRetry(err):
		return true
	}
	// A connection that was lost has many names.
	return slices.ContainsFunc([]error{
		context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, driver.ErrBadConn, sql.ErrConnDone,
	}, func(lost error) bool { return errors.Is(err, lost) })
}
