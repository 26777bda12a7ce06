// Package proc reads from Linux's /proc what a process and its descendants have used: CPU time and memory.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Tick is the unit of the times in /proc/<pid>/stat: USER_HZ is 100 on every Linux port that Go runs on.
const Tick = 10 * time.Millisecond

// ErrFormat tells that a file of /proc does not look as proc(5) says.
var ErrFormat = errors.New("unexpected format")

// Stat is what is used of one process's /proc/<pid>/stat.
type Stat struct {
	PID, Parent int
	// CPU is utime and stime, in steps of Tick.
	CPU time.Duration
	// Reaped is the CPU time of the children that ended and were waited for, in steps of Tick.
	Reaped time.Duration
}

// ParseStat reads the content of /proc/<pid>/stat. The command name in parentheses may hold spaces and parentheses.
// An error wraps ErrFormat.
func ParseStat(content []byte) (Stat, error) {
	open, end := bytes.IndexByte(content, '('), bytes.LastIndexByte(content, ')')
	if open < 1 || end < open {
		return Stat{}, fmt.Errorf("stat: no command name: %w", ErrFormat)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content[:open])))
	if err != nil {
		return Stat{}, fmt.Errorf("stat: pid: %w", errors.Join(ErrFormat, err))
	}

	// proc(5) counts from 1; the state, field 3, comes first here.
	fields := strings.Fields(string(content[end+1:]))
	const first, parent, utime, cstime = 3, 4, 14, 17
	if len(fields) <= cstime-first {
		return Stat{}, fmt.Errorf("stat: %d fields after the command name: %w", len(fields), ErrFormat)
	}
	stat := Stat{PID: pid}
	if stat.Parent, err = strconv.Atoi(fields[parent-first]); err != nil {
		return Stat{}, fmt.Errorf("stat: parent: %w", errors.Join(ErrFormat, err))
	}
	var ticks [4]int64 // utime, stime, cutime, cstime
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(fields[utime-first+i], 10, 64); err != nil {
			return Stat{}, fmt.Errorf("stat: field %d: %w", utime+i, errors.Join(ErrFormat, err))
		}
	}
	stat.CPU = time.Duration(ticks[0]+ticks[1]) * Tick
	stat.Reaped = time.Duration(ticks[2]+ticks[3]) * Tick
	return stat, nil
}

// Memory is the resident memory of one process in bytes: now, and at its peak.
type Memory struct {
	RSS, Peak int64
}

// ParseStatus reads VmRSS and VmHWM from the content of /proc/<pid>/status. An error wraps ErrFormat.
func ParseStatus(content []byte) (Memory, error) {
	var memory Memory
	var err error
	if memory.RSS, err = kilobytes(content, "VmRSS"); err != nil {
		return Memory{}, err
	}
	if memory.Peak, err = kilobytes(content, "VmHWM"); err != nil {
		return Memory{}, err
	}
	return memory, nil
}

// Shared is what a process has of the machine's memory in bytes, of what it shares with others its part ("Pss"). An error wraps ErrFormat if the kernel says it otherwise.
func Shared(pid int) (int64, error) {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		return 0, fmt.Errorf("smaps_rollup: %w", err)
	}
	return kilobytes(content, "Pss")
}

// kilobytes returns the value of a line like "VmRSS:   1234 kB" in bytes.
func kilobytes(content []byte, key string) (int64, error) {
	for line := range bytes.Lines(content) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || string(name) != key {
			continue
		}
		number, ok := strings.CutSuffix(strings.TrimSpace(string(value)), " kB")
		if !ok {
			return 0, fmt.Errorf("status: %s is not in kB: %w", key, ErrFormat)
		}
		n, err := strconv.ParseInt(number, 10, 54)
		if err != nil {
			return 0, fmt.Errorf("status: %s: %w", key, errors.Join(ErrFormat, err))
		}
		return n << 10, nil
	}
	return 0, fmt.Errorf("status: no %s: %w", key, ErrFormat)
}

// Busy is how long some CPUs worked, in steps of Tick.
type Busy struct {
	// Programs is user, nice and system time; interrupts are not in it.
	Programs time.Duration
	// Stolen is the time in which the hypervisor ran something else.
	Stolen time.Duration
}

// ParseBusy sums up the lines of some CPUs in the content of /proc/stat. An error wraps ErrFormat.
func ParseBusy(content []byte, cpus []int) (Busy, error) {
	wanted := make(map[string]bool)
	for _, cpu := range cpus {
		wanted["cpu"+strconv.Itoa(cpu)] = true
	}
	var sum Busy
	for line := range bytes.Lines(content) {
		fields := strings.Fields(string(line))
		if len(fields) == 0 || !wanted[fields[0]] {
			continue
		}
		delete(wanted, fields[0])
		const user, nice, system, steal = 1, 2, 3, 8
		if len(fields) <= steal {
			return Busy{}, fmt.Errorf("stat: %s has %d fields: %w", fields[0], len(fields), ErrFormat)
		}
		for _, field := range []int{user, nice, system, steal} {
			ticks, err := strconv.ParseInt(fields[field], 10, 48)
			if err != nil {
				return Busy{}, fmt.Errorf("stat: %s: %w", fields[0], errors.Join(ErrFormat, err))
			}
			if field == steal {
				sum.Stolen += time.Duration(ticks) * Tick
			} else {
				sum.Programs += time.Duration(ticks) * Tick
			}
		}
	}
	if len(wanted) > 0 {
		return Busy{}, fmt.Errorf("stat: %d CPUs are missing: %w", len(wanted), ErrFormat)
	}
	return sum, nil
}

// CPUs returns how long some CPUs worked since the machine started.
func CPUs(cpus []int) (Busy, error) {
	content, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Busy{}, fmt.Errorf("CPUs: %w", err)
	}
	return ParseBusy(content, cpus)
}

// TreeCPU returns the CPU time that the process root and its descendants have used since they started, those that ended included.
func TreeCPU(root int) (time.Duration, error) {
	stats, err := tree(root)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, stat := range stats {
		sum += stat.CPU + stat.Reaped
	}
	return sum, nil
}

// TreeMemory returns the resident memory of the process root and its descendants, pages they share counted for each.
func TreeMemory(root int) (Memory, error) {
	stats, err := tree(root)
	if err != nil {
		return Memory{}, err
	}
	var sum Memory
	for _, stat := range stats {
		content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(stat.PID), "status"))
		if err != nil {
			return Memory{}, fmt.Errorf("memory: %w", err)
		}
		memory, err := ParseStatus(content)
		if err != nil {
			return Memory{}, err
		}
		sum.RSS += memory.RSS
		sum.Peak += memory.Peak
	}
	return sum, nil
}

// tree returns the process root and all its descendants.
func tree(root int) ([]Stat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	}
	children := make(map[int][]Stat)
	var found []Stat
	for _, path := range paths {
		content, err := os.ReadFile(path) //nolint:gosec // a path of /proc
		if err != nil {
			continue // the process ended meanwhile
		}
		stat, err := ParseStat(content)
		if err != nil {
			return nil, err
		}
		if stat.PID == root {
			found = append(found, stat)
			continue
		}
		children[stat.Parent] = append(children[stat.Parent], stat)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("process %d: %w", root, os.ErrNotExist)
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].PID]...)
	}
	return found, nil
}
