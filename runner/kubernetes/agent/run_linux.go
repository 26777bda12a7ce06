package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// running is a script that the agent has started.
type running struct {
	spec   *Spec
	pid    int
	output *output
	copied sync.WaitGroup
	ended  chan unix.WaitStatus // of the script itself
	// reaping is held while it is waited for a child.
	reaping sync.Mutex
	report  Report
}

// run runs the script and gives the exit code.
func run(spec *Spec) int {
	// The agent knows no more than the script may, but says what becomes of it.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	r := &running{spec: spec, output: &output{to: os.Stdout, most: spec.Limits.Output}, ended: make(chan unix.WaitStatus, 1)}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGTERM)
	before := oomKills()
	if err := r.start(); err != nil {
		refused := Report{Code: -1, Verdict: executor.Refused, Reason: err.Error()}
		r.output.end(refused)
		say(refused)
		return exitRefused
	}
	r.report.Started = time.Now().UTC()
	go r.reap() // until the process ends
	status := r.attend(asked)
	r.report.Ended = time.Now().UTC()
	r.copied.Wait()
	r.judge(status, oomKills() > before)
	r.account()
	r.handOver()
	r.output.end(r.report)
	say(r.report)
	return r.report.Code
}

// start starts the script.
func (r *running) start() error {
	link()
	env := environment(os.Environ(), r.spec.Env)
	program, err := lookPath(r.spec.Argv[0], os.Getenv("PATH"))
	if err != nil {
		return fmt.Errorf("run the script: %w", err)
	}
	stdin, err := os.Open(Params)
	if err != nil {
		return fmt.Errorf("open the parameters: %w", err)
	}
	defer stdin.Close()
	if err := os.WriteFile(Results, nil, 0o600); err != nil {
		return fmt.Errorf("make the file for results: %w", err)
	}
	var readers, writers [2]*os.File
	for i := range readers {
		if readers[i], writers[i], err = os.Pipe(); err != nil {
			return fmt.Errorf("make a pipe: %w", err)
		}
		defer writers[i].Close()
	}
	r.pid, err = syscall.ForkExec(program, r.spec.Argv, &syscall.ProcAttr{
		Dir: Work, Env: env, Files: []uintptr{stdin.Fd(), writers[0].Fd(), writers[1].Fd()}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return fmt.Errorf("run %s: %w", r.spec.Argv[0], err)
	}
	r.limit()
	for i, stream := range []executor.Stream{executor.Stdout, executor.Stderr} {
		r.copied.Go(func() {
			r.output.copy(readers[i], byte(stream))
			readers[i].Close()
		})
	}
	return nil
}

// link makes links to the script's files beside what it will write.
func link() {
	entries, err := os.ReadDir(Script)
	if err != nil {
		return
	}
	for _, entry := range entries {
		_ = os.Symlink(filepath.Join(Script, entry.Name()), filepath.Join(Work, entry.Name())) // what is there already is the script's
	}
}

// environment is what a script finds: what its image says, and what the spec does, which wins.
func environment(image []string, spec map[string]string) []string {
	env := make([]string, 0, len(image)+len(spec))
	for _, variable := range image {
		if name, _, _ := strings.Cut(variable, "="); spec[name] == "" && !strings.HasPrefix(name, "KUBERNETES_") {
			env = append(env, variable)
		}
	}
	for name, value := range spec {
		env = append(env, name+"="+value)
	}
	return env
}

// limit limits what the script may have that no control group does. It has run for a moment then, which changes nothing of any limit's sum.
func (r *running) limit() {
	limits := r.spec.Limits
	set := func(what int, soft, hard uint64) {
		_ = unix.Prlimit(r.pid, what, &unix.Rlimit{Cur: soft, Max: hard}, nil)
	}
	files, size := uint64(limits.OpenFiles), uint64(max(limits.Disk, limits.Results+1)) //nolint:gosec // they were checked
	set(unix.RLIMIT_NOFILE, files, files)
	set(unix.RLIMIT_FSIZE, size, size)
	set(unix.RLIMIT_CORE, 0, 0)
	if limits.CPUTime > 0 {
		seconds := uint64((limits.CPUTime + time.Second - 1) / time.Second)
		set(unix.RLIMIT_CPU, seconds, seconds+1)
	}
	// When memory is short the kernel is to choose the script, and not who tells of it.
	_ = os.WriteFile("/proc/"+strconv.Itoa(r.pid)+"/oom_score_adj", []byte("1000"), 0)
}

// reap takes in everything that ends in the container.
func (r *running) reap() {
	for {
		var status unix.WaitStatus
		r.reaping.Lock()
		pid, err := unix.Wait4(-1, &status, 0, nil)
		r.reaping.Unlock()
		switch {
		case pid == r.pid:
			r.ended <- status
		case errors.Is(err, unix.ECHILD):
			time.Sleep(5 * time.Millisecond) // what is left may be given to us yet
		}
	}
}

// attend waits for the script's end and has it end in time. When it returns nothing else runs in the container.
func (r *running) attend(asked <-chan os.Signal) unix.WaitStatus {
	limits := r.spec.Limits
	deadline := time.NewTimer(limits.Timeout)
	defer deadline.Stop()
	var patience <-chan time.Time
	ask := func() {
		if patience == nil {
			_ = unix.Kill(-r.pid, unix.SIGTERM)
			patience = time.After(limits.Grace)
		}
	}
	for {
		select {
		case status := <-r.ended:
			r.report.Leftover = r.killAll()
			return status
		case <-asked:
			r.report.Asked = r.report.Verdict == ""
			ask()
		case <-deadline.C:
			if !r.report.Asked {
				r.report.Verdict, r.report.Reason = executor.TimedOut, fmt.Sprintf("it took longer than %s", limits.Timeout)
			}
			ask()
		case <-patience:
			r.killAll()
		}
	}
}

// killAll kills everything in the container but the agent, and says how much that was.
func (r *running) killAll() int {
	if os.Getpid() != 1 {
		_ = unix.Kill(-r.pid, unix.SIGKILL)
		return 0
	}
	left := 0
	for {
		others := 0
		entries, _ := os.ReadDir("/proc")
		for _, entry := range entries {
			if pid, err := strconv.Atoi(entry.Name()); err == nil && pid > 1 && alive(pid) {
				others++
			}
		}
		left = max(left, others)
		if others == 0 {
			return left
		}
		_ = unix.Kill(-1, unix.SIGKILL)
		time.Sleep(time.Millisecond)
	}
}

// alive says that a process is there and is more than a name that nobody has taken in.
func alive(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// judge says how the script ended.
func (r *running) judge(status unix.WaitStatus, oom bool) {
	r.report.Code = status.ExitStatus()
	if status.Signaled() {
		r.report.Code, r.report.Signal = 128+int(status.Signal()), unix.SignalName(status.Signal())
	}
	limits := r.spec.Limits
	switch {
	case r.report.Verdict != "" || r.report.Asked || r.report.Code == 0:
	case oom:
		r.report.Verdict, r.report.Reason = executor.OOM, fmt.Sprintf("it took more than %d bytes of memory; what it writes to files counts, too", limits.Memory)
	case status.Signaled() && (status.Signal() == unix.SIGXCPU || status.Signal() == unix.SIGKILL && limits.CPUTime > 0 && cpu() >= limits.CPUTime):
		r.report.Verdict, r.report.Reason = executor.TimedOut, fmt.Sprintf("it had the processors for longer than %s", limits.CPUTime)
	case status.Signaled() && status.Signal() == unix.SIGXFSZ:
		r.report.Verdict, r.report.Reason = executor.Failed, fmt.Sprintf("it wrote a file of more than %d bytes", limits.Disk)
	}
}

// account says what the script used.
func (r *running) account() {
	r.report.CPU, r.report.Dropped = cpu(), r.output.dropped
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &usage) == nil {
		r.report.PeakRSS = usage.Maxrss << 10
	}
}

// cpu is what all processes used that were taken in.
func cpu() time.Duration {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// oomKills is how many processes of the container the kernel has killed for want of memory, as control groups of both versions say.
func oomKills() int {
	for _, name := range []string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"} {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if count, is := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); is {
				n, _ := strconv.Atoi(count)
				return n
			}
		}
	}
	return 0
}
