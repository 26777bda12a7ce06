//go:build race

package e2e_test

// raceDetector has the gateway built with it as well.
const raceDetector = true
