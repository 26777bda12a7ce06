//go:build !race

package fuzz_test

// raceDetector has the gateway built with it as well.
const raceDetector = false
