//go:build race

package decodetest

// RaceDetector says that the race detector is on, with which the standard library throws away what it pools.
const RaceDetector = true
