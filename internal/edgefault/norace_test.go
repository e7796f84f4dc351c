//go:build !race

package edgefault

const raceDetector = false
