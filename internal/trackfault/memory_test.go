package trackfault

import (
	"os"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/programs"
	"github.com/assaylabs/assay/internal/simulate"
)

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
			URLs: s.urls(), Token: programs.RootToken, Seed: 1, Units: 200_000, Days: 14, Warmup: 4, Live: true, Rate: 1e6,
			Duration: 5 * time.Minute, Workers: 16,
		})
		t.Logf("%+v", summary)
		done <- err
	}()
	// The most of each in the second minute, and after that.
	early, late := map[*programs.Process]float64{}, map[*programs.Process]float64{}
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
			into[p] = max(into[p], p.Resident(t))
		}
	}
	t.Logf("settled after %v", s.settles(t))
	for _, p := range s.all() {
		t.Logf("%s: %.0f MB in the second minute, %.0f MB after that", p.Name, early[p], late[p])
		if late[p] > 1.25*early[p]+32 {
			t.Errorf("%s grew from %.0f to %.0f MB", p.Name, early[p], late[p])
		}
	}
}
