// Package control_test holds the running gateway to what is said of users, tokens, callers and mail: by the older systems whose
// clients it serves, and by ourselves where we go another way. Each statement is a row, which runs on SQLite and on PostgreSQL.
//
//	cd control; go test -statements         the statements, and the test of each
//	go test ./control -run 'TestRows/SQLite/trends_auth'
package control_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// patience is how long a test waits for a condition before it gives up. Nothing asserts how long a thing took, but for what
// revocations promise.
const patience = 60 * time.Second

var (
	builder    = &build.Builder{Module: "..", Race: build.Race}
	statements = flag.Bool("statements", false, "print each statement and the test of it, and run none")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *statements {
		printStatements(os.Stdout)
		return
	}
	os.Exit(builder.Main(m))
}
