package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assaylabs/assay/internal/simulate"
)

// simulate runs assay simulate against a dev environment, and returns what it
// printed.
func (d *devProcess) simulate(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("assay", append([]string{"simulate", "--url", d.url, "--token", "dev"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("assay simulate %s: %v: %s", args, err, stderr.String())
	}
	return string(out)
}

func TestSimulate(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir, "--live=false")
	t.Cleanup(func() {
		for _, home := range homes(dir)[1:] {
			_ = os.RemoveAll(home)
		}
	})
	file := filepath.Join(dir, "run.jsonl")
	args := []string{"--units", "200", "--until", "2026-06-01T00:00:00Z", "--staff", "3", "--duplicates", "0.1", "--reorder", "50", "--late", "0.05", "--json"}
	read := func(out string) (s simulate.Summary) {
		t.Helper()
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return s
	}
	first := read(d.simulate(t, append(args, "--record", file)...))
	if first.Events != first.Acknowledged+first.Lost || first.Unknown+first.Rejected > 0 || first.Duplicates == 0 || first.Lost == 0 {
		t.Errorf("%+v", first)
	}
	again := read(d.simulate(t, args...))
	if again.Seconds = first.Seconds; again.Requests == 0 || again.Events != first.Events || again.Exposures != first.Exposures {
		t.Errorf("the same seed makes\n%+v, was\n%+v", again, first)
	}
	record, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := int64(strings.Count(string(record), "\n{\"event\":")); n != first.Acknowledged {
		t.Errorf("the record has %d events, want %d", n, first.Acknowledged)
	}

	out := d.simulate(t, "--units", "300", "--events", "500", "--experiment", "demo-search-ranking", "--effect", "demo-search-ranking/vector=+20%")
	if !strings.Contains(out, "made 500 events") || !strings.Contains(out, "buys +20 %") {
		t.Error(out)
	}
	for _, tt := range []struct{ args, want string }{
		{"--experiment nothing", "experiment nothing: GET /experiments/nothing: 404"},
		{"--experiment demo-dark-mode --effect other/treatment=1", "--effect: other/treatment is no variation of an experiment that is shown"},
	} {
		cmd := exec.Command("assay", append([]string{"simulate", "--url", d.url, "--token", "dev"}, strings.Fields(tt.args)...)...)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("%s: %v, %s", tt.args, err, out)
		}
	}
}
