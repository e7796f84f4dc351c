// Command validate shows by simulation that the statistics keep their promises:
// error rates, coverage, power, under peeking, at lopsided allocations and on
// skewed data. It prints one row per promise and exits 1 when a row is out of its
// accepted range, 2 when used wrongly.
//
// The rows are drawn from fixed seeds, one for each experiment, so that a run
// gives the same figures on any machine.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("validate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	seed := flags.Uint64("seed", 1, "seed of every experiment")
	most := flags.Int("runs", 0, "runs of an experiment at most; 0 for as many as each needs")
	short := flags.Bool("short", false, "an eightieth of the runs, with ranges as wide as that needs")
	if flags.Parse(args) != nil || flags.NArg() > 0 || *most < 0 {
		return 2
	}
	rows := simulate(experiments(), plan{seed: *seed, most: *most, short: *short}, runtime.GOMAXPROCS(0))
	if !print(stdout, rows) {
		return 1
	}
	return 0
}

// print writes the table and says whether every row is in range.
func print(w io.Writer, rows []row) bool {
	out := 0
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "what\truns\tmeasured\taccepted\tok")
	for _, r := range rows {
		verdict := "yes"
		if !r.ok() {
			verdict = "NO"
			out++
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s to %s\t%s\n", r.what, r.runs, r.show(r.measured), r.show(r.low), r.show(r.high), verdict)
	}
	table.Flush()
	fmt.Fprintf(w, "%d of %d rows in range\n", len(rows)-out, len(rows))
	return out == 0
}
