package edgefault

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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/proc"
)

const (
	// patience bounds every wait for something to come right by itself; no test
	// passes by it, and the machine may be slow.
	patience = 30 * time.Second
	// answerWithin is when a user has given up: no evaluation may take so long.
	answerWithin = 5 * time.Second
	rootToken    = "root-token-of-the-edge-fault-tests"
)

// process is one program at one address, which may be killed and started again.
type process struct {
	name, addr string
	args, env  []string
	log        *os.File

	// up is held for writing while the process is down on purpose.
	up    sync.RWMutex
	child *proc.Process
}

// newProcess prepares a program with its arguments and environment.
func newProcess(t testing.TB, program string, args []string, env ...string) *process {
	t.Helper()
	port, err := proc.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), program+".log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: program, addr: port.Addr(), args: args, log: log}
	p.env = append(env, "LISTEN_ADDR="+p.addr, "ASSAY_ROOT_TOKEN="+rootToken)
	t.Cleanup(func() {
		p.kill()
		p.inspect(t)
		_ = log.Close()
		port.Release()
	})
	return p
}

// begin starts the process.
func (p *process) begin(t testing.TB) {
	t.Helper()
	cmd := exec.Command(filepath.Join(os.Getenv(programsVariable), p.name), p.args...)
	cmd.Env, cmd.Stderr = p.env, p.log
	child, err := proc.Start(cmd, nil, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	p.child = child
}

// launch starts the process and waits until it is ready.
func (p *process) launch(t testing.TB) {
	t.Helper()
	p.begin(t)
	eventually(t, func() error {
		select {
		case <-p.child.Done():
			t.Fatalf("%s ended: %s", p.name, p.tail())
		default:
		}
		res := p.send(http.MethodGet, "/readyz", "")
		if res.err != nil || res.status != http.StatusOK {
			return fmt.Errorf("%s is not ready: %s: %s", p.name, res, p.tail())
		}
		return nil
	})
}

// kill is kill -9, and returns when the process is gone.
func (p *process) kill() {
	if p.child != nil {
		p.child.Stop(0)
	}
}

// restart kills the process and starts it again; nobody asks meanwhile. between
// is called while it is down.
func (p *process) restart(t testing.TB, between func()) {
	t.Helper()
	p.up.Lock()
	defer p.up.Unlock()
	p.kill()
	if between != nil {
		between()
	}
	p.launch(t)
}

func (p *process) tail() string {
	text, _ := os.ReadFile(p.log.Name())
	return string(text[max(0, len(text)-4000):])
}

// inspect fails the test for what no program should ever log.
func (p *process) inspect(t testing.TB) {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"DATA RACE", "panic", "level=ERROR"} {
		if i := bytes.Index(text, []byte(bad)); i >= 0 {
			t.Errorf("%s logged %s: %s", p.name, bad, text[max(0, i-200):min(len(text), i+3000)])
		}
	}
	if t.Failed() {
		for line := range strings.Lines(string(text[max(0, len(text)-8000):])) {
			if !strings.Contains(line, "msg=request ") {
				t.Logf("%s: %s", p.name, strings.TrimSpace(line))
			}
		}
	}
}

type response struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (r response) String() string {
	if r.err != nil {
		return r.err.Error()
	}
	return fmt.Sprintf("%d %.500s", r.status, r.body)
}

func (r response) position() int64 {
	n, _ := strconv.ParseInt(r.header.Get("Assay-Position"), 10, 64)
	return n
}

func (r response) stale() bool { return r.header.Get("Assay-Stale") == "true" }

func (p *process) send(method, path, body string) response {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.addr+path, strings.NewReader(body))
	if err != nil {
		return response{err: err}
	}
	req.Header.Set("Authorization", "Bearer "+rootToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return response{err: err}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, data, err}
}

func eventually(t testing.TB, f func() error) time.Duration {
	t.Helper()
	start, err := time.Now(), errors.New("not tried")
	for time.Since(start) < patience {
		if err = f(); err == nil {
			return time.Since(start)
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatalf("still wrong after %v: %v", patience, err)
	return 0
}
