package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/projections"
)

func (p *program) replay() *cobra.Command {
	var asJSON bool
	names := append(projections.Tables(), "all")
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
			return p.rebuild(cmd.Context(), cfg, args, asJSON)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (p *program) rebuild(ctx context.Context, cfg control.Config, names []string, asJSON bool) error {
	tables := slices.Compact(slices.Sorted(slices.Values(names)))
	if slices.Contains(names, "all") {
		tables = projections.Tables()
	}
	return p.rebuildTables(ctx, cfg, tables, asJSON)
}

func (p *program) rebuildTables(ctx context.Context, cfg control.Config, tables []string, asJSON bool) error {
	pool, err := control.OwnerPool(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	report, end := p.progress("replay")
	done, err := projections.Replay(ctx, pool, tables, projections.ReplayOptions{Progress: report})
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
