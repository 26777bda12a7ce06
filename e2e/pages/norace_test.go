//go:build !race

package pages_test

// raceDetector has the gateway built with it as well.
const raceDetector = false
