package proc

import (
	"context"
	"os"
	"strings"
	"time"
)

// WatchGoRun calls stop when the go run that started this program has ended:
// killing it does not end its child. It returns then, or when ctx ends, or at
// once where no go run did.
func WatchGoRun(ctx context.Context, stop func()) {
	path, err := os.Executable()
	if err != nil || !strings.Contains(path, "go-build") {
		return
	}
	for parent := os.Getppid(); ctx.Err() == nil; {
		if os.Getppid() != parent {
			stop()
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
}
