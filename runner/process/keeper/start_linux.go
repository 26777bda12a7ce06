//go:build linux && (amd64 || arm64)

package keeper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// streams are what a keeper and its stage have between them. The keeper's ends are read until the last who has the others closes them.
type streams struct {
	stdoutRead, stderrRead, reportRead *os.File
	stdout, stderr, report             *os.File
	// ask is a socket: over the keeper's end a stage that waits is told what it is to be, and the keeper is given what a filter asks by.
	ask, stageAsk *os.File
}

func newStreams() (*streams, error) {
	s := &streams{}
	var errs [3]error
	s.stdoutRead, s.stdout, errs[0] = os.Pipe()
	s.stderrRead, s.stderr, errs[1] = os.Pipe()
	s.reportRead, s.report, errs[2] = os.Pipe()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		s.ask, s.stageAsk = os.NewFile(uintptr(pair[0]), "ask"), os.NewFile(uintptr(pair[1]), "ask")
	}
	if err := errors.Join(append(errs[:], err)...); err != nil {
		s.close()
		return nil, fmt.Errorf("make pipes: %w", err)
	}
	return s, nil
}

// give gives the streams to the user that the script becomes: /dev/stdout is opened anew.
func (s *streams) give(user uint32) error {
	id := int(user)
	if id == 0 {
		return nil
	}
	if err := errors.Join(s.stdout.Chown(id, id), s.stderr.Chown(id, id)); err != nil {
		return fmt.Errorf("give the pipes to the script: %w", err)
	}
	return nil
}

// handed closes what the stage has.
func (s *streams) handed() {
	for _, file := range []*os.File{s.stdout, s.stderr, s.report, s.stageAsk} {
		file.Close() // nil ones too
	}
}

func (s *streams) close() {
	s.handed()
	for _, file := range []*os.File{s.stdoutRead, s.stderrRead, s.reportRead, s.ask} {
		file.Close()
	}
}

// waitingStage is a stage that was started, and waits for what it is to be.
type waitingStage struct {
	*streams
	pid int
}

// startStage starts a stage that waits. It has to be called by the thread whose end is to be that of the script.
func startStage() (*waitingStage, error) {
	s, err := newStreams()
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("start the stage: %w", err)
	}
	defer null.Close()
	// What it is to be takes the places of null.
	files := []uintptr{null.Fd(), s.stdout.Fd(), s.stderr.Fd(), null.Fd(), s.report.Fd(), s.stageAsk.Fd()}
	pid, err := forkStage(verbAwait, files, &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL})
	if err != nil {
		s.close()
		return nil, err
	}
	// Where it is killed, who writes to it is to see that.
	s.stageAsk.Close()
	s.report.Close()
	return &waitingStage{s, pid}, nil
}

// tell tells a stage what it is to be. The error says that it never will.
func (w *waitingStage) tell(stdin, spec *os.File) error {
	socket := int(w.ask.Fd())
	err := unix.Sendmsg(socket, []byte{0}, unix.UnixRights(int(stdin.Fd()), int(spec.Fd())), nil, unix.MSG_NOSIGNAL)
	if err != nil {
		return err
	}
	// One that is just being killed takes messages.
	if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 30}); err != nil {
		return err
	}
	_, err = io.ReadFull(w.ask, make([]byte, 1))
	if err != nil {
		_ = unix.Kill(w.pid, unix.SIGKILL)
		return err
	}
	return unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{})
}

// forkStage starts this program as a stage or an init, which is told who its parent is.
func forkStage(verb string, files []uintptr, attributes *syscall.SysProcAttr) (int, error) {
	env := []string{"GOMAXPROCS=1"}
	if verb != verbInit {
		env = append(env, "GOGC=off") // it will be the script soon
	}
	pid, err := syscall.ForkExec(program, []string{Name, verb, strconv.Itoa(os.Getpid())}, &syscall.ProcAttr{Env: env, Files: files, Sys: attributes}) //nolint:gosec // it is this program
	if err != nil {
		return 0, fmt.Errorf("start the stage: %w", err)
	}
	return pid, nil
}

// start has the stage be the script, and starts all that listens to it.
func (k *keeping) start() error {
	stdin, err := os.Open(k.spec.Stdin)
	if err != nil {
		return fmt.Errorf("open the parameters: %w", err)
	}
	defer stdin.Close()
	spec, err := os.Open(k.file(FileSpec))
	if err != nil {
		return fmt.Errorf("open what is to be run: %w", err)
	}
	defer spec.Close()
	s, err := k.begin(stdin, spec)
	if err != nil {
		return err
	}
	s.handed()
	go k.copy(s.stdoutRead, executor.Stdout)
	go k.copy(s.stderrRead, executor.Stderr)
	go func() {
		defer s.reportRead.Close()
		text, _ := io.ReadAll(io.LimitReader(s.reportRead, 4096))
		k.report <- string(text)
	}()
	defer s.ask.Close()
	if k.spec.User == 0 {
		if listener := receiveListener(int(s.ask.Fd())); listener >= 0 {
			go answerAll(listener, filepath.Join(k.directory, Box))
		}
	}
	return nil
}

// begin tells the stage that waits what it is to be, or starts an init that builds what the script sees.
func (k *keeping) begin(stdin, spec *os.File) (*streams, error) {
	if k.spec.Root != "" {
		return k.beginInit(stdin, spec)
	}
	stage := k.ahead
	for tries := 0; ; tries++ {
		if stage == nil {
			var err error
			if stage, err = startStage(); err != nil {
				return nil, err
			}
		}
		if err := stage.give(k.spec.User); err != nil {
			return nil, err
		}
		err := stage.tell(stdin, spec)
		if err == nil {
			k.pid = stage.pid
			return stage.streams, nil
		}
		stage.close()
		if stage = nil; tries > 0 {
			return nil, fmt.Errorf("tell the stage what it is to be: %w", err)
		}
		// Somebody killed it while it waited, as the kernel may for want of memory.
	}
}

// beginInit starts an init.
func (k *keeping) beginInit(stdin, spec *os.File) (*streams, error) {
	s, err := newStreams()
	if err != nil {
		return nil, err
	}
	if err = s.give(k.spec.User); err == nil {
		err = k.startInit(s, stdin, spec)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (k *keeping) startInit(s *streams, stdin, spec *os.File) error {
	reader, status, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipes: %w", err)
	}
	k.status = reader
	defer status.Close()
	files := []uintptr{stdin.Fd(), s.stdout.Fd(), s.stderr.Fd(), spec.Fd(), s.report.Fd(), s.stageAsk.Fd(), status.Fd()}
	if k.spec.Cgroup != "" {
		group, err := os.Open(k.spec.Cgroup)
		if err != nil {
			return fmt.Errorf("open the control group: %w", err)
		}
		defer group.Close()
		files = append(files, group.Fd())
	}
	attributes := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: namespaces}
	if len(k.spec.TCP) == 0 {
		attributes.Cloneflags |= unix.CLONE_NEWNET
	}
	k.pid, err = forkStage(verbInit, files, attributes)
	return err
}
