package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// dispatched is a process of this program that goes to the gateway, see package courier.
type dispatched struct {
	pid  int
	said *os.File // why it failed
}

// dispatch starts one. A file is its ResultsFile.
func dispatch(program, word string, file *os.File) (*dispatched, error) {
	said, to, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer to.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		said.Close()
		return nil, err
	}
	defer null.Close()
	files := []uintptr{null.Fd(), null.Fd(), to.Fd()}
	if file != nil {
		files = append(files, file.Fd())
	}
	pid, err := syscall.ForkExec(program, []string{program, Word, word}, &syscall.ProcAttr{Env: os.Environ(), Files: files}) //nolint:gosec // ours
	if err != nil {
		said.Close()
		return nil, fmt.Errorf("start what goes to the gateway: %w", err)
	}
	return &dispatched{pid: pid, said: said}, nil
}

// wait waits for its end, and gives what it says of a failure. Nobody else may take it in.
func (d *dispatched) wait() error {
	defer d.said.Close()
	text, _ := io.ReadAll(io.LimitReader(d.said, MostReport))
	status, err := takeIn(d.pid)
	switch {
	case err != nil:
		return err
	case status.Exited() && status.ExitStatus() == 0:
		return nil
	case len(text) == 0:
		return fmt.Errorf("what goes to the gateway ended with %#x", uint32(status))
	default:
		return errors.New(string(text))
	}
}

// takeIn waits for a child.
func takeIn(pid int) (status unix.WaitStatus, err error) {
	for {
		if _, err = unix.Wait4(pid, &status, 0, nil); !errors.Is(err, unix.EINTR) {
			return status, err
		}
	}
}
