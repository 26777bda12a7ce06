//go:build linux && (amd64 || arm64)

package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Descriptors that a stage is started with, behind the three that the script will have.
const (
	stageSpec   = 3 // its Spec, to be read
	stageReport = 4 // where it writes why it failed; what is closed by execve says that it did not
	stageAsk    = 5 // a socket over which the keeper is given the filter's questions
)

// exitStage is a stage's exit code when there is no script to have one.
const exitStage = 125

// stage gives away what a script must not have, and becomes the script. What it does to itself it does to its thread, which is the one
// that is left after execve. One that waits is told before what it is to be, and ends if its keeper
// does. It returns if there is no script.
func stage(waits bool) {
	runtime.LockOSThread()
	for fd := stageReport; fd <= stageAsk; fd++ {
		unix.CloseOnExec(fd)
	}
	// If memory ends, it is the script that has to go. Later this file may be somebody else's.
	err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o600)
	var ahead *ruleset
	if waits {
		ahead = rehearseStage()
		if told() != nil {
			return // there is nobody any more to whom it could be reported
		}
	}
	if err != nil {
		err = fmt.Errorf("be the first to go if memory ends: %w", err)
	} else {
		err = restricted(waits, ahead)
	}
	_, _ = unix.Write(stageReport, []byte(err.Error()))
}

// told waits for what the stage is to be: the file that the script reads, and the Spec. It says that it has them.
func told() error {
	_, files, err := receive(stageAsk, make([]byte, 1), 2)
	if err != nil {
		return err
	}
	defer unix.Close(files[0])
	defer unix.Close(files[1])
	if err := errors.Join(unix.Dup3(files[0], 0, 0), unix.Dup3(files[1], stageSpec, unix.O_CLOEXEC)); err != nil {
		return err
	}
	_, err = unix.Write(stageAsk, []byte{0})
	return err
}

// become makes the calling thread somebody else, without any group or capability that it had. Others of the process stay who they are until execve ends
// them.
func become(user uint32, keeper int) error {
	id := uintptr(user)
	for _, call := range []struct{ number, a, b, c uintptr }{
		{unix.SYS_SETGROUPS, 0, 0, 0}, {unix.SYS_SETRESGID, id, id, id}, {unix.SYS_SETRESUID, id, id, id},
	} {
		if _, _, errno := unix.RawSyscall(call.number, call.a, call.b, call.c); errno != 0 {
			return errno
		}
	}
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return err
	}
	// Who becomes somebody else outlives his parent. It may have ended before this is set.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if unix.Getppid() != keeper {
		return errors.New("its keeper has ended")
	}
	return nil
}

// restricted does not return if all went well. other says that the stage is not the script's user yet; ahead are rules that were made before.
func restricted(other bool, ahead *ruleset) error {
	var spec Spec
	file := os.NewFile(stageSpec, "spec")
	if err := json.NewDecoder(file).Decode(&spec); err != nil {
		return fmt.Errorf("read what is to be run: %w", err)
	}
	file.Close()
	if other && spec.User != 0 {
		keeper, err := strconv.Atoi(os.Args[len(os.Args)-1])
		if err == nil {
			err = become(spec.User, keeper)
		}
		if err != nil {
			return fmt.Errorf("become the user of the script: %w", err)
		}
	}
	unix.Umask(0o077)
	if err := os.Chdir(spec.Directory); err != nil {
		return fmt.Errorf("enter the directory of the attempt: %w", err)
	}
	nice := 10
	if raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
		nice = max(nice, 20-raw) // what the kernel gives is counted from the other end; nobody gives way less than he has to
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil {
		return fmt.Errorf("give way to others: %w", err)
	}
	program, err := lookup(&spec)
	if err != nil && spec.Probe == nil {
		return err
	}
	if err := limit(&spec); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up gaining privileges: %w", err)
	}
	if err := unix.CloseRange(stageReport, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close what the script is not to have: %w", err)
	}
	if err := landlock(&spec, ahead); err != nil {
		return err
	}
	if err := filtered(&spec); err != nil {
		return err
	}
	if spec.Probe != nil {
		return probe(spec.Probe)
	}
	// Neither Go's own memory nor its threads would fit once these are set, so nothing may come between them and execve.
	memory, tasks := ceiling(uint64(spec.Limits.Memory)), ceiling(spec.tasks()) //nolint:gosec // positive
	pathname, err := unix.BytePtrFromString(program)
	if err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	arguments, err := syscall.SlicePtrFromStrings(spec.Argv)
	if err != nil {
		return fmt.Errorf("the arguments: %w", err)
	}
	variables, err := syscall.SlicePtrFromStrings(spec.Env)
	if err != nil {
		return fmt.Errorf("the environment: %w", err)
	}
	return fmt.Errorf("start %s: %w", program, execute(&memory, &tasks, pathname, arguments, variables))
}

// filtered filters system calls, and hands the keeper what the filter asks by.
func filtered(spec *Spec) error {
	listener, err := seccomp(policy{sockets: len(spec.TCP) > 0, udp: spec.UDP, sameUser: spec.User == 0, ask: spec.User == 0})
	if err != nil || listener < 0 {
		return err
	}
	defer unix.Close(listener)
	if err := unix.Sendmsg(stageAsk, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
		return fmt.Errorf("hand the keeper what the filter asks: %w", err)
	}
	return nil
}

// limit sets the limits of a process but for its memory. What it starts has the same.
func limit(spec *Spec) error {
	l := spec.Limits
	seconds := unlimited(l.CPUTime)
	for _, r := range []struct {
		name     string
		resource int
		value    uint64
	}{
		{"core files", unix.RLIMIT_CORE, 0},
		{"the size of files", unix.RLIMIT_FSIZE, uint64(l.Disk)}, //nolint:gosec // positive
		{"open files", unix.RLIMIT_NOFILE, uint64(l.OpenFiles)},  //nolint:gosec // positive
		{"processor time", unix.RLIMIT_CPU, seconds},
		{"locked memory", unix.RLIMIT_MEMLOCK, 64 << 10},
		{"message queues", unix.RLIMIT_MSGQUEUE, 0},
		{"signals", unix.RLIMIT_SIGPENDING, 4096},
	} {
		// Nobody raises what he has.
		var now syscall.Rlimit
		if err := syscall.Getrlimit(r.resource, &now); err != nil {
			return fmt.Errorf("limit %s: %w", r.name, err)
		}
		value := min(r.value, now.Max)
		if err := syscall.Setrlimit(r.resource, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("limit %s: %w", r.name, err)
		}
	}
	return nil
}

// unlimited is a time in seconds, and more than that by one so that the keeper, which knows why, is mostly the first to end it.
func unlimited(limit time.Duration) uint64 {
	if limit <= 0 {
		return ^uint64(0)
	}
	return uint64(limit/time.Second) + 2
}

func ceiling(value uint64) unix.Rlimit { return unix.Rlimit{Cur: value, Max: value} }

// tasks is how many threads the user may have. Of a user who is shared with others RLIMIT_NPROC counts those too, so then it is there
// for the machine's sake, and what the script itself has the keeper counts.
func (s *Spec) tasks() uint64 {
	own := uint64(s.Limits.Processes) //nolint:gosec // positive
	if s.User != 0 {
		return own
	}
	const others = 256 // what others of this user may come to have
	count := others + 2*own
	self := os.Getuid()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return count
	}
	for _, entry := range entries {
		if name := entry.Name(); name[0] < '0' || name[0] > '9' {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			continue
		}
		if stat, is := info.Sys().(*syscall.Stat_t); is && int(stat.Uid) == self {
			if threads, err := os.ReadDir("/proc/" + entry.Name() + "/task"); err == nil {
				count += uint64(len(threads))
			}
		}
	}
	return count
}

// lookup finds the program that is to be run, as a shell would in the script's environment.
func lookup(spec *Spec) (string, error) {
	if len(spec.Argv) == 0 {
		return "", errors.New("there is nothing to run")
	}
	name := spec.Argv[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, variable := range spec.Env {
		path, is := strings.CutPrefix(variable, "PATH=")
		if !is {
			continue
		}
		for directory := range strings.SplitSeq(path, ":") {
			file := directory + "/" + name
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return file, nil
			}
		}
	}
	return "", fmt.Errorf("there is no program %.100q on this runner", name)
}
