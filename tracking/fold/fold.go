// Package fold counts what was tracked: it keeps a history of each unit and the
// sums that results are read from, exactly as of one batch. Begin with New and
// Run; Read reads, Past tells of earlier positions.
package fold
