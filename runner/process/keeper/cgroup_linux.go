//go:build linux && (amd64 || arm64)

package keeper

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// MakeCgroup makes the control group of an attempt, with its limits.
func MakeCgroup(directory string, limits executor.Limits) error {
	if err := os.Mkdir(directory, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // as all control groups are
		return fmt.Errorf("make the control group: %w", err)
	}
	const period = 100_000 // microseconds
	for name, value := range map[string]string{
		"memory.max":       strconv.FormatInt(limits.Memory, 10),
		"memory.oom.group": "1",
		"pids.max":         strconv.Itoa(limits.Processes),
		"cpu.max":          fmt.Sprintf("%d %d", max(limits.CPU*period/1_000_000_000, 1000), period),
	} {
		if err := setCgroup(directory, name, value); err != nil {
			return err
		}
	}
	// Machines without swap have no file for it.
	if err := setCgroup(directory, "memory.swap.max", "0"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func setCgroup(directory, name, value string) error {
	if err := os.WriteFile(filepath.Join(directory, name), []byte(value), 0); err != nil {
		return fmt.Errorf("set %s of the control group: %w", name, err)
	}
	return nil
}

// killCgroup kills all that is in a control group, at once.
func killCgroup(directory string) { _ = setCgroup(directory, "cgroup.kill", "1") }

// cgroupOOM says whether the kernel killed something in a control group for want of memory.
func cgroupOOM(directory string) bool {
	text, err := os.ReadFile(filepath.Join(directory, "memory.events"))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(text) {
		if count, is := bytes.CutPrefix(bytes.TrimSpace(line), []byte("oom_kill ")); is {
			return string(count) != "0"
		}
	}
	return false
}
