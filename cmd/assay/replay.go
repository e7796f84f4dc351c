package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/setup"
	"github.com/assaylabs/assay/projections"
)

// redisProjection is the name of the one projection that is not a table.
const redisProjection = "redis"

func (p *program) replay() *cobra.Command {
	var asJSON bool
	var opts projections.ReplayOptions
	names := append(projections.Tables(), redisProjection, "all")
	cmd := &cobra.Command{
		Use: "replay projection...", Short: "Rebuild projections from the ledger", ValidArgs: names,
		Args: cobra.MatchAll(cobra.MinimumNArgs(1), cobra.OnlyValidArgs),
		Long: `Rebuilds read models from the ledger's first record while the system serves, to
the same bytes. Tables are filled beside the old ones and change places in one
transaction, for which writers wait some milliseconds; that needs the owner's
connection, MIGRATE_DATABASE_URL.

Projections: ` + fmt.Sprint(names),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			return p.rebuild(cmd.Context(), cfg, args, opts, asJSON)
		},
	}
	redactedFlag(cmd, &opts.Redacted)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (p *program) rebuild(ctx context.Context, cfg control.Config, names []string, opts projections.ReplayOptions, asJSON bool) error {
	tables := slices.Compact(slices.Sorted(slices.Values(names)))
	tables = slices.DeleteFunc(tables, func(name string) bool { return name == redisProjection })
	toRedis := slices.Contains(names, redisProjection)
	if slices.Contains(names, "all") {
		tables, toRedis = projections.Tables(), cfg.RedisURL != ""
	}
	if toRedis && cfg.RedisURL == "" {
		return &control.ConfigError{Variable: "REDIS_URL", Problem: "must be set to rebuild redis"}
	}
	if len(tables) > 0 {
		if err := p.rebuildTables(ctx, cfg, tables, opts, asJSON); err != nil {
			return err
		}
	}
	if !toRedis {
		return nil
	}
	return p.rebuildRedis(ctx, cfg, opts, asJSON)
}

func (p *program) rebuildRedis(ctx context.Context, cfg control.Config, opts projections.ReplayOptions, asJSON bool) error {
	pool, err := control.ServingPool(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	client, err := control.OpenRedis(cfg, setup.NewLogger(cfg.LogFormat, p.stderr))
	if err != nil {
		return err
	}
	defer client.Close()
	report, end := p.progress("replay redis")
	opts.Progress = report
	done, err := projections.ReplayRedis(ctx, pool, client, cfg.Namespace, opts)
	end()
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(done)
	}
	_, err = fmt.Fprintf(p.stdout, "rebuilt redis from %d records: %d documents\n", done.Records, done.Documents)
	return err
}

func (p *program) rebuildTables(ctx context.Context, cfg control.Config, tables []string, opts projections.ReplayOptions, asJSON bool) error {
	pool, err := control.OwnerPool(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	report, end := p.progress("replay")
	opts.Progress = report
	done, err := projections.Replay(ctx, pool, tables, opts)
	end()
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(struct {
			Tables         []string `json:"tables"`
			Records        int64    `json:"records"`
			BlockedSeconds float64  `json:"blocked_seconds"`
		}{tables, done.Records, done.Blocked.Seconds()})
	}
	_, err = fmt.Fprintf(p.stdout, "rebuilt %v from %d records; writers waited %s\n", tables, done.Records, done.Blocked.Round(100*time.Microsecond))
	return err
}
