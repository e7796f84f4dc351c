package control

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/eventstore"
)

// ServingPool connects as the serving role.
func ServingPool(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	return openPool(ctx, "DATABASE_URL", cfg.DatabaseURL, eventstore.PoolConfig{Schema: cfg.Namespace})
}

// OwnerPool connects as the owner, for what rebuilds tables.
func OwnerPool(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	return openPool(ctx, "MIGRATE_DATABASE_URL", cfg.OwnerURL, eventstore.PoolConfig{Schema: cfg.Namespace, MaxConns: 4})
}

// openPool makes a bad URL a fault of the variable that it came in.
func openPool(ctx context.Context, variable, url string, cfg eventstore.PoolConfig) (*pgxpool.Pool, error) {
	pool, err := eventstore.Open(ctx, url, cfg)
	if err != nil {
		return nil, &ConfigError{Variable: variable, Problem: err.Error()}
	}
	return pool, nil
}
