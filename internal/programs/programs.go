// Package programs runs Assay's own programs for tests with faults: built once,
// with the race detector where the tests have it, each process at an address of
// its own that stays when it is killed and started again. Begin with Main and
// New.
package programs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/proc"
)

// RootToken is every process's.
const RootToken = "root-token-of-the-fault-tests"

// directory names the environment variable that says where the programs are.
const directory = "ASSAY_TEST_PROGRAMS"

// Main builds the programs and runs a package's tests. The package imports what
// they are made of, or go test would remember results over changes.
func Main(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(directory) == "" {
		dir, err := os.MkdirTemp("", "assay-programs-")
		if err == nil {
			defer os.RemoveAll(dir)
			err = build(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "programs:", err)
			return 1
		}
	}
	return pgtest.Run(m)
}

func build(dir string) error {
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if raceDetector {
		args = append(args, "-race")
	}
	args = append(args, "github.com/assaylabs/assay/cmd/assay", "github.com/assaylabs/assay/cmd/assay-edge")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return os.Setenv(directory, dir)
}

// Process is one program at one address. Only Send may be called concurrently.
type Process struct {
	Name, Addr string

	args, env []string
	log       *os.File
	child     *proc.Process
}

// New prepares a program with its arguments and environment.
func New(t testing.TB, program string, args []string, env ...string) *Process {
	t.Helper()
	port, err := proc.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), program+".log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Name: program, Addr: port.Addr(), args: args, log: log}
	p.env = append(env, "LISTEN_ADDR="+p.Addr, "ASSAY_ROOT_TOKEN="+RootToken)
	t.Cleanup(func() {
		p.Kill()
		p.inspect(t)
		_ = log.Close()
		port.Release()
	})
	return p
}

// URL is where the process answers.
func (p *Process) URL() string { return "http://" + p.Addr }

// Begin starts the process.
func (p *Process) Begin(t testing.TB) {
	t.Helper()
	cmd := exec.Command(filepath.Join(os.Getenv(directory), p.Name), p.args...)
	cmd.Env, cmd.Stderr = p.env, p.log
	child, err := proc.Start(cmd, nil, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	p.child = child
}

// Ready waits until the process can do its job.
func (p *Process) Ready(t testing.TB) {
	t.Helper()
	Eventually(t, func() error {
		select {
		case <-p.child.Done():
			t.Fatalf("%s ended: %s", p.Name, p.tail())
		default:
		}
		if res := p.Send(http.MethodGet, "/readyz", ""); !res.OK() {
			return fmt.Errorf("%s is not ready: %s: %s", p.Name, res, p.tail())
		}
		return nil
	})
}

// Kill is kill -9, and returns when the process is gone.
func (p *Process) Kill() {
	if p.child != nil {
		p.child.Stop(0)
	}
}

// PID is the process's id.
func (p *Process) PID() int { return p.child.PID() }

func (p *Process) tail() string {
	text, _ := os.ReadFile(p.log.Name())
	return string(text[max(0, len(text)-4000):])
}

// inspect fails the test for what no program should ever log.
func (p *Process) inspect(t testing.TB) {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"DATA RACE", "panic", "level=ERROR"} {
		if i := bytes.Index(text, []byte(bad)); i >= 0 {
			t.Errorf("%s logged %s: %s", p.Name, bad, text[max(0, i-200):min(len(text), i+3000)])
		}
	}
	if t.Failed() {
		for line := range strings.Lines(string(text[max(0, len(text)-8000):])) {
			if !strings.Contains(line, "msg=request ") {
				t.Logf("%s: %s", p.Name, strings.TrimSpace(line))
			}
		}
	}
}

// Response is what came back, or why nothing did.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Err    error
}

// OK says that the request succeeded.
func (r Response) OK() bool { return r.Err == nil && r.Status < 300 }

// Position is the ledger's position that the answer is of; 0 where it tells none.
func (r Response) Position() int64 {
	n, _ := strconv.ParseInt(r.Header.Get("Assay-Position"), 10, 64)
	return n
}

func (r Response) String() string {
	if r.Err != nil {
		return r.Err.Error()
	}
	return fmt.Sprintf("%d %.500s", r.Status, r.Body)
}

// answerWithin is when a user has given up: no answer may take so long.
const answerWithin = 5 * time.Second

// Send sends one request.
func (p *Process) Send(method, path, body string) Response {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.URL()+path, strings.NewReader(body))
	if err != nil {
		return Response{Err: err}
	}
	req.Header.Set("Authorization", "Bearer "+RootToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return Response{Err: err}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return Response{res.StatusCode, res.Header, data, err}
}

// patience bounds every wait for something to come right by itself; no test
// passes by it, and the machine may be slow.
const patience = 60 * time.Second

// Eventually tries until there is nothing wrong, and says how long that took.
func Eventually(t testing.TB, try func() error) time.Duration {
	t.Helper()
	start, err := time.Now(), errors.New("not tried")
	for time.Since(start) < patience {
		if err = try(); err == nil {
			return time.Since(start)
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatalf("still wrong after %v: %v", patience, err)
	return 0
}
