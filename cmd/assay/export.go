package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/control"
)

// exportMembers is how many ids of a segment one line holds.
const exportMembers = 10_000

func (p *program) export() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "export", Short: "Write experiments and what they need as JSON lines", Args: cobra.NoArgs,
		Long: `Writes all that is not deleted, but for API keys, as one state of the ledger:
metric definitions, segments with their members, layers, experiments in an order
in which they can be created, holdouts. assay import reads it.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.usePlane(cmd.Context(), func(_ context.Context, plane *control.Plane) (err error) {
				out := p.stdout
				if file != "" {
					f, err := os.Create(file)
					if err != nil {
						return err
					}
					defer func() { err = errors.Join(err, f.Close()) }()
					out = f
				}
				plane.Follower.WithCatalog(func(c *domain.Catalog) { err = exportCatalog(out, c) })
				return err
			})
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "file to write (default standard output)")
	return cmd
}

func exportCatalog(out io.Writer, c *domain.Catalog) error {
	w := &exporter{out: bufio.NewWriter(out)}
	for _, m := range byKey(c.Metrics) {
		w.line("metric", m)
	}
	for _, g := range byKey(c.Segments) {
		w.line("segment", g)
		members := slices.Sorted(maps.Keys(c.Members(g.ID)))
		for ids := range slices.Chunk(members, exportMembers) {
			w.line("members", commands.ImportMembers{Segment: g.Key, Add: ids})
		}
	}
	for _, l := range byKey(c.Layers) {
		w.line("layer", l)
	}
	for _, e := range inOrderOfNeed(c) {
		w.line("experiment", e)
	}
	for _, l := range byKey(c.Layers) {
		if len(l.Order) > 1 {
			w.line("order", commands.ImportOrder{Layer: l.Key, Experiments: l.Order})
		}
	}
	for _, h := range byKey(c.Holdouts) {
		w.line("holdout", h)
	}
	if w.err != nil {
		return w.err
	}
	return w.out.Flush()
}

// exporter writes lines until one fails.
type exporter struct {
	out *bufio.Writer
	err error
}

func (w *exporter) line(kind string, v any) {
	data, err := domain.Encode(map[string]any{kind: v})
	if w.err == nil {
		w.err = err
	}
	if w.err == nil {
		_, w.err = w.out.Write(append(data, '\n'))
	}
}

// byKey lists a collection in the order of keys.
func byKey[P interface{ Head() domain.Header }](all interface{ All() iter.Seq[P] }) []P {
	return slices.SortedFunc(all.All(), func(a, b P) int { return strings.Compare(a.Head().Key, b.Head().Key) })
}

// inOrderOfNeed lists experiments after those that they depend on.
func inOrderOfNeed(c *domain.Catalog) []*domain.Experiment {
	var ordered []*domain.Experiment
	seen := map[string]bool{}
	var visit func(e *domain.Experiment)
	visit = func(e *domain.Experiment) {
		if seen[e.Key] {
			return
		}
		seen[e.Key] = true
		for _, p := range e.Prerequisites {
			if needed, ok := c.Experiments.ByKey(p.Experiment); ok {
				visit(needed)
			}
		}
		ordered = append(ordered, e)
	}
	for _, e := range byKey(c.Experiments) {
		visit(e)
	}
	return ordered
}
