// Package process starts the programs a benchmark needs and stops them.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// grace is how long a process may take to end after it was asked to.
const grace = 10 * time.Second

// ErrEnded tells that a process ended before it was stopped.
var ErrEnded = errors.New("the process ended")

// Spec says what to start.
type Spec struct {
	Name string
	Path string
	Args []string
	// Env is added to this process's environment.
	Env []string
	// Cores are the CPUs it may use, as taskset writes them ("0,1"). Empty: all.
	Cores string
	// Log is the file that takes what it writes on both outputs.
	Log string
}

// Process is a program that was started, in a process group of its own.
type Process struct {
	spec   Spec
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
	err    error         // how it ended; valid once exited is closed
}

// Start starts spec. The caller must call Stop.
func Start(spec Spec) (*Process, error) {
	log, err := os.Create(spec.Log)
	if err != nil {
		return nil, fmt.Errorf("%s: log: %w", spec.Name, err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor

	name, args := spec.Path, spec.Args
	if spec.Cores != "" { // taskset becomes the program: the process id stays
		name, args = "taskset", append([]string{"-c", spec.Cores, spec.Path}, spec.Args...)
	}
	cmd := exec.Command(name, args...) //nolint:gosec // programs the benchmark built or found
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	p := &Process{spec: spec, cmd: cmd, exited: make(chan struct{})}
	go func() { // ends with the process, which Stop ends
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// PID is the process's id, the root of its tree.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// LogSize is how many bytes it has written to its outputs.
func (p *Process) LogSize() (int64, error) {
	info, err := os.Stat(p.spec.Log)
	if err != nil {
		return 0, fmt.Errorf("%s: log: %w", p.spec.Name, err)
	}
	return info.Size(), nil
}

// Stop ends the process and everything it started.
func (p *Process) Stop() error {
	select {
	case <-p.exited:
		p.killGroup()
		return fmt.Errorf("%s: %w", p.spec.Name, errors.Join(ErrEnded, p.err))
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: stop: %w", p.spec.Name, err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		p.killGroup()
		return nil
	case <-timer.C:
		p.killGroup()
		<-p.exited
		return fmt.Errorf("%s: did not end within %v", p.spec.Name, grace)
	}
}

// killGroup ends what is left of the process group; that nothing is left is the rule.
func (p *Process) killGroup() { _ = syscall.Kill(-p.PID(), syscall.SIGKILL) }

// AwaitOK asks for url until it answers 200 and returns the body, or an error when the process ends or limit has passed.
func (p *Process) AwaitOK(ctx context.Context, url string, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var last error
	for {
		body, err := get(ctx, client, url)
		if err == nil {
			return body, nil
		}
		if ctx.Err() == nil {
			last = err
		}
		timer := time.NewTimer(2 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%s: %w; last: %w%s", p.spec.Name, context.Cause(ctx), last, p.logTail())
		case <-p.exited:
			timer.Stop()
			return nil, fmt.Errorf("%s: %w%s", p.spec.Name, errors.Join(ErrEnded, p.err), p.logTail())
		case <-timer.C:
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %.300s", url, response.Status, body)
	}
	return body, nil
}

// logTail returns the end of what the process wrote, for an error message.
func (p *Process) logTail() string {
	content, err := os.ReadFile(p.spec.Log)
	if err != nil || len(content) == 0 {
		return ""
	}
	return "\n" + string(content[max(0, len(content)-2000):])
}

// FreePorts returns n different TCP ports of 127.0.0.1 that nothing listens on.
func FreePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("free port: %w", err)
		}
		defer listener.Close() //nolint:errcheck // all are held until the last is known
		address, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("free port: %v is no TCP address", listener.Addr())
		}
		ports = append(ports, strconv.Itoa(address.Port))
	}
	return ports, nil
}
