//go:build linux && (amd64 || arm64)

package process

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// line is what this process has to a keeper that it started. Nothing depends on it: whoever finds the attempt later has none, and looks now and then.
type line struct {
	process *os.Process
	file    *os.File

	mu      sync.Mutex
	changed chan struct{} // closed when the keeper says something, and when it has ended
	ready   bool
	begun   bool
	ended   bool
}

// startKeeper starts a keeper, which writes to errs if it fails. If stage is set it starts its stage at once.
func startKeeper(errs *os.File, stage bool) (*line, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	defer null.Close()
	if errs == nil {
		errs = null
	}
	own, keepers, err := keeper.NewLine()
	if err != nil {
		return nil, err
	}
	defer keepers.Close()
	process, err := os.StartProcess("/proc/self/exe", keeper.Arguments(stage), &os.ProcAttr{
		Dir:   "/",
		Env:   []string{"GOMAXPROCS=2"},
		Files: []*os.File{null, errs, errs, keepers},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		own.Close()
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	l := &line{process: process, file: own, changed: make(chan struct{})}
	go l.hear() // ends with the keeper, or this process
	return l, nil
}

// hear hears what the keeper says to its end. As long as this process lives it has to take in that end: how an attempt ended is in its directory.
func (l *line) hear() {
	said := make([]byte, 1)
	for {
		n, err := l.file.Read(said)
		if err != nil || n == 0 {
			break
		}
		l.mu.Lock()
		l.ready = l.ready || said[0] == keeper.SaidReady
		l.begun = l.begun || said[0] == keeper.SaidBegun
		l.tell()
		l.mu.Unlock()
	}
	l.file.Close()
	_, _ = l.process.Wait()
	l.mu.Lock()
	l.ended = true
	l.tell()
	l.mu.Unlock()
}

// tell wakes all who wait. The lock is held.
func (l *line) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// now says where the keeper is, and gives what is closed when there is something new.
func (l *line) now() (begun, ended bool, changed <-chan struct{}) {
	if l == nil {
		return false, false, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun, l.ended, l.changed
}

// waits says whether a keeper is ready for an attempt, which takes a while from its start.
func (l *line) waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready && !l.ended
}

// news is what is closed when there is something new; nil: nobody tells.
func (l *line) news() <-chan struct{} {
	_, _, changed := l.now()
	return changed
}

// took waits until the keeper has begun what it was given, and says whether it has. One that does not for long is killed, so that it never will.
func (l *line) took() bool {
	const most = 30 * time.Second
	timer := time.NewTimer(most)
	defer timer.Stop()
	late := timer.C
	for {
		begun, ended, changed := l.now()
		if begun || ended {
			return begun
		}
		select {
		case <-changed:
		case <-late:
			late = nil
			_ = l.process.Kill() // it is waited for
		}
	}
}

// leave has a keeper end that was given nothing, and waits for that.
func (l *line) leave() {
	// What closes the other end is that nobody reads or writes it any more; closing the file would wait for the reader.
	if conn, err := l.file.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) })
	}
	for {
		_, ended, changed := l.now()
		if ended {
			return
		}
		<-changed
	}
}
