package proc

import (
	"strings"
	"sync"
)

// Tail keeps the last 2 KiB of a log, for errors. The zero value is ready.
type Tail struct {
	mu  sync.Mutex
	end []byte // mu guards
}

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	t.end = t.end[max(0, len(t.end)-2048):]
	return len(p), nil
}

// String is what was kept, on one line.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(t.end)), " ")
}
