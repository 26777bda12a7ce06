//go:build linux && (amd64 || arm64)

package process

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// NewWithoutCgroups is New for machines whose control groups are those of version 1: level strict but for its limits.
func NewWithoutCgroups(options Options) (executor.Executor, error) { return open(options, false) }

// Fill has keepers wait as if starts were frequent, and gives their processes when they and their stages do.
func Fill(e executor.Executor, n int) []int {
	a := e.(*Executor).ahead
	a.mu.Lock()
	a.want = n
	a.mu.Unlock()
	a.fill()
	return Waiting(e)
}

// Waiting are the processes of keepers that wait.
func Waiting(e executor.Executor) []int {
	a := e.(*Executor).ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	var pids []int
	for _, l := range a.waiting {
		if _, ended, _ := l.now(); !ended {
			pids = append(pids, l.process.Pid)
		}
	}
	return pids
}

// Unread says whether the keeper that waits first has not read what it was given.
func Unread(e executor.Executor) func() bool {
	l := e.(*Executor).ahead.waiting[0]
	return func() bool {
		n := 0
		conn, err := l.file.SyscallConn()
		if err == nil {
			_ = conn.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		}
		return n > 0
	}
}

// SetIdle says for how long keepers wait.
func SetIdle(e executor.Executor, idle time.Duration) { e.(*Executor).ahead.idle = idle }
