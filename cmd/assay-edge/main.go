// Command assay-edge is the data plane alone: it evaluates, and keeps SDKs and
// other edges fresh. It needs no Postgres, and goes on with what it has when all
// else is down.
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

	"github.com/assaylabs/assay/internal/setup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// The exit codes.
const (
	done   = 0
	failed = 1
	misuse = 2
)

// release is set by the linker for a release: -ldflags "-X main.release=v1.2.3".
var release string

// run is main with its surroundings as arguments.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	began := false
	root := command(getenv, stderr, &began)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var config *setup.ConfigError
	switch {
	case err == nil:
		return done
	case errors.As(err, &config):
		fmt.Fprintln(stderr, "assay-edge:", err)
		return misuse
	case !began:
		fmt.Fprintf(stderr, "assay-edge: %v\nSee assay-edge --help.\n", err)
		return misuse
	}
	fmt.Fprintln(stderr, "assay-edge:", err)
	return failed
}

// command is the command line; began is set when it was understood.
func command(getenv func(string) string, stderr io.Writer, began *bool) *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use:   "assay-edge",
		Short: "Evaluate experiments close to users",
		Long: `Runs the data plane alone: OFREP, /evaluate, /snapshot and /stream; what comes to
/track goes on to the control plane. SIGTERM or Ctrl-C stops it gracefully.

Environment, of which REDIS_URL or ASSAY_CONTROL_URL is needed; with both, the
second is asked while the first is away:
  REDIS_URL          Redis that a control plane writes to
  ASSAY_CONTROL_URL  a control plane, or another edge
  ASSAY_EDGE_TOKEN   what this edge comes to it with; others come here with it
  SNAPSHOT_DIR       where the last good snapshot is kept for a start while all
                     else is down
  LISTEN_ADDR        host:port, default ` + setup.DefaultListenAddr + `
  ASSAY_ROOT_TOKEN   a token that always works
  ASSAY_NAMESPACE    prefix of Redis keys
  ASSAY_LOG          text or json

Exit codes: 0 done, 1 failed, 2 wrong usage.`,
		Args:    cobra.NoArgs,
		Version: setup.Version(release), SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE: func(cmd *cobra.Command, _ []string) error {
			*began = true
			cfg, err := readConfig(getenv, addr)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, setup.NewLogger(cfg.logFormat, stderr))
		},
	}
	cmd.Flags().StringVar(&addr, "listen", "", "host:port to listen on (default $LISTEN_ADDR)")
	return cmd
}
