package executor

import (
	"fmt"
	"strings"
	"time"
)

// Limits are what an attempt may take. A zero is the default that stands behind it, see [Limits.WithDefaults].
type Limits struct {
	// Memory of all processes of the attempt together, in bytes. Default 1,000,000,000, as scripts of Trends.Earth have.
	Memory int64 `json:"memory,omitempty"`
	// CPU is how much of the processors it gets, in billionths of one: 500,000,000 is half of one, the default. Only executors with
	// control groups keep to it; the others run it with less weight.
	CPU int64 `json:"cpu,omitempty"`
	// CPUTime is how long all of its processes together may have the processors. Default: no limit but Timeout.
	CPUTime time.Duration `json:"cpu_time,omitempty"`
	// Processes it may have at once, threads counted. Default 256.
	Processes int `json:"processes,omitempty"`
	// Disk is how many bytes its directory may have. Default 1 GiB.
	Disk int64 `json:"disk,omitempty"`
	// Files is how many files and directories may be in its directory. Default 100,000.
	Files int `json:"files,omitempty"`
	// OpenFiles is how many files each of its processes may have open. Default 1,024.
	OpenFiles int `json:"open_files,omitempty"`
	// Output is how many bytes of what it prints are kept; a notice says where it was cut. Default 64 MiB.
	Output int64 `json:"output,omitempty"`
	// Results is how many bytes its results may have. Default 64 MiB.
	Results int64 `json:"results,omitempty"`
	// Timeout is how long it may take by the clock. Default 1 h.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Grace is how long it may take to end after it was asked to. Default 10 s.
	Grace time.Duration `json:"grace,omitempty"`
}

// WithDefaults is the limits with the default in place of every zero.
func (l Limits) WithDefaults() Limits {
	instead(&l.Memory, 1_000_000_000)
	instead(&l.CPU, 500_000_000)
	instead(&l.Processes, 256)
	instead(&l.Disk, 1<<30)
	instead(&l.Files, 100_000)
	instead(&l.OpenFiles, 1024)
	instead(&l.Output, 64<<20)
	instead(&l.Results, 64<<20)
	instead(&l.Timeout, time.Hour)
	instead(&l.Grace, 10*time.Second)
	return l
}

func instead[T int | int64 | time.Duration](value *T, usual T) {
	if *value == 0 {
		*value = usual
	}
}

// Check says which limit cannot be one: those that are negative, and less memory (4 MiB) or fewer open files (16) than any program
// needs.
func (l Limits) Check() error {
	for name, value := range map[string]int64{
		"memory": l.Memory, "cpu": l.CPU, "cpu_time": int64(l.CPUTime), "processes": int64(l.Processes), "disk": l.Disk, "files": int64(l.Files),
		"open_files": int64(l.OpenFiles), "output": l.Output, "results": l.Results, "timeout": int64(l.Timeout), "grace": int64(l.Grace),
	} {
		if value < 0 {
			return fmt.Errorf("limit %s is negative", name)
		}
	}
	if l.Memory > 0 && l.Memory < 4<<20 {
		return fmt.Errorf("limit memory is %d bytes: no program starts in less than 4 MiB", l.Memory)
	}
	if l.OpenFiles > 0 && l.OpenFiles < 16 {
		return fmt.Errorf("limit open_files is %d: it has to be 16 at least", l.OpenFiles)
	}
	return nil
}

// Level is what an executor promises of isolation. What each promises is in docs/isolation.md.
type Level string

// Levels.
const (
	// Standard can be kept by any user of a recent Linux.
	Standard Level = "standard"
	// Strict adds namespaces, control groups and a user for each attempt, for which the runner has to be root.
	Strict Level = "strict"
)

// LevelError says why a machine cannot keep a level: it is an error at the start, never a warning.
type LevelError struct {
	Level   Level
	Missing []string // what the machine lacks, one sentence each
}

// Error names all that is missing.
func (e *LevelError) Error() string {
	return fmt.Sprintf("isolation level %q cannot be kept on this machine: %s", e.Level, strings.Join(e.Missing, "; "))
}
