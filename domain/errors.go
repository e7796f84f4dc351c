package domain

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound says that nothing has the id or key asked for.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable says that what would answer cannot be reached now; the same
	// request may succeed later.
	ErrUnavailable = errors.New("unavailable")
)

// InvalidError is a fault in what the caller sent: Field is where, such as
// variations[0].weight, or body for the document; Problem says what would be
// right.
type InvalidError struct{ Field, Problem string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Problem }

// Invalid returns an InvalidError with a formatted problem.
func Invalid(field, format string, args ...any) *InvalidError {
	return &InvalidError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// InvalidErrors are several faults of one document.
type InvalidErrors []*InvalidError

func (e InvalidErrors) Error() string {
	lines := make([]string, len(e))
	for i, fault := range e {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap lets errors.As find the first fault.
func (e InvalidErrors) Unwrap() []error {
	faults := make([]error, len(e))
	for i, fault := range e {
		faults[i] = fault
	}
	return faults
}

// ConflictError says why a command does not fit what is there.
type ConflictError struct{ Problem string }

func (e *ConflictError) Error() string { return e.Problem }

// VersionError says that the entity is not at the version that the caller
// expected.
type VersionError struct{ Want, Have int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("expected version %d, is at version %d", e.Want, e.Have)
}
