//go:build linux

package docker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

// TestReservations reads what is kept free for attempts in the containers' configuration, and where the kernel has it.
func TestReservations(t *testing.T) {
	t.Parallel()
	o := options(t)
	e := open(t, o)
	api, err := client.New(client.WithHost(o.Host))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	const mega = 1_000_000
	for name, c := range map[string]struct {
		cpu, memory    int64 // asked for
		shares, wanted int64
	}{
		"some":               {100_000_000, 60 * mega, 102, 60 * mega},
		"none-said":          {0, 0, 512, 200 * mega},
		"more-than-limits":   {9_000_000_000, 900 * mega, 512, 200 * mega},
		"less-than-possible": {1, 1, 2, 6 << 20},
		"negative":           {-5, -5, 512, 200 * mega},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := begin(t, e, executor.Attempt{
				ID: "reserve-" + name, Script: executortest.Script("reserve", map[string]string{"main.sh": "#!/bin/sh\necho one\nwhile :; do sleep 0.05; done\n"}),
				CPUReservation: c.cpu, MemoryReservation: c.memory, Limits: executor.Limits{Memory: 200 * mega, CPU: 500_000_000},
			})
			executortest.Says(t, run, "one")
			found, err := api.ContainerInspect(t.Context(), "fairway-"+run.ID(), client.ContainerInspectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			h := found.Container.HostConfig
			if diff := cmp.Diff([]int64{c.shares, c.wanted, 500_000_000, 200 * mega}, []int64{h.CPUShares, h.MemoryReservation, h.NanoCPUs, h.Memory}); diff != "" {
				t.Error(diff)
			}
			// The kernel counts memory in pages.
			const page = 4096
			if shares, memory := kept(t, found.Container.State.Pid); shares != 0 && shares != c.shares || memory/page != c.wanted/page {
				t.Errorf("the kernel has %d shares and %d bytes", shares, memory)
			}
		})
	}
}

// kept is what the control groups of a process have, in the words of the first version of them.
func kept(t *testing.T, pid int) (shares, memory int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	number := func(parts ...string) int64 {
		text, err := os.ReadFile(filepath.Join(append([]string{"/sys/fs/cgroup"}, parts...)...))
		if err != nil {
			t.Skipf("the machine's control groups are not where they usually are: %v", err)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		switch {
		case controllers == "": // the second version
			if _, err := os.Stat(filepath.Join("/sys/fs/cgroup", path, "memory.low")); err != nil {
				continue
			}
			return 0, number(path, "memory.low") // it has weights in place of shares, which runtimes make of them as they please
		case strings.Contains(","+controllers+",", ",cpu,"):
			shares = number("cpu", path, "cpu.shares")
		case controllers == "memory":
			memory = number("memory", path, "memory.soft_limit_in_bytes")
		}
	}
	return shares, memory
}
