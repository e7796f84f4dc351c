package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/setup"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/fold"
)

func (p *program) verify() *cobra.Command {
	var opts projections.VerifyOptions
	var asJSON bool
	var tracking bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Prove the ledger and everything derived from it", Args: cobra.NoArgs,
		Long: `Re-derives the hash chain, every final report and every read model, Redis too
where REDIS_URL is set, from the first record on. At the first record that was
changed, removed, inserted or reordered it prints FIRST_BAD_POSITION=n and exits
1. Then it counts every phase of every experiment again from what was tracked and
names the first number that results are read from and that is another one; that
reads all that was tracked once for each phase, --tracking=false leaves it out.

Servers show what was found, and when, at GET /ledger/verification.

A ledger whose end was cut off still chains: give --checkpoint, as a daily
report carries it, to prove that nothing up to there is missing.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.Checkpoint != "" {
				if _, _, err := domain.ParseCheckpoint(opts.Checkpoint); err != nil {
					return &control.ConfigError{Variable: "--checkpoint", Problem: "must be position:hash, with a hash of 64 hexadecimal digits"}
				}
			}
			cfg, err := p.config()
			if err != nil {
				return err
			}
			pool, err := control.ServingPool(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer pool.Close()
			if cfg.RedisURL != "" {
				client, err := control.OpenRedis(cfg, setup.NewLogger(cfg.LogFormat, p.stderr))
				if err != nil {
					return err
				}
				defer client.Close()
				opts.Redis, opts.Namespace = client, cfg.Namespace
			}
			report, end := p.progress("verify")
			opts.Progress = report
			start := time.Now()
			found, err := projections.Verify(cmd.Context(), pool, opts)
			end()
			if err == nil && found.OK() {
				err = p.verifyTracking(cmd.Context(), pool, tracking, &found)
			}
			if err != nil {
				return err
			}
			p.keepVerification(cmd.Context(), pool, found, time.Since(start), opts.Redacted)
			return p.printVerification(found, asJSON)
		},
	}
	cmd.Flags().StringVar(&opts.Checkpoint, "checkpoint", "", "position:hash from outside the database")
	cmd.Flags().BoolVar(&tracking, "tracking", true, "count what was tracked again")
	redactedFlag(cmd, &opts.Redacted)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// verifyTracking adds what counting again finds to a verification that found the
// ledger whole: exposures are judged by it.
func (p *program) verifyTracking(ctx context.Context, pool *pgxpool.Pool, wanted bool, found *projections.Verification) error {
	if !wanted {
		found.Notes = append(found.Notes, "what was tracked")
		return nil
	}
	report, end := p.progress("verify tracking")
	past := fold.Past{Pool: pool, Deriver: derive.New(pool)}
	difference, err := past.Verify(ctx, report)
	end()
	if err == nil && difference != nil {
		found.Mismatches = append(found.Mismatches, difference.String())
	}
	return err
}

func redactedFlag(cmd *cobra.Command, positions *[]int64) {
	cmd.Flags().Int64SliceVar(positions, "redacted", nil, "positions of records whose data was redacted")
}

// keepVerification writes down what was found where servers show it. Who may only
// read, or has an older schema, is told what was found all the same.
func (p *program) keepVerification(ctx context.Context, pool *pgxpool.Pool, v projections.Verification, took time.Duration, redacted []int64) {
	found, err := v.Finding(took, redacted, "assay verify "+setup.InstanceID())
	if err == nil {
		err = found.Keep(ctx, pool)
	}
	if err != nil {
		fmt.Fprintln(p.stderr, "assay: servers will not show this verification:", err)
	}
}

func (p *program) printVerification(v projections.Verification, asJSON bool) error {
	if asJSON {
		if err := p.printJSON(v); err != nil {
			return err
		}
	} else {
		if v.Bad {
			fmt.Fprintf(p.stdout, "FIRST_BAD_POSITION=%d\n%s\n", v.FirstBad, v.Problem)
		}
		for _, m := range v.Mismatches {
			fmt.Fprintln(p.stdout, "projection differs:", m)
		}
		for _, note := range v.Notes {
			fmt.Fprintln(p.stdout, "not compared:", note)
		}
		if v.OK() {
			fmt.Fprintf(p.stdout, "ok: %d records, every projection agrees\ncheckpoint %s\n", v.Records, v.Checkpoint)
		}
	}
	if !v.OK() {
		return errReported
	}
	return nil
}
