// Command testenv runs a command, such as go test ./..., with one private
// PostgreSQL that all its test binaries share:
//
//	go run ./internal/testenv -- go test ./...
//
// It exits as the command does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/proc"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(stderr, "usage: testenv -- command [argument]...")
		return 2
	}
	environment := os.Environ()
	if os.Getenv(pgtest.URLVariable) == "" {
		server, err := localpg.Start(context.Background(), pgtest.Config())
		if err != nil {
			fmt.Fprintln(stderr, "testenv:", err)
			return 1
		}
		defer server.Stop()
		environment = append(environment, pgtest.URLVariable+"="+server.URL(localpg.Superuser, "postgres"))
	}
	// From here on a signal is the command's to obey, and this waits for it.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	code, err := execute(args, environment, signals)
	if err != nil {
		fmt.Fprintln(stderr, "testenv:", err)
	}
	return code
}

// execute runs the command, passing signals on to it, and returns its exit code,
// or 128 and the signal's number when a signal ended it.
func execute(args, environment []string, signals <-chan os.Signal) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = environment
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 127, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // fails only when the command is gone
		case err := <-ended:
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				return 1, err
			}
			return proc.ExitCode(cmd.ProcessState), nil
		}
	}
}
