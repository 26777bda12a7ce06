//go:build linux && (amd64 || arm64)

package keeper

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// What runs for the first time takes several times as long: its pages are not mapped, and encoding/json has not seen the types. Who waits
// anyway does such things before. None of it does anything.

// idle says whether nothing is there to be read from a socket: whoever reads it will wait.
func idle(socket int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(socket), Events: unix.POLLIN}}, 0) //nolint:gosec // a file's number
	return err == nil && n == 0
}

// rehearseKeeper does what a keeper will do between its attempt and the stage.
func rehearseKeeper() {
	if !idle(keeperLine) {
		return
	}
	rehearseSpec()
	_, _ = json.Marshal(State{})
	_, _ = json.Marshal(executor.Exit{Started: time.Now()})
	_, _ = os.ReadFile(os.DevNull)
	descendants(os.Getpid())
	// So none is due until the script has begun: it would take longer than all that is to be done.
	runtime.GC()
}

// rehearseStage does what a stage will do before it becomes the script, but for what cannot be undone. It gives rules that it will need; nil: there is no
// time for that.
func rehearseStage() *ruleset {
	if !idle(stageAsk) {
		return nil
	}
	rehearseSpec()
	unmap()
	rehearseSpec()
	for _, same := range []bool{true, false} {
		_, _ = assemble(policy{sameUser: same, ask: same})
	}
	_, _ = lookup(&Spec{Argv: []string{"sh"}, Env: []string{"PATH=/bin"}})
	return newRuleset()
}

func rehearseSpec() {
	text, err := json.Marshal(Spec{Argv: []string{""}, Env: []string{""}, Read: []string{""}, TCP: []uint16{1}, Probe: &Probe{}})
	if err == nil {
		_ = json.Unmarshal(text, &Spec{})
	}
}

// unmap has the pages of this program be mapped anew when they are needed again. There are thousands which were needed until now, and execve, for which the
// script waits, would have to unmap each.
func unmap() {
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		var from, to uintptr
		var mode string
		// Of code nothing is lost, which is as it is in the file. What a linker has relocated would be.
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n == 3 && strings.Contains(line, " /") && mode == "r-xp" {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
		}
	}
}
