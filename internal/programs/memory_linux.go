package programs

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// Resident is the process's resident memory in MB.
func (p *Process) Resident(t testing.TB) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var kB float64
		if n, _ := fmt.Sscanf(string(line), "VmRSS: %f kB", &kB); n == 1 {
			return kB / 1_000
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
