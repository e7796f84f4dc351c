// Package proc starts child processes that do not outlive this one, and keeps
// the directories they work in apart.
//
// Begin with [Start]; a child that needs a directory of its own takes it from
// [TempDir].
package proc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// User is an account to run a child as.
type User struct{ UID, GID uint32 }

// Process is a running child. Its methods may be called concurrently.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // written before done is closed
}

// Start runs cmd as user (nil: as this process) in a process group of its own,
// so that Ctrl-C on a terminal reaches this process only. On Linux the kernel
// sends death to the child when this process ends, however it ends.
func Start(cmd *exec.Cmd, user *User, death syscall.Signal) (*Process, error) {
	cmd.SysProcAttr = attributes(user, death)
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = time.Second // grandchildren may hold the output open
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The death signal is bound to the thread that forked, not to the
		// process: the thread is kept for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// Run runs cmd as user until it ends and returns what it printed on both
// outputs. When ctx is done the child is killed. The error ends in the last
// line that was printed.
func Run(ctx context.Context, cmd *exec.Cmd, user *User) (string, error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := Start(cmd, user, syscall.SIGKILL)
	if err != nil {
		return "", err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Stop(time.Second)
		return "", ctx.Err()
	}
	if p.err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", cmd.Path, p.err, lastLine(out.String()))
	}
	return out.String(), nil
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and was reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop sends each signal in turn, giving the child grace to end after each, and
// at last kills it. It returns when the child has ended.
func (p *Process) Stop(grace time.Duration, signals ...syscall.Signal) {
	for _, signal := range signals {
		_ = p.cmd.Process.Signal(signal) // fails only when the child is gone
		select {
		case <-p.done:
			return
		case <-time.After(grace):
		}
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}

// ExitCode is that of a child that has ended, or 128 and the signal's number when
// a signal ended it, as shells tell it.
func ExitCode(ended *os.ProcessState) int {
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return ended.ExitCode()
}

// Port is a TCP port of 127.0.0.1 that no other [ReservePort] gives to anybody,
// in this process or another, until it is released or this process ends.
type Port struct {
	Number int
	hold   net.PacketConn
}

// ReservePort returns a port on which nothing listens. It lies below the ports
// that the kernel gives to outgoing connections, and so does the one 10,000
// above it, which a Redis cluster takes too: a server that is down for a while
// finds its port free when it comes back.
func ReservePort() (*Port, error) {
	const low, high = 10240, 20240
	for range 100 {
		number := low + rand.IntN(high-low)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(number))
		// Nobody here speaks UDP: its port of the same number is the reservation.
		hold, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return &Port{Number: number, hold: hold}, nil
		}
		_ = hold.Close()
	}
	return nil, errors.New("no free port on 127.0.0.1")
}

// Addr is the port's host:port.
func (p *Port) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Number)) }

// Release gives the port back. Nil has nothing to give.
func (p *Port) Release() {
	if p != nil {
		_ = p.hold.Close()
	}
}

// Arguments returns the command line of a process, or none when it does not
// run. Where there is no /proc it is split at spaces.
func Arguments(pid int) []string {
	if _, err := os.Stat("/proc/self/cmdline"); err == nil {
		line, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		return strings.FieldsFunc(string(line), func(r rune) bool { return r == 0 })
	}
	line, _ := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return strings.Fields(string(line))
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
