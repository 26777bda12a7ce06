//go:build !race

package decode

// raceDetector says that the race detector is on, with which the standard library throws away what it pools.
const raceDetector = false
