// Command stage runs a command, such as the browser's tests, and gives it real
// servers to play on:
//
//	go run ./internal/stage -- command [argument]...
//
// The command finds the stage's address in ASSAY_STAGE, and asks there for
// stacks: assay serve on a database and a Redis of its own, all of which it may
// kill and start again. Stage exits as the command does and takes everything
// along, however it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/assaylabs/assay/internal/proc"
)

// addressVariable tells the command where the stage answers.
const addressVariable = "ASSAY_STAGE"

// stopWithin is how long a command that took too long has to end by itself.
const stopWithin = 10 * time.Second

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("stage", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: stage [-timeout 20m] -- command [argument]...")
	}
	timeout := flags.Duration("timeout", 20*time.Minute, "how long the command may run")
	if err := flags.Parse(args); err != nil || flags.NArg() == 0 {
		flags.Usage()
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()
	s, err := open(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "stage:", err)
		return 1
	}
	defer s.close()
	// From here on a signal is the command's to obey, and this waits for it.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	watching, unwatch := context.WithCancel(context.Background())
	defer unwatch()
	go proc.WatchGoRun(watching, func() { signals <- syscall.SIGTERM })

	code, err := execute(flags.Args(), append(os.Environ(), addressVariable+"="+s.url()), signals, *timeout)
	if err != nil {
		fmt.Fprintln(stderr, "stage:", err)
	}
	return code
}

// execute runs the command, passing signals on to it, and returns its exit code.
func execute(args, environment []string, signals <-chan os.Signal, timeout time.Duration) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = environment
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// SIGTERM, not SIGKILL: whoever runs tests has children of its own to take along.
	child, err := proc.Start(cmd, nil, syscall.SIGTERM)
	if err != nil {
		return 127, err
	}
	over := time.NewTimer(timeout)
	defer over.Stop()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // fails only when the command is gone
		case <-over.C:
			child.Stop(stopWithin, syscall.SIGTERM)
			return 1, errors.New("the command took longer than " + timeout.String())
		case <-child.Done():
			return proc.ExitCode(cmd.ProcessState), nil
		}
	}
}
