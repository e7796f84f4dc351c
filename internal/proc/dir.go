package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrLocked says that a living process holds the lock.
var ErrLocked = errors.New("in use by another process")

// Lock takes the lock file at path, making it if need be, until the returned
// file is closed or this process ends, however it ends. Children do not inherit
// it.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", filepath.Dir(path), ErrLocked)
	}
	// Whoever held it last may have removed it just before.
	held, _ := f.Stat()
	there, err := os.Stat(path)
	if err != nil || !os.SameFile(held, there) {
		f.Close()
		return nil, fmt.Errorf("%s: %w", filepath.Dir(path), ErrLocked)
	}
	return f, nil
}

// TempDir makes a directory in parent, named prefix and something random, and
// locks it. Before that it removes those of the same prefix that dead processes
// left, calling abandoned on each.
func TempDir(parent, prefix string, abandoned func(dir string)) (string, *os.File, error) {
	sweep(parent, prefix, abandoned)
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return "", nil, err
	}
	lock, err := Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, lock, nil
}

func sweep(parent, prefix string, abandoned func(dir string)) {
	entries, _ := os.ReadDir(parent)
	for _, entry := range entries {
		dir := filepath.Join(parent, entry.Name())
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), prefix) || newborn(dir) {
			continue
		}
		lock, err := Lock(filepath.Join(dir, "lock"))
		if err != nil {
			continue // alive, or another user's
		}
		abandoned(dir)
		_ = os.RemoveAll(dir)
		lock.Close()
	}
}

// newborn says that dir was just made and its maker had no time to lock it.
func newborn(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "lock"))
	made, errDir := os.Stat(dir)
	return err != nil && errDir == nil && time.Since(made.ModTime()) < time.Minute
}
