//go:build race

package control_test

// raceDetector has the gateway built with it as well.
const raceDetector = true
