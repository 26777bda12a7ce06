package pgtest

import (
	"os/exec"
	"syscall"
)

// quit ends the server as a crash would.
const quit = syscall.SIGQUIT

// run has a command be its owner's, and end with the test.
func (o owner) run(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: quit}
	if o.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
}
