package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/setup"
	"github.com/assaylabs/assay/queries"
)

func (p *program) report() *cobra.Command {
	var from, to string
	var asJSON, asCSV bool
	cmd := &cobra.Command{
		Use: "report [YYYY-MM-DD]", Short: "Print daily reports", Args: cobra.MaximumNArgs(1),
		Long: `Prints the report of a UTC day (today's, as of now, if none is given), or of the
days --from to --to. A final report never changes.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			first, last, err := reportDays(args, from, to)
			if err != nil {
				return err
			}
			cfg, err := p.config()
			if err != nil {
				return err
			}
			reports, err := readReports(cmd.Context(), cfg, first, last)
			if err != nil {
				return err
			}
			switch {
			case asCSV:
				return queries.WriteDailyCSV(p.stdout, reports)
			case asJSON && first == last && len(reports) == 1:
				return p.printJSON(reports[0])
			case asJSON:
				return p.printJSON(reports)
			}
			return printReports(p.stdout, reports)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first day, YYYY-MM-DD")
	cmd.Flags().StringVar(&to, "to", "", "last day, YYYY-MM-DD (default today)")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print CSV")
	jsonFlag(cmd, &asJSON)
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

// reportDays reads which days are asked for.
func reportDays(args []string, from, to string) (first, last domain.Date, err error) {
	today := domain.DateOf(time.Now())
	first, last = today, today
	day := func(name, text string, into *domain.Date) {
		if text == "" || err != nil {
			return
		}
		if *into, err = domain.ParseDate(text); err != nil {
			err = &control.ConfigError{Variable: name, Problem: "must be a day as YYYY-MM-DD"}
		}
	}
	if len(args) == 1 {
		if from != "" || to != "" {
			return 0, 0, &control.ConfigError{Variable: "--from, --to", Problem: "must be absent where a day is given"}
		}
		day("day", args[0], &first)
		return first, first, err
	}
	day("--to", to, &last)
	first = last
	day("--from", from, &first)
	return first, last, err
}

func readReports(ctx context.Context, cfg control.Config, first, last domain.Date) ([]domain.DailyReport, error) {
	p, err := control.Open(ctx, cfg, setup.NewLogger(cfg.LogFormat, io.Discard))
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if first == last {
		report, err := p.Queries.DailyReport(ctx, first)
		return []domain.DailyReport{report}, err
	}
	return p.Queries.DailyReports(ctx, first, last)
}

func printReports(w io.Writer, reports []domain.DailyReport) error {
	for _, r := range reports {
		state := "final"
		if !r.Final {
			state = "so far"
		}
		fmt.Fprintf(w, "%s (%s): %d active, %d inactive; %d changes of %d experiments\n",
			r.Date, state, r.Active, r.Inactive, r.TotalChanges, r.ChangedExperiments)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, e := range r.Experiments {
			fmt.Fprintf(table, "  %d\t%s\t%s\n", e.Changes, e.Key, e.Name)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "  records %d to %d, checkpoint %s\n", r.FromPosition, r.ToPosition, r.Checkpoint); err != nil {
			return err
		}
	}
	return nil
}
