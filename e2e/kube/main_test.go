//go:build linux

package kube_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// programs builds what the tests run.
var programs = build.Builder{Tools: "../tools", Repository: "../.."}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	temporary, err := os.MkdirTemp("", "fairway-kube-")
	if err == nil {
		programs.Temporary = temporary
		code = m.Run()
		err = os.RemoveAll(temporary)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
