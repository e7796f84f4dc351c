package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// devProcess is a running assay dev.
type devProcess struct {
	cmd   *exec.Cmd
	url   string
	done  chan struct{}
	out   bytes.Buffer
	lines chan string
}

// startDev starts assay dev as its users do: another process, in a directory.
// TestMain has put the program on the PATH.
func startDev(t *testing.T, dir string, args ...string) *devProcess {
	t.Helper()
	d := &devProcess{done: make(chan struct{}), lines: make(chan string, 100)}
	d.cmd = exec.Command("assay", append([]string{"dev", "--listen", "127.0.0.1:0"}, args...)...)
	d.cmd.Dir = dir
	d.cmd.Env = append(os.Environ(), "ASSAY_ROOT_TOKEN=")
	d.cmd.Stderr = &d.out
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			d.lines <- scanner.Text()
		}
		_ = d.cmd.Wait() // how it ended is in ProcessState
		close(d.done)
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.done
	})
	select {
	case line := <-d.lines:
		d.url = regexp.MustCompile(`http://\S+`).FindString(line)
	case <-d.done:
	case <-time.After(time.Minute):
	}
	if d.url == "" {
		_ = d.cmd.Process.Kill()
		<-d.done
		t.Fatalf("assay dev did not say its URL: %s", d.out.String())
	}
	return d
}

func (d *devProcess) send(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	got, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got.StatusCode, string(text)
}

// family lists the processes that have dir in their arguments or work in it.
func family(t *testing.T, dirs ...string) []string {
	t.Helper()
	var found []string
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		arguments, _ := os.ReadFile(filepath.Join(entry, "cmdline"))
		cwd, _ := os.Readlink(filepath.Join(entry, "cwd"))
		for _, dir := range dirs {
			if strings.Contains(string(arguments), dir) || strings.HasPrefix(cwd, dir) {
				found = append(found, filepath.Base(entry)+" "+strings.ReplaceAll(string(arguments), "\x00", " "))
				break
			}
		}
	}
	return found
}

// gone waits until no process works in the directories.
func gone(t *testing.T, dirs ...string) {
	t.Helper()
	var left []string
	for range 200 {
		if left = family(t, dirs...); len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("processes are left: %q", left)
}

// homes are the directories that the environment in dir works in: PostgreSQL's
// is elsewhere where its user cannot reach dir.
func homes(dir string) []string {
	all := []string{dir}
	if moved, err := os.ReadFile(filepath.Join(dir, ".assay/postgres/moved-to")); err == nil {
		all = append(all, strings.TrimSpace(string(moved)))
	}
	return all
}

func TestDev(t *testing.T) {
	dir := t.TempDir()
	first := startDev(t, dir)
	t.Cleanup(func() {
		for _, home := range homes(dir)[1:] {
			_ = os.RemoveAll(home)
		}
	})
	if status, body := first.send(t, "GET", "/readyz", ""); status != 200 {
		t.Errorf("ready: %d %s", status, body)
	}
	if status, body := first.send(t, "POST", "/experiments", `{"name":"Kept"}`); status != 201 {
		t.Fatalf("created: %d %s", status, body)
	}
	if status, body := first.send(t, "GET", "/experiments?tag=demo", ""); status != 200 || !strings.Contains(body, "demo-checkout-button") {
		t.Errorf("demo data: %d %s", status, body)
	}
	first.demonstrates(t)

	another := exec.Command("assay", "dev", "--listen", "127.0.0.1:0")
	another.Dir = dir
	if out, err := another.CombinedOutput(); err == nil || !strings.Contains(string(out), "is in use: another assay dev runs there") {
		t.Errorf("a second dev in the same directory: %v %s", err, out)
	}

	if err := first.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-first.done
	if code := first.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d after Ctrl-C: %s", code, first.out.String())
	}
	gone(t, homes(dir)...)

	second := startDev(t, dir)
	if status, body := second.send(t, "GET", "/experiments/kept", ""); status != 200 {
		t.Errorf("after a restart: %d %s", status, body)
	}
	_, before := second.send(t, "GET", "/events?after=0&limit=1000", "")
	if n := strings.Count(before, `"experiment.created"`); n != 5 {
		t.Errorf("%d experiments were created: the demo data came twice or not at all", n)
	}
	if err := second.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-second.done
	gone(t, homes(dir)...)

	third := startDev(t, dir, "--live=false")
	if status, body := third.send(t, "GET", "/experiments/kept", ""); status != 200 {
		t.Errorf("after kill -9: %d %s", status, body)
	}
	if err := third.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-third.done
	gone(t, homes(dir)...)
}

// demonstrates waits for the demo's past: one experiment has units in both
// variations, another is seen to lose exposures.
func (d *devProcess) demonstrates(t *testing.T) {
	t.Helper()
	var button, ranking string
	for range 300 {
		_, button = d.send(t, "GET", "/experiments/demo-checkout-button/results", "")
		_, ranking = d.send(t, "GET", "/experiments/demo-search-ranking/results", "")
		if strings.Contains(button, `"lift_ci":[`) && strings.Contains(ranking, `"code":"traffic_broken"`) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("the demo shows %.2000s\nand %.2000s", button, ranking)
}

func TestDevNeedsATokenBeyondThisMachine(t *testing.T) {
	cmd := exec.Command("assay", "dev", "--listen", "0.0.0.0:0", "--dir", t.TempDir())
	cmd.Env = append(os.Environ(), "ASSAY_ROOT_TOKEN=")
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "ASSAY_ROOT_TOKEN: must be set to listen beyond this machine") {
		t.Errorf("exit %d: %s", cmd.ProcessState.ExitCode(), out)
	}
}
