// Package targeting decides whom an experiment is for: conditions on a unit's
// attributes, in the MongoDB-style JSON that GrowthBook's SDKs specify (spec
// version 0.12.0) and with $cidr added. Begin with Parse: what it accepts is
// safe to store, to evaluate here and to hand to SDKs of other languages. Then
// collect conditions in a Compiler, and Match units with its Program.
//
// Texts are ordered by UTF-16 code units, and are the same in any case if simple
// case folding of Unicode makes them the same. Numbers are float64. A missing
// value is null. Group membership is of texts alone: the number 42 is not "42".
package targeting

import (
	"fmt"
	"slices"
)

// Limits on a condition.
const (
	maxDepth   = 16        // JSON objects and lists within each other, the outermost counted
	maxList    = 1000      // values of one list, whatever it stands for
	maxPattern = 256       // characters of one regular expression
	maxNumber  = 1<<53 - 1 // larger numbers are not exact in every language
)

// Condition is a checked condition. It is immutable and may be shared by
// goroutines; Parse alone makes a usable one.
type Condition struct {
	root      node
	groups    []string
	canonical string
}

// Groups returns the keys of the segments that the condition refers to, sorted
// and without repetition. Parse does not know whether they exist.
func (c *Condition) Groups() []string { return slices.Clone(c.groups) }

// Canonical returns the JSON that was parsed, keys in their order, without white
// space and with strings escaped in the shortest way. The caller owns the bytes.
func (c *Condition) Canonical() []byte { return []byte(c.canonical) }

// ParseError says where a condition is wrong, and what would be right.
type ParseError struct {
	Pointer string // JSON pointer (RFC 6901) into the condition; "" is the whole
	Problem string
}

func (e *ParseError) Error() string {
	return "condition" + e.Pointer + ": " + e.Problem
}

func fault(at pointer, format string, args ...any) error {
	return &ParseError{Pointer: string(at), Problem: fmt.Sprintf(format, args...)}
}
