// Package e2e_test runs the gateway before real servers that ask for a login: oauth2-proxy with Dex and another identity
// provider behind it. Its first tests ask those servers alone: what they say of them is what the gateway relies on, and a
// newer version that behaves otherwise is seen there.
package e2e_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// repository is the top of fairway's source, seen from here.
const repository = ".."

// patience is how long a test waits for a condition before it gives up. Nothing asserts how long a thing took.
const patience = 60 * time.Second

var builder *build.Builder

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fairway-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	builder = &build.Builder{Tools: "tools", Repository: repository, Temporary: dir, Race: raceDetector}
	// One after the other: the compiler uses all processors anyway.
	for _, p := range []build.Peer{build.OAuth2Proxy(), build.Dex(), build.DexNext(), build.ZitadelOP(), build.OTelCollector()} {
		if _, err := builder.Peer(p); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			if slices.Contains(strings.Split(os.Getenv("FAIRWAY_REQUIRE"), ","), "e2e") {
				return 1
			}
			fmt.Fprintln(os.Stderr, "e2e: left out, since not all peers can be built here")
			return 0
		}
	}
	return m.Run()
}

// dependOnSources looks at every source file of the gateway, because go test keeps a result until a file changes that the tests
// looked at.
var dependOnSources = sync.OnceValue(func() error {
	return filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != repository {
			return filepath.SkipDir
		}
		if name := d.Name(); d.Type().IsRegular() && (strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".sql") || name == "go.mod" || name == "go.sum") {
			_, err = os.Stat(path)
		}
		return err
	})
})
