// Package soak_test has three gateways and two runners over one PostgreSQL, behind a balancer, do some of everything for long, while each
// of their processes, the backend, the login and PostgreSQL are killed at moments of which nobody knows; and holds that no answer was
// wrong, that nothing was lost which was acknowledged, that all executions ended, and that memory and goroutines do not grow.
//
//	bench/soak 30m 7               half an hour, by the seed 7
//	go test ./soak                 half a minute, as CI has it: that it works
//
// Seeds say what is killed and when; how far everything else is by then no seed says.
package soak_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
)

const (
	// repository is the top of fairway's source, seen from here.
	repository = "../.."
	docs       = repository + "/docs/scaling.md"
	// patience is how long the test waits for what must come.
	patience = 5 * time.Minute
)

var (
	// builder builds without the race detector: what stands between a script and the machine is a program without C.
	builder  = &build.Builder{Module: ".."}
	duration = flag.Duration("soak", 30*time.Second, "for how long")
	seed     = flag.Uint64("seed", 0, "what chooses; 0: something does")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32) //nolint:gosec // no secret
	}
	os.Exit(builder.Main(m))
}
