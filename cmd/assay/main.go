// Command assay is the control plane and the tools around its ledger. Begin with
// assay dev, which needs nothing but this program.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/internal/control"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes.
const (
	done   = 0
	failed = 1
	misuse = 2
)

// errReported ends a command that has said itself why it failed.
var errReported = errors.New("reported")

// program is what every command shares.
type program struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	// began is true when the command line was understood.
	began bool
}

// run is main with its surroundings as arguments.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var config *control.ConfigError
	switch {
	case err == nil:
		return done
	case errors.Is(err, errReported):
		return failed
	case errors.As(err, &config):
		fmt.Fprintln(stderr, "assay:", err)
		return misuse
	case !p.began:
		fmt.Fprintf(stderr, "assay: %v\nSee assay --help.\n", err)
		return misuse
	}
	fmt.Fprintln(stderr, "assay:", err)
	return failed
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "assay",
		Short: "Experiments on a ledger",
		Long: `Assay is an experimentation platform whose every admin action is an immutable
event in a Postgres ledger. Begin with: assay dev

Servers are configured by environment variables: DATABASE_URL,
MIGRATE_DATABASE_URL, REDIS_URL, LISTEN_ADDR, ASSAY_ROOT_TOKEN,
ASSAY_NAMESPACE, ASSAY_LOG (text or json); docs/operations.md has them all.

Exit codes: 0 done, 1 failed, 2 wrong usage.`,
		Args:              cobra.NoArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.AddCommand(
		p.dev(), p.serve(), p.migrate(), p.replay(), p.verify(), p.report(), p.results(),
		p.importing(), p.export(), p.keys(), p.simulate(), p.power(), p.version(),
	)
	p.noteBeginning(root)
	return root
}

// noteBeginning makes every command say when it begins to work: all errors
// before that are about how it was called.
func (p *program) noteBeginning(cmd *cobra.Command) {
	if work := cmd.RunE; work != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			p.began = true
			return work(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		p.noteBeginning(sub)
	}
}

// config reads the environment.
func (p *program) config() (control.Config, error) {
	cfg, err := control.ReadConfig(p.getenv)
	cfg.Version = version()
	return cfg, err
}
