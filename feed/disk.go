package feed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/assaylabs/assay/domain"
)

const (
	diskFormat = "assay-snapshot 1"
	// newestName and previousName are the two generations in the directory.
	newestName, previousName = "snapshot", "snapshot.previous"
	// keepPause is the least pause between two writes.
	keepPause = time.Second
)

// Disk keeps the last good state in a directory, and the one before it for when
// the newest cannot be read. Several processes may share the directory.
//
// A file is one line, "assay-snapshot 1 " and the SHA-256 of the rest, which is
// the body of GET /feed. It was last known to be current when it was modified.
type Disk struct {
	dir string
	log *slog.Logger
}

// NewDisk returns the copy in a directory, which is made when there is something
// to keep. log may be nil.
func NewDisk(dir string, log *slog.Logger) *Disk {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Disk{dir, log}
}

// Name implements Source.
func (d *Disk) Name() string { return "disk" }

// Fetch implements Source: it returns the newest generation that is whole.
func (d *Disk) Fetch(ctx context.Context, _ *State) (*Update, error) {
	var faults error
	for _, name := range []string{newestName, previousName} {
		u, err := readGeneration(filepath.Join(d.dir, name))
		if err == nil {
			if faults != nil {
				d.log.WarnContext(ctx, "an older copy serves", "position", u.Document.Position, "error", faults)
			}
			return u, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			faults = errors.Join(faults, err)
		}
	}
	if faults != nil {
		return nil, faults
	}
	return nil, ErrNothing
}

// Watch implements Source: nothing else writes there.
func (d *Disk) Watch(ctx context.Context, _ func(int64)) error {
	<-ctx.Done()
	return nil
}

func readGeneration(path string) (*Update, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var data bytes.Buffer
	if _, err := data.ReadFrom(file); err != nil {
		return nil, err
	}
	about, err := file.Stat()
	if err != nil {
		return nil, err
	}
	line, body, _ := bytes.Cut(data.Bytes(), []byte("\n"))
	if string(line) != diskLine(body) {
		return nil, fmt.Errorf("%s: it is not what was written", path)
	}
	u, err := parseUpdate(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	u.stored, u.at = true, about.ModTime()
	return u, nil
}

func diskLine(body []byte) string { return fmt.Sprintf("%s %x", diskFormat, sha256.Sum256(body)) }

// save makes a state the newest generation. Whenever the machine stops, one of
// the two is whole.
func (d *Disk) save(s *State) error {
	body, err := domain.Encode(Update{Document: s.Document, Keys: s.Keys})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(d.dir, newestName+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // it is gone when all went well
	_, err = fmt.Fprintf(file, "%s\n%s", diskLine(body), body)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	newest := filepath.Join(d.dir, newestName)
	if err := os.Rename(newest, filepath.Join(d.dir, previousName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(file.Name(), newest); err != nil {
		return err
	}
	return syncDir(d.dir)
}

// syncDir makes renames last.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// current notes when the newest generation was last known to be it.
func (d *Disk) current(at time.Time) error {
	return os.Chtimes(filepath.Join(d.dir, newestName), time.Time{}, at)
}

// keep writes each state that a source has confirmed to disk until ctx ends, the
// last included. What could not be written is tried again. begun is the state that
// was read from here at the start.
func (f *Feed) keep(ctx context.Context, begun *State) {
	changed, cancel := f.Subscribe()
	defer cancel()
	var saved string // the ETag of what is on disk
	if begun != nil && begun.Source == f.disk.Name() {
		saved = begun.ETag
	}
	failing := false
	save := func() {
		s := f.State()
		if s == nil || s.stored {
			return
		}
		var err error
		if s.ETag != saved {
			err = f.disk.save(s)
		}
		if err == nil {
			saved = s.ETag
			err = f.disk.current(*f.confirmed.Load())
		}
		if err != nil && !failing {
			f.cfg.Log.WarnContext(ctx, "the snapshot cannot be kept on disk", "error", err)
		}
		failing = err != nil
	}
	for ctx.Err() == nil {
		save()
		wait(ctx, keepPause)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(f.cfg.Poll):
		}
	}
	save()
}
