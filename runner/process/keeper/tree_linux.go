package keeper

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// descendants are all processes below one: as a keeper adopts what loses its parent, everything that a script ever started. The list
// may miss what is started meanwhile.
func descendants(pid int) []int {
	if _, err := os.Stat("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children"); err != nil {
		return scanned(pid)
	}
	found := children(nil, pid)
	for i := 0; i < len(found); i++ {
		found = children(found, found[i])
	}
	return found
}

// children adds the children of a process, which each of its threads may have.
func children(to []int, pid int) []int {
	threads := "/proc/" + strconv.Itoa(pid) + "/task"
	entries, err := os.ReadDir(threads)
	if err != nil {
		return to // it has ended
	}
	for _, entry := range entries {
		text, err := os.ReadFile(threads + "/" + entry.Name() + "/children")
		if err != nil {
			continue
		}
		for word := range bytes.FieldsSeq(text) {
			if child, err := strconv.Atoi(string(word)); err == nil {
				to = append(to, child)
			}
		}
	}
	return to
}

// scanned are the descendants where the kernel has no lists of children.
func scanned(root int) []int {
	below := map[int][]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if stat, ok := readStat(pid); ok {
				below[stat.parent] = append(below[stat.parent], pid)
			}
		}
	}
	found := below[root]
	for i := 0; i < len(found); i++ {
		found = append(found, below[found[i]]...)
	}
	return found
}

// stat is what is asked of /proc/<pid>/stat.
type stat struct {
	state   byte
	parent  int
	ticks   int64 // of the processors, by it and by children of it that have ended and were waited for
	threads int
	rss     int64 // bytes
}

// readStat says false if the process has ended.
func readStat(pid int) (stat, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	return parseStat(string(text))
}

// parseStat reads the line; the second field is the name, in which anything may stand, parentheses too.
func parseStat(text string) (stat, bool) {
	end := strings.LastIndexByte(text, ')')
	fields := strings.Fields(text[end+1:])
	if end < 0 || len(fields) < 22 {
		return stat{}, false
	}
	number := func(field int) int64 { // numbered as in proc(5)
		n, err := strconv.ParseInt(fields[field-3], 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	return stat{
		state:   fields[0][0],
		parent:  int(number(4)),
		ticks:   number(14) + number(15) + number(16) + number(17),
		threads: int(number(20)),
		rss:     number(24) * int64(os.Getpagesize()),
	}, true
}

// usage is what a tree of processes takes.
type usage struct {
	memory    int64 // bytes
	processes int   // threads counted
	cpu       time.Duration
}

// measure adds up what the descendants of this process take, and what those took that have ended.
func measure(pids []int) usage {
	const ticksPerSecond = 100 // USER_HZ, the same on all architectures of ours
	var u usage
	for _, pid := range pids {
		s, ok := readStat(pid)
		if !ok || s.state == 'Z' {
			continue
		}
		u.memory += s.rss
		u.processes += s.threads
		u.cpu += time.Duration(s.ticks) * time.Second / ticksPerSecond
	}
	return usage{u.memory, u.processes, u.cpu + ended()}
}

// ended is what processes took that were waited for.
func ended() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// shared is the memory of processes with what several of them have counted once. Where it may not be asked for it is the sum.
func shared(pids []int, sum int64) int64 {
	total := int64(0)
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
		if err != nil {
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
				continue // it has ended
			}
			return sum
		}
		for line := range strings.Lines(string(text)) {
			if rest, is := strings.CutPrefix(line, "Pss:"); is {
				kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
				if err != nil {
					return sum
				}
				total += kilobytes << 10
			}
		}
	}
	return total
}

// kill ends processes of a tree. Each is kept from starting others before any is killed, where that is allowed.
func kill(pids []int) {
	for _, pid := range pids {
		_ = unix.Prlimit(pid, unix.RLIMIT_NPROC, &unix.Rlimit{}, nil)
	}
	for _, pid := range pids {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// KillUser kills all processes of a user, at once, so that none can start another meanwhile. It takes root, and a user of whom nothing
// else runs.
func KillUser(user uint32) {
	elsewhere(func() {
		id := uintptr(user)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, id, id, id); errno == 0 {
			_ = unix.Kill(-1, unix.SIGKILL)
		}
	})
}

// elsewhere does something that cannot be undone on a thread that ends with it. The process's first thread does not end: it would stay
// somebody else's, and with it the process, for whoever asks who may kill it.
func elsewhere(what func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			defer close(done)
			what()
			return
		}
		// As long as this waits, locked to the first thread, nobody else is on it.
		go func() {
			defer close(done)
			runtime.LockOSThread()
			what()
		}()
		<-done
		runtime.UnlockOSThread()
	}()
	<-done
}
