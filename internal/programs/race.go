//go:build race

package programs

// RaceDetector says whether the programs are built with it.
const RaceDetector = true
