//go:build !race

package programs

// raceDetector says whether the programs are built with it.
const raceDetector = false
