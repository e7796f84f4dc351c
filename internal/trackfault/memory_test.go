package trackfault

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/simulate"
)

// resident is the process's memory in RAM, in MB.
func (p *process) resident(t testing.TB) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.child.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var kilobytes float64
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, _ = fmt.Sscan(rest, &kilobytes)
		}
	}
	return kilobytes / 1_000
}

// Five minutes of as much as the servers take must not make them grow: not what
// takes events in, nor what counts them.
func TestFloodSoak(t *testing.T) {
	if os.Getenv("ASSAY_SOAK") != "1" {
		t.Log("the long form runs with ASSAY_SOAK=1")
		return
	}
	s := newStage(t, 0)
	done := make(chan error, 1)
	go func() {
		summary, err := simulate.Run(t.Context(), simulate.Config{
			URLs: s.urls(), Token: rootToken, Seed: 1, Units: 200_000, Days: 14, Warmup: 4, Live: true, Rate: 1e6,
			Duration: 5 * time.Minute, Workers: 16,
		})
		t.Logf("%+v", summary)
		done <- err
	}()
	// The most of each in the second minute, and after that.
	early, late := map[*process]float64{}, map[*process]float64{}
	start := time.Now()
	for flooded := true; flooded; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			flooded = false
		case <-time.After(time.Second):
		}
		into := late
		switch since := time.Since(start); {
		case since < time.Minute:
			continue
		case since < 2*time.Minute:
			into = early
		}
		for _, p := range s.all() {
			into[p] = max(into[p], p.resident(t))
		}
	}
	t.Logf("settled after %v", s.settles(t))
	for _, p := range s.all() {
		t.Logf("%s: %.0f MB in the second minute, %.0f MB after that", p.program, early[p], late[p])
		if late[p] > 1.25*early[p]+32 {
			t.Errorf("%s grew from %.0f to %.0f MB", p.program, early[p], late[p])
		}
	}
}
