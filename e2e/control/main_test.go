// Package control_test holds the running gateway to what is said of users, tokens, callers and mail: by the older systems whose
// clients it serves, and by ourselves where we go another way. Each statement is a row, which runs on SQLite and on PostgreSQL.
//
//	cd control; go test -statements         the statements, and the test of each
//	go test ./control -run 'TestRows/SQLite/trends_auth'
package control_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// repository is the top of fairway's source, seen from here.
const repository = "../.."

// patience is how long a test waits for a condition before it gives up. Nothing asserts how long a thing took, but for what
// revocations promise.
const patience = 60 * time.Second

var (
	builder    *build.Builder
	statements = flag.Bool("statements", false, "print each statement and the test of it, and run none")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *statements {
		printStatements(os.Stdout)
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fairway-e2e-control")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	builder = &build.Builder{Tools: "../tools", Repository: repository, Temporary: dir, Race: raceDetector}
	if _, err := builder.Fairway(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return m.Run()
}

// dependOnSources looks at every file of the gateway's source, because go test keeps a result until a file changes that the tests
// looked at.
var dependOnSources = sync.OnceValue(func() error {
	for _, dir := range []string{"caddy", "modules", "proxies", "queries", "go.mod", "go.sum"} {
		err := filepath.WalkDir(filepath.Join(repository, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.Contains(path, "/testdata/") {
				return err
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
})
