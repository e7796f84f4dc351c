package fault

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/proc"
)

// patience bounds every wait for something to come right by itself; no test
// passes by it, and the machine may be slow.
const patience = 30 * time.Second

// rootToken is every server's.
const rootToken = "root-token-of-the-fault-tests"

// replica is one server: a process of assay serve at one address, which may be
// killed and started again.
type replica struct {
	name, addr string
	env        []string
	log        *os.File

	mu    sync.Mutex
	child *proc.Process // mu guards, as cmd
	cmd   *exec.Cmd
}

// newReplica prepares a server with an environment; launch starts it.
func newReplica(t *testing.T, name string, env ...string) *replica {
	t.Helper()
	port, err := proc.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{name: name, addr: port.Addr(), log: log}
	r.env = append(env, "LISTEN_ADDR="+r.addr)
	t.Cleanup(func() {
		r.kill()
		r.inspect(t)
		_ = log.Close()
		port.Release()
	})
	return r
}

// launch starts the process.
func (r *replica) launch() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cmd = command("serve")
	r.cmd.Env = r.env
	r.cmd.Stderr = r.log
	child, err := proc.Start(r.cmd, nil, syscall.SIGKILL)
	if err == nil {
		r.child = child
	}
	return err
}

// restart starts the process and waits until it is ready.
func (r *replica) restart() error {
	if err := r.launch(); err != nil {
		return err
	}
	return r.awaitReady()
}

// command is the program with arguments, and nothing of this process's
// environment.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Getenv(programVariable), args...)
	cmd.Env = []string{}
	return cmd
}

// kill is kill -9, and returns when the process is gone.
func (r *replica) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.child != nil {
		r.child.Stop(0)
	}
}

// stop is SIGTERM; it returns the exit code, -1 where a kill was needed.
func (r *replica) stop(grace time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.child.Stop(grace, syscall.SIGTERM)
	return r.cmd.ProcessState.ExitCode()
}

// awaitReady waits for GET /readyz to answer 200.
func (r *replica) awaitReady() error {
	r.mu.Lock()
	child := r.child
	r.mu.Unlock()
	ended := false
	_, err := within(patience, func() error {
		select {
		case <-child.Done():
			ended = true
			return nil
		default:
			return r.answers("/readyz", http.StatusOK)
		}
	})
	if ended {
		return fmt.Errorf("%s ended: %s", r.name, r.tail())
	}
	if err != nil {
		child.Stop(time.Second, syscall.SIGQUIT) // the log then tells where it hangs
		return fmt.Errorf("%s is not ready: %w: %s", r.name, err, r.tail())
	}
	return nil
}

// answers asks for a path and says whether the status is the one expected.
func (r *replica) answers(path string, want int) error {
	res := r.get(path)
	if res.err != nil {
		return res.err
	}
	if res.status != want {
		return fmt.Errorf("%s answers %d: %s", path, res.status, res.body)
	}
	return nil
}

// tail is the end of the log.
func (r *replica) tail() string {
	text, _ := os.ReadFile(r.log.Name())
	return string(text[max(0, len(text)-8000):])
}

// inspect fails the test for what no server should ever log, and shows the
// warnings of a test that failed.
func (r *replica) inspect(t *testing.T) {
	text, err := os.ReadFile(r.log.Name())
	if err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"DATA RACE", "panic", "level=ERROR"} {
		if i := bytes.Index(text, []byte(bad)); i >= 0 {
			t.Errorf("%s logged %s: %s", r.name, bad, text[max(0, i-200):min(len(text), i+3000)])
		}
	}
	if !t.Failed() {
		return
	}
	shown := 0
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "msg=request ") && !strings.Contains(line, `msg="request failed"`) && shown < 40 {
			t.Logf("%s: %s", r.name, strings.TrimSpace(line))
			shown++
		}
	}
}

// within tries until f finds nothing wrong, and returns how long that took.
func within(limit time.Duration, f func() error) (time.Duration, error) {
	start := time.Now()
	for {
		err := f()
		if err == nil {
			return time.Since(start), nil
		}
		if time.Since(start) > limit {
			return 0, fmt.Errorf("still wrong after %v: %w", limit, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// eventually is within for the test's own goroutine.
func eventually(t *testing.T, f func() error) time.Duration {
	t.Helper()
	took, err := within(patience, f)
	if err != nil {
		t.Fatal(err)
	}
	return took
}
