// Command independence measures whether the assignments of different
// experiments are independent of each other, and whether each is uniform, beside
// schemes that look as if they were. It exits with 1 where ours is not.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("independence", flag.ContinueOnError)
	flags.SetOutput(stderr)
	experiments := flags.Int("experiments", 1_000, "how many experiments to compare, two by two")
	units := flags.Int("units", 10_000, "how many units to assign")
	tolerance := flags.Float64("tolerance", 0.15, "how far from 1 % ours may be, in percent")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *experiments < 2 || *units < 100 || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "independence: at least 2 experiments and 100 units, and no arguments")
		return 2
	}
	good, err := report(stdout, *experiments, *units, *tolerance)
	if err != nil {
		fmt.Fprintln(stderr, "independence:", err)
	}
	if err != nil || !good {
		return 1
	}
	return 0
}

// report prints, for ids of every kind, the share of pairs of experiments that
// are dependent at p < 0.01: 1 % of those that are independent are.
func report(w io.Writer, experiments, units int, tolerance float64) (good bool, err error) {
	fmt.Fprintf(w, "%d experiments, %d units: percent of pairs that are dependent at p < 0.01 (ideal 1.00),\n"+
		"and of experiments that are not uniform at p < 0.01 (ideal 1.00)\n\n", experiments, units)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "ids\tscheme\tsplit-split\ttraffic-traffic\tlayer-layer\tsplit-traffic\tsplit-layer\ttraffic-layer\tnot uniform\t")
	good = true
	for _, kind := range kinds() {
		ids := kind.list(units)
		ours, err := assigned(experiments, ids)
		if err != nil {
			return false, err
		}
		for _, share := range ours.pairs() {
			good = good && share > 1-tolerance && share < 1+tolerance
		}
		fmt.Fprintf(table, "%s\tAssay\t%s\t\n", kind.name, cells(append(ours.pairs(), ours.uniformity())))
		for _, scheme := range schemes() {
			split := scheme.split(experiments, ids)
			fmt.Fprintf(table, "\t%s\t%.2f\t\t\t\t\t\t%.2f\t\n", scheme.name, dependent(split.halves, nil), split.uneven())
		}
	}
	return good, table.Flush()
}

func cells(shares []float64) (row string) {
	for i, share := range shares {
		if i > 0 {
			row += "\t"
		}
		row += fmt.Sprintf("%.2f", share)
	}
	return row
}
