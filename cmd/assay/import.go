package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/internal/control"
)

const (
	// maxImportLine bounds a line, in bytes: the members of a segment are the
	// largest.
	maxImportLine = 8 << 20
	// maxImportBytes bounds what one transaction imports.
	maxImportBytes = 8 << 20
)

func (p *program) importing() *cobra.Command {
	var reason string
	var skipExisting, asJSON bool
	cmd := &cobra.Command{
		Use: "import file", Short: "Create experiments and what they need from JSON lines", Args: cobra.ExactArgs(1),
		Long: `Reads JSON lines from a file, or from standard input where the file is "-". A
line is an experiment as POST /experiments takes it, or what assay export wrote:
{"layer":{…}}, {"segment":{…}}, {"members":{…}}, {"metric":{…}}, {"holdout":{…}},
{"order":{…}} or {"experiment":{…}}. What a line refers to must exist or stand
before it. Exported experiments keep their ids, salts, splits and phases, so
that no unit changes its variation.

Up to 1,000 lines share a transaction, which is all or nothing. Where a line
fails, the number printed says how many lines before it were imported.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in, size, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			return p.usePlane(cmd.Context(), func(ctx context.Context, plane *control.Plane) error {
				report, end := p.progress("import")
				i := &importer{plane: plane, call: call(reason), skip: skipExisting, size: size, report: report}
				err := i.run(ctx, in)
				end()
				if err != nil {
					fmt.Fprintf(p.stderr, "imported %d lines before that, skipped %d\n", i.done.Imported, i.done.Skipped)
					return err
				}
				if asJSON {
					return p.printJSON(i.done)
				}
				_, err = fmt.Fprintf(p.stdout, "imported %d lines, skipped %d; the ledger is at %d\n", i.done.Imported, i.done.Skipped, i.done.Position)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "import", "why, for the ledger")
	cmd.Flags().BoolVar(&skipExisting, "skip-existing", false, "leave out what is there already, by id or key")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// open opens a file, or standard input; size is 0 where it is not known.
func (p *program) open(name string) (in io.ReadCloser, size int64, err error) {
	if name == "-" {
		return io.NopCloser(p.stdin), 0, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	if about, err := file.Stat(); err == nil {
		size = about.Size()
	}
	return file, size, nil
}

// importer reads lines and runs them in groups.
type importer struct {
	plane  *control.Plane
	call   commands.Call
	skip   bool
	size   int64
	report func(done, total int64)

	done   commands.ImportAnswer
	lines  []commands.ImportLine
	starts []int // the number of each line
	bytes  int
}

func (i *importer) run(ctx context.Context, in io.Reader) error {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 64<<10), maxImportLine)
	var read int64
	for n := 1; scanner.Scan(); n++ {
		read += int64(len(scanner.Bytes())) + 1
		if err := i.add(ctx, n, bytes.TrimSpace(scanner.Bytes())); err != nil {
			return err
		}
		i.report(read, max(read, i.size))
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line is longer than %d bytes", maxImportLine)
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	return i.flush(ctx)
}

func (i *importer) add(ctx context.Context, n int, text []byte) error {
	if n == 1 {
		text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // editors' mark
	}
	if len(text) == 0 {
		return nil
	}
	line, err := commands.ParseImportLine(bytes.Clone(text))
	if err != nil {
		return errors.Join(i.flush(ctx), fmt.Errorf("line %d: %w", n, err))
	}
	if len(i.lines) == commands.MaxBatch || i.bytes+len(text) > maxImportBytes {
		if err := i.flush(ctx); err != nil {
			return err
		}
	}
	i.lines, i.starts, i.bytes = append(i.lines, line), append(i.starts, n), i.bytes+len(text)
	return nil
}

func (i *importer) flush(ctx context.Context) error {
	if len(i.lines) == 0 {
		return nil
	}
	got, err := i.plane.Commands.Import(ctx, i.call, i.lines, i.skip)
	if failed := (*commands.BatchError)(nil); errors.As(err, &failed) {
		return fmt.Errorf("line %d: %w", i.starts[failed.Index], failed.Err)
	}
	if err != nil {
		return err
	}
	i.done.Imported, i.done.Skipped, i.done.Position = i.done.Imported+got.Imported, i.done.Skipped+got.Skipped, got.Position
	i.lines, i.starts, i.bytes = i.lines[:0], i.starts[:0], 0
	return nil
}
