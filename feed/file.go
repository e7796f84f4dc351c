package feed

import (
	"context"
	"fmt"
	"os"

	"github.com/assaylabs/assay/evaluator"
)

// File is a snapshot that was shipped with a program: the body of GET /snapshot.
type File struct{ path string }

// NewFile returns the source that reads a file, once.
func NewFile(path string) *File { return &File{path} }

// Name implements Source.
func (f *File) Name() string { return "file" }

// Fetch implements Source. The file is as old as its last record.
func (f *File) Fetch(context.Context, *State) (*Update, error) {
	data, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	d, err := evaluator.ParseDocument(data)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", f.path, err)
	case d.Base != 0:
		return nil, fmt.Errorf("%s: it holds only what changed since position %d", f.path, d.Base)
	}
	return &Update{Document: d, stored: true, at: d.At}, nil
}

// Watch implements Source: a file never changes.
func (f *File) Watch(ctx context.Context, _ func(int64)) error {
	<-ctx.Done()
	return nil
}
