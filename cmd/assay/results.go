package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/setup"
	"github.com/assaylabs/assay/queries"
	"github.com/assaylabs/assay/tracking/warehouse"
)

func (p *program) results() *cobra.Command {
	var o queries.ResultsOptions
	var mapping string
	var asJSON, asCSV bool
	cmd := &cobra.Command{
		Use: "results KEY", Short: "Print what an experiment has shown", Args: cobra.ExactArgs(1),
		Long: `Prints the results of an experiment, by its key or id, and the verdict that
follows from the rule as it was fixed when the phase began. With --as-of, which
every answer tells, they are the same for ever; counting anew may take a while.

With --warehouse, units are counted where their events are: in the database of
WAREHOUSE_URL, by a file that says where exposures and events are in it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			got, err := p.readResults(cmd.Context(), cfg, args[0], mapping, o)
			if err != nil {
				return err
			}
			if asJSON {
				_, err = fmt.Fprintf(p.stdout, "%s\n", got.Body)
				return err
			}
			var doc queries.Results
			if err := json.Unmarshal(got.Body, &doc); err != nil {
				return err
			}
			if asCSV {
				return queries.WriteResultsCSV(p.stdout, &doc)
			}
			return printResults(p.stdout, &doc)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.AsOf, "as-of", "", "the as_of of earlier results, such as 42.17")
	f.IntVar(&o.Phase, "phase", 0, "which phase (default the newest)")
	f.StringVar(&o.Dimension, "dimension", "", "an attribute to break the metrics down by")
	f.StringSliceVar(&o.Metrics, "metric", nil, "further metrics whose daily series --json has")
	f.StringVar(&mapping, "warehouse", "", "file that says where the warehouse of WAREHOUSE_URL has the events")
	f.BoolVar(&asCSV, "csv", false, "print CSV")
	jsonFlag(cmd, &asJSON)
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	cmd.MarkFlagsMutuallyExclusive("as-of", "warehouse")
	return cmd
}

func (p *program) readResults(ctx context.Context, cfg control.Config, ref, mapping string, o queries.ResultsOptions) (queries.Readout, error) {
	plane, err := control.Open(ctx, cfg, setup.NewLogger(cfg.LogFormat, io.Discard))
	if err != nil {
		return queries.Readout{}, err
	}
	defer plane.Close()
	if mapping != "" {
		return p.warehouseResults(ctx, plane, ref, mapping, o)
	}
	// What has to be counted anew is counted beside the question.
	counting, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = plane.Queries.Run(counting) // it ends with counting
	}()
	defer func() { stop(); <-ended }()
	for {
		got, err := plane.Queries.Results(ctx, ref, o)
		if !errors.Is(err, queries.ErrCounting) || ctx.Err() != nil {
			return got, err
		}
	}
}

func (p *program) warehouseResults(ctx context.Context, plane *control.Plane, ref, mapping string, o queries.ResultsOptions) (queries.Readout, error) {
	url := p.getenv("WAREHOUSE_URL")
	if url == "" {
		return queries.Readout{}, &control.ConfigError{Variable: "WAREHOUSE_URL", Problem: "must be set: where the warehouse is"}
	}
	data, err := os.ReadFile(mapping)
	if err != nil {
		return queries.Readout{}, err
	}
	source, err := warehouse.Parse(data)
	if err != nil {
		return queries.Readout{}, fmt.Errorf("%s: %w", mapping, err)
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(limited, url)
	if err != nil {
		return queries.Readout{}, fmt.Errorf("connect to the warehouse: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it only read
	return plane.Queries.WarehouseResults(ctx, ref, conn, source, o)
}

func printResults(w io.Writer, doc *queries.Results) error {
	fmt.Fprintf(w, "%s, phase %d, as of %s: %s\n", doc.Experiment.Key, doc.Phase, doc.AsOf, doc.Verdict.Text)
	fmt.Fprintf(w, "%d days, %s at %v, correction %s\n", doc.Days, doc.Test.Label, doc.Alpha, doc.Correction)
	if n := len(doc.Plan.ChangedSince); n > 0 {
		fmt.Fprintf(w, "changed since the rule was fixed: %s\n", strings.Join(doc.Plan.ChangedSince, ", "))
	}
	fmt.Fprintf(w, "split: %s; left out: %d crossovers, %d excluded, %d bots; %d disagreements, %d overridden\n\n",
		doc.SRM.Verdict, doc.Quality.Crossovers, doc.Quality.Excluded, doc.Quality.Bots, doc.Quality.Disagreements, doc.Quality.Overridden)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "metric\trole\tvariation\tunits\tmean\tlift\tinterval\tp\tchance to win\t\n")
	printMetrics(table, "", doc.Metrics)
	if doc.Breakdown != nil {
		for _, value := range doc.Breakdown.Values {
			printMetrics(table, doc.Breakdown.Dimension+" "+value.Value+": ", value.Metrics)
		}
	}
	return table.Flush()
}

func printMetrics(w io.Writer, before string, metrics []queries.MetricResult) {
	for _, m := range metrics {
		for _, v := range m.Variations {
			mark := v.Status
			switch {
			case v.Significant:
				mark = "significant"
			case v.Status == "ok":
				mark = strings.Join(v.Flags, " ")
			}
			p := v.PAdjusted
			if p == nil {
				p = v.PValue
			}
			fmt.Fprintf(w, "%s%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", before, m.Metric, m.Role, v.Variation, v.Units,
				number(v.Mean), percent(v.Lift), percents(v.LiftCI), number(p), percent(v.ChanceToWin), mark)
		}
	}
}

func number(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.4g", *x)
}

func percent(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100**x)
}

// percents is an interval; an end that is open is not there.
func percents(i *queries.Interval) string {
	if i == nil || i[0] == nil && i[1] == nil {
		return "-"
	}
	end := func(x *float64) string {
		if x == nil {
			return ""
		}
		return percent(x)
	}
	return end(i[0]) + " … " + end(i[1])
}
