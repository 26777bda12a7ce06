//go:build !linux

package pgtest

import (
	"os/exec"
	"syscall"
)

// quit ends the server as a crash would.
const quit = syscall.SIGQUIT

// run has a command be its owner's, which only Linux knows here.
func (owner) run(*exec.Cmd) {}
