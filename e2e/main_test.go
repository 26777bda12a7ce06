// Package e2e_test runs the gateway before real servers that ask for a login: oauth2-proxy with Dex and another identity
// provider behind it. Its first tests ask those servers alone: what they say of them is what the gateway relies on, and a
// newer version that behaves otherwise is seen there.
package e2e_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/internal/required"
)

// repository is the top of fairway's source, seen from here.
const repository = ".."

// patience is how long a test waits for a condition before it gives up. Nothing asserts how long a thing took.
const patience = 60 * time.Second

var builder = &build.Builder{Module: ".", Race: build.Race}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// One after the other: the compiler uses all processors anyway.
	for _, p := range []build.Peer{build.OAuth2Proxy(), build.Dex(), build.DexNext(), build.ZitadelOP(), build.OTelCollector()} {
		if _, err := builder.Peer(p); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			if required.Is("e2e") {
				return 1
			}
			fmt.Fprintln(os.Stderr, "e2e: left out, since not all peers can be built here")
			return 0
		}
	}
	return builder.Main(m)
}
