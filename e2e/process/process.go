// Package process starts programs for tests and ends them with everything that they started.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// grace is how long a program may take to end after it was asked to.
const grace = 20 * time.Second

// ErrEnded says that a program ended before anybody told it to.
var ErrEnded = errors.New("the process ended")

// Spec says what to start.
type Spec struct {
	// Path of the program, and what comes behind it.
	Path string
	Args []string
	// Env is its whole environment.
	Env []string
	// Dir is where it runs. Default: here.
	Dir string
	// Log is the file that takes both outputs; it is appended to.
	Log string
}

// Process is a program that was started, in a process group of its own. It does not outlive this process.
type Process struct {
	spec  Spec
	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone and err is set
	err   error
}

// Start starts a program, which the caller stops.
func Start(spec Spec) (*Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()                                                         //nolint:errcheck // the child has its own descriptor
	cmd := exec.CommandContext(context.Background(), spec.Path, spec.Args...) //nolint:gosec // programs that we built
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{spec: spec, cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() { // ends with the process, which Stop or Kill ends
		// The child is killed when the thread that made it ends, and some tests have threads that do.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID is its id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is all that it wrote.
func (p *Process) Log() string {
	content, err := os.ReadFile(p.spec.Log)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// Ended is closed when it has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Running says whether it has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Stop ends it as an operator would, and whatever it started. An end that was not asked for or not in order is an error.
func (p *Process) Stop() error {
	defer p.killGroup()
	if !p.Running() {
		return errors.Join(ErrEnded, p.err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("it did not end within %v", grace)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.Exited() {
		return p.err
	}
	return nil // or by the signal, as programs do that do not handle it
}

// Kill ends it at once, as a crash would.
func (p *Process) Kill() {
	p.killGroup()
	<-p.ended
}

// killGroup ends what is left of the process group.
func (p *Process) killGroup() { _ = syscall.Kill(-p.PID(), syscall.SIGKILL) }

// Await asks for url until it answers 200, and fails when the process ends or limit has passed.
func (p *Process) Await(ctx context.Context, url string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var last error
	for {
		if last = ask(ctx, client, url); last == nil && p.Running() { // else another one has its port
			return nil
		}
		timer := time.NewTimer(10 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("no answer within %v: %w\n%s", limit, last, p.Log())
		case <-p.ended:
			timer.Stop()
			return fmt.Errorf("%w: %w\n%s", ErrEnded, p.err, p.Log())
		case <-timer.C:
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// ports is the last one that was handed out, counted from the first.
var ports atomic.Int64

// Until asks, and again after each pause, until there is no error or the time is over: then the last one is given.
func Until(within, pause time.Duration, is func() error) error {
	for deadline := time.Now().Add(within); ; time.Sleep(pause) {
		if err := is(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// FreePort is a port of 127.0.0.1 that nothing listens on, below those that outgoing connections take. It is handed out once: two
// programs that start at the same time do not get the same.
func FreePort() (string, error) {
	const first, count = 20000, 12000
	ports.CompareAndSwap(0, 1+rand.Int64N(count)) //nolint:gosec // no secret; another run begins elsewhere
	for range 200 {
		port := strconv.FormatInt(first+ports.Add(1)%count, 10)
		listener, err := net.Listen("tcp", "127.0.0.1:"+port) //nolint:noctx // at once
		if err != nil {
			continue
		}
		return port, listener.Close()
	}
	return "", errors.New("found no free port")
}
