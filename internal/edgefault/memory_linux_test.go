//go:build !race

package edgefault

import "testing"

// An edge is small: it runs beside what it serves.
func TestMemory(t *testing.T) {
	t.Parallel()
	p := alone(t, stored(t, many(1_000)))
	p.launch(t)
	fresh := p.Resident(t)
	p.work(t)
	if worked := p.Resident(t); worked > 60 {
		t.Errorf("%.1f MB resident with 1,000 experiments of 2 KB, %.1f MB after the start", worked, fresh)
	} else {
		t.Logf("%.1f MB resident after the start, %.1f MB after work", fresh, worked)
	}
}
