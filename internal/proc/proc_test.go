package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStopSendsEachSignalInTurn(t *testing.T) {
	cmd := exec.Command("sh", "-c", "trap '' TERM; trap 'exit 7' QUIT; echo ready; while :; do sleep 0.01; done")
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(cmd, nil, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ready.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	p.Stop(100*time.Millisecond, syscall.SIGTERM, syscall.SIGQUIT)
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d, want 7 from the second signal", code)
	}
}

func TestStopKillsWhatIgnoresSignals(t *testing.T) {
	p, err := Start(exec.Command("sh", "-c", "trap '' TERM; while :; do sleep 0.01; done"), nil, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	p.Stop(50*time.Millisecond, syscall.SIGTERM)
	if args := Arguments(p.PID()); len(args) > 0 {
		t.Errorf("still runs: %q", args)
	}
}

func TestStartOfAMissingProgram(t *testing.T) {
	if _, err := Start(exec.Command("/no/such/program"), nil, syscall.SIGKILL); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
}

func TestRun(t *testing.T) {
	out, err := Run(t.Context(), exec.Command("sh", "-c", "echo one; echo two >&2"), nil)
	if out != "one\ntwo\n" || err != nil {
		t.Errorf("Run = %q, %v", out, err)
	}
	_, err = Run(t.Context(), exec.Command("sh", "-c", "echo one; echo two >&2; exit 3"), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 3: two") {
		t.Errorf("error = %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Run(ctx, exec.Command("sleep", "60"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
}

func TestReservePort(t *testing.T) {
	port, err := ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", port.Addr())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()

	// While nothing listens there, it still is nobody else's.
	if hold, err := net.ListenPacket("udp", port.Addr()); err == nil {
		hold.Close()
		t.Error("reserved twice")
	}
	port.Release()
	hold, err := net.ListenPacket("udp", port.Addr())
	if err != nil {
		t.Fatalf("after Release: %v", err)
	}
	hold.Close()
}

func TestArguments(t *testing.T) {
	if got := Arguments(os.Getpid()); len(got) == 0 || got[0] != os.Args[0] {
		t.Errorf("Arguments = %q, want %q", got, os.Args)
	}
	if got := Arguments(1 << 30); len(got) > 0 {
		t.Errorf("Arguments of no process = %q", got)
	}
}

func TestLockIsHeldUntilItIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	held.Close()
	again, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestTempDirSweepsWhatTheDeadLeft(t *testing.T) {
	parent := t.TempDir()
	makeDir := func(name string) string {
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	alive, lock, err := TempDir(parent, "x-", func(dir string) { t.Errorf("%s was swept", dir) })
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	dead, lock, err := TempDir(parent, "x-", func(dir string) { t.Errorf("%s was swept", dir) })
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
	stillborn := makeDir("x-stillborn")
	if err := os.Chtimes(stillborn, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	unlocked, other := makeDir("x-new"), makeDir("y-1")

	swept := map[string]bool{}
	_, lock, err = TempDir(parent, "x-", func(dir string) { swept[dir] = true })
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	for dir, want := range map[string]bool{alive: false, dead: true, stillborn: true, unlocked: false, other: false} {
		_, err := os.Stat(dir)
		if gone := errors.Is(err, os.ErrNotExist); swept[dir] != want || gone != want {
			t.Errorf("%s: swept %t, gone %t, want %t", filepath.Base(dir), swept[dir], gone, want)
		}
	}
}

func TestTail(t *testing.T) {
	var tail Tail
	fmt.Fprintf(&tail, "%s\nthe\n  end\n", strings.Repeat("x", 5000))
	if got := tail.String(); len(got) > 2048 || !strings.HasSuffix(got, "x the end") {
		t.Errorf("%d bytes, …%q", len(got), got[max(0, len(got)-20):])
	}
}
