package trackfault

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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/proc"
)

const (
	// patience bounds every wait for something to come right by itself; no test
	// passes by it, and the machine may be slow.
	patience  = 60 * time.Second
	rootToken = "root-token-of-the-track-fault-tests"
)

// process is one program at one address, which may be killed and started again.
type process struct {
	program, addr string
	args, env     []string
	log           *os.File
	child         *proc.Process
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
	p := &process{program: program, addr: port.Addr(), args: args, log: log}
	p.env = append(env, "LISTEN_ADDR="+p.addr, "ASSAY_ROOT_TOKEN="+rootToken)
	t.Cleanup(func() {
		p.kill()
		p.inspect(t)
		_ = log.Close()
		port.Release()
	})
	return p
}

func (p *process) url() string { return "http://" + p.addr }

// begin starts the process.
func (p *process) begin(t testing.TB) {
	t.Helper()
	cmd := exec.Command(filepath.Join(os.Getenv(programsVariable), p.program), p.args...)
	cmd.Env, cmd.Stderr = p.env, p.log
	child, err := proc.Start(cmd, nil, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	p.child = child
}

// ready waits until the process can do its job.
func (p *process) ready(t testing.TB) {
	t.Helper()
	eventually(t, func() error {
		select {
		case <-p.child.Done():
			t.Fatalf("%s ended: %s", p.program, p.tail())
		default:
		}
		_, err := p.send(http.MethodGet, "/readyz", "")
		return err
	})
}

// kill is kill -9, and returns when the process is gone.
func (p *process) kill() {
	if p.child != nil {
		p.child.Stop(0)
	}
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
			t.Errorf("%s logged %s: %s", p.program, bad, text[max(0, i-200):min(len(text), i+3000)])
		}
	}
	if t.Failed() {
		for line := range strings.Lines(string(text[max(0, len(text)-8000):])) {
			if !strings.Contains(line, "msg=request ") {
				t.Logf("%s: %s", p.program, strings.TrimSpace(line))
			}
		}
	}
}

// send sends one request, which has to succeed.
func (p *process) send(method, path, body string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url()+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+rootToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %d %.500s", method, path, res.StatusCode, answer)
	}
	return answer, err
}

// must sends until it succeeds.
func (p *process) must(t testing.TB, method, path, body string) []byte {
	t.Helper()
	var answer []byte
	eventually(t, func() (err error) {
		answer, err = p.send(method, path, body)
		return err
	})
	return answer
}

func eventually(t testing.TB, f func() error) time.Duration {
	t.Helper()
	start, err := time.Now(), errors.New("not tried")
	for time.Since(start) < patience {
		if err = f(); err == nil {
			return time.Since(start)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("still wrong after %v: %v", patience, err)
	return 0
}
