//go:build !race

package clients_test

// raceDetector has the gateway built with it as well.
const raceDetector = false
