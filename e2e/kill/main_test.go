// Package kill_test ends gateways, runners and PostgreSQL by SIGKILL at moments of which nobody knew, while executions of every kind
// are asked for, run, fail, are tried again and are cancelled; and then holds what became of all of them to what is promised.
//
//	go test ./kill                             a few kills, as CI has them
//	go test ./kill -kills 100 -seed 7          so many on each engine, the same ones each time as far as moments are
//	FAIRWAY_KILLS=100 FAIRWAY_KILL_SEED=7      the same
//
// Seeds say what is killed and in which state; how far everything else is by then no seed says.
package kill_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// patience is how long the test waits for what must come.
const patience = 5 * time.Minute

var (
	// builder builds without the race detector: what stands between a script and the machine is a program without C.
	builder = &build.Builder{Module: ".."}
	kills   = flag.Int("kills", number("FAIRWAY_KILLS", 10), "how often something is killed, on each engine")
	seed    = flag.Uint64("seed", uint64(number("FAIRWAY_KILL_SEED", 0)), "what chooses; 0: something does") //nolint:gosec // it is one
)

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32) //nolint:gosec // no secret
	}
	os.Exit(builder.Main(m))
}
