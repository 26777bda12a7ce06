package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// cores is how the CPUs are shared out: half to the gateway under test, the rest to backend and load.
type cores struct {
	gateway, rest string // as taskset writes them; empty: not bound
	gatewayCount  int
	gatewayCPUs   []int // those the gateway runs on; all of them when not bound
}

// split takes the CPUs this process may use, in ascending order, and gives the gateway the first half.
func split(allowed []int) cores {
	if len(allowed) < 2 {
		return cores{gatewayCount: 1, gatewayCPUs: allowed}
	}
	half := len(allowed) / 2
	return cores{gateway: join(allowed[:half]), rest: join(allowed[half:]), gatewayCount: half, gatewayCPUs: allowed[:half]}
}

func join(numbers []int) string {
	var words []string
	for _, n := range numbers {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ",")
}

// parseCPUList reads a list as in /proc/self/status, such as "0-3,8".
func parseCPUList(list string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("CPU list %.40q: %w", list, err)
		}
		last, err := strconv.ParseUint(to, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("CPU list %.40q: %w", list, err)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}

// allowedCPUs returns the CPUs this process may use.
func allowedCPUs() ([]int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, fmt.Errorf("CPUs: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			return parseCPUList(list)
		}
	}
	return nil, fmt.Errorf("CPUs: no list in /proc/self/status")
}

// bindSelf keeps this process, and what it starts from now on, on some of the CPUs.
func bindSelf(ctx context.Context, list string) error {
	command := exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", list, strconv.Itoa(os.Getpid())) //nolint:gosec // numbers
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	runtime.GOMAXPROCS(strings.Count(list, ",") + 1)
	return nil
}

// machineLine describes CPU, kernel and Go.
func machineLine(allowed []int) string {
	model := "unknown CPU"
	if content, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(content)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := "unknown"
	if content, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = strings.TrimSpace(string(content))
	}
	return fmt.Sprintf("Machine: %s, %d CPUs, Linux %s, %s", model, len(allowed), kernel, runtime.Version())
}

// loadAverage returns the three numbers of /proc/loadavg.
func loadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	fields := strings.Fields(string(content))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

// moduleVersion returns the version of a module that a Go binary was built with.
func moduleVersion(binary, module string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "unknown"
	}
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "unknown"
}
