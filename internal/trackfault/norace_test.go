//go:build !race

package trackfault

const raceDetector = false
