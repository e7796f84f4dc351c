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

// The names of what is rebuilt in ways of its own.
const (
	redisProjection    = "redis"
	trackingProjection = "tracking"
)

func (p *program) replay() *cobra.Command {
	var asJSON bool
	var opts projections.ReplayOptions
	names := append(projections.Tables(), redisProjection, trackingProjection, "all")
	cmd := &cobra.Command{
		Use: "replay projection...", Short: "Rebuild projections from the ledger", ValidArgs: names,
		Args: cobra.MatchAll(cobra.MinimumNArgs(1), cobra.OnlyValidArgs),
		Long: `Rebuilds read models from the ledger's first record while the system serves, to
the same bytes. Tables are filled beside the old ones and change places in one
transaction, for which writers wait some milliseconds; that needs the owner's
connection, MIGRATE_DATABASE_URL. What results are read from (tracking) is
counted again from the first event that was tracked on.

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
	tables := slices.DeleteFunc(projections.Tables(), func(name string) bool { return !slices.Contains(names, name) })
	toRedis, tracking := slices.Contains(names, redisProjection), slices.Contains(names, trackingProjection)
	if slices.Contains(names, "all") {
		tables, toRedis, tracking = projections.Tables(), cfg.RedisURL != "", true
	}
	if toRedis && cfg.RedisURL == "" {
		return &control.ConfigError{Variable: "REDIS_URL", Problem: "must be set to rebuild redis"}
	}
	if len(tables) > 0 {
		if err := p.rebuildTables(ctx, cfg, tables, opts, asJSON); err != nil {
			return err
		}
	}
	if toRedis {
		if err := p.rebuildRedis(ctx, cfg, opts, asJSON); err != nil {
			return err
		}
	}
	if !tracking {
		return nil
	}
	return p.rebuildTracking(ctx, cfg, asJSON)
}

func (p *program) rebuildTracking(ctx context.Context, cfg control.Config, asJSON bool) error {
	report, end := p.progress("replay tracking")
	batches, err := control.RecountTracking(ctx, cfg, setup.NewLogger(cfg.LogFormat, p.stderr), report)
	end()
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(struct {
			Batches int64 `json:"batches"`
		}{batches})
	}
	_, err = fmt.Fprintf(p.stdout, "counted tracking again from %d batches\n", batches)
	return err
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
