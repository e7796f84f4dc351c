package edgefault

import (
	"sync"
	"testing"

	"github.com/assaylabs/assay/internal/programs"
)

// process is a program that may be down on purpose.
type process struct {
	*programs.Process

	// up is held for writing while it is.
	up sync.RWMutex
}

func newProcess(t testing.TB, program string, args []string, env ...string) *process {
	t.Helper()
	return &process{Process: programs.New(t, program, args, env...)}
}

// launch starts the process and waits until it is ready.
func (p *process) launch(t testing.TB) {
	t.Helper()
	p.Begin(t)
	p.Ready(t)
}

// restart kills the process and starts it again; nobody asks meanwhile. between
// is called while it is down.
func (p *process) restart(t testing.TB, between func()) {
	t.Helper()
	p.up.Lock()
	defer p.up.Unlock()
	p.Kill()
	if between != nil {
		between()
	}
	p.launch(t)
}

func isStale(r programs.Response) bool { return r.Header.Get("Assay-Stale") == "true" }
