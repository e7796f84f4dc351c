//go:build !race

package targeting

const raceDetector = false
