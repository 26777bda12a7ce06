//go:build linux

package kube_test

import (
	"os"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// programs builds what the tests run.
var programs = build.Builder{Module: ".."}

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }
