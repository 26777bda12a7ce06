//go:build linux && (amd64 || arm64)

package keeper

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// How often is looked, at least and at most.
const (
	oftenest    = 10 * time.Millisecond
	rarest      = 250 * time.Millisecond
	oftenDisk   = 200 * time.Millisecond
	rarelyDisk  = 5 * time.Second
	betweenKill = 5 * time.Millisecond
)

// watch watches a script until nothing of it is left, and gives how the script itself ended.
func (k *keeping) watch(asked <-chan os.Signal) syscall.WaitStatus {
	limits := k.spec.Limits
	timeout := time.NewTimer(limits.Timeout)
	defer timeout.Stop()
	// Until the stage has become the script it is itself what would be measured.
	look := time.NewTimer(time.Hour)
	look.Stop()
	defer look.Stop()
	lookDisk := time.NewTimer(oftenDisk)
	defer lookDisk.Stop()
	grace := time.NewTimer(time.Hour)
	grace.Stop()
	defer grace.Stop()

	var status syscall.WaitStatus
	stopping, killing := false, false
	stop := func() {
		if !stopping {
			stopping = true
			_ = unix.Kill(-k.pid, unix.SIGTERM)
			grace.Reset(limits.Grace)
		}
	}
	// Killing is repeated until the last one is gone: meanwhile they may start others.
	again := time.NewTimer(time.Hour)
	again.Stop()
	defer again.Stop()
	killAll := func() {
		killing = true
		k.kill()
		again.Reset(betweenKill)
	}
	for {
		select {
		case <-k.gone:
			// It ended before the last one did, and both may be seen at once.
			select {
			case status = <-k.ended:
			default:
			}
			return status
		case k.refused = <-k.report:
			k.reported = true
			look.Reset(0)
		case status = <-k.ended:
			k.exit.Leftover = k.alive()
			killAll()
		case <-asked:
			if k.asked() {
				killAll()
			} else {
				// Somebody may have sent the signal by hand.
				k.decide(executor.Lost, "its keeper was asked to end")
				stop()
			}
		case <-timeout.C:
			k.decide(executor.TimedOut, fmt.Sprintf("it took longer than %s", limits.Timeout))
			stop()
		case <-grace.C:
			killAll()
		case <-again.C:
			killAll()
		case <-look.C:
			if killing {
				continue
			}
			headroom, exceeded := k.look()
			if exceeded {
				killAll()
				continue
			}
			// No machine fills memory faster than 2 GB in a second.
			look.Reset(min(max(time.Duration(headroom/2), oftenest), rarest))
		case <-lookDisk.C:
			if killing {
				continue
			}
			began := time.Now()
			if k.lookDisk() {
				killAll()
				continue
			}
			lookDisk.Reset(min(max(10*time.Since(began), oftenDisk), rarelyDisk))
		}
	}
}

// alive counts what runs of the script.
func (k *keeping) alive() int {
	count := 0
	for _, pid := range descendants(os.Getpid()) {
		if s, ok := readStat(pid); ok && s.state != 'Z' {
			count++
		}
	}
	return count
}

// kill kills all that there is.
func (k *keeping) kill() {
	if k.spec.Cgroup != "" {
		killCgroup(k.spec.Cgroup)
	}
	if k.spec.User != 0 {
		KillUser(k.spec.User)
	}
	kill(descendants(os.Getpid()))
}

// look compares what the processes take with the limits, and gives how many bytes of memory are left to them.
func (k *keeping) look() (headroom int64, exceeded bool) {
	limits := k.spec.Limits
	pids := descendants(os.Getpid())
	if k.spec.Root != "" {
		pids = slices.DeleteFunc(pids, func(pid int) bool { return pid == k.pid }) // the init is ours
	}
	u := measure(pids)
	if u.memory > limits.Memory {
		u.memory = shared(pids, u.memory)
	}
	k.exit.PeakRSS = max(k.exit.PeakRSS, u.memory)
	switch {
	case u.memory > limits.Memory:
		k.decide(executor.OOM, fmt.Sprintf("it took more than %d bytes of memory", limits.Memory))
	case u.processes > limits.Processes:
		k.decide(executor.Failed, fmt.Sprintf("it had more than %d processes and threads", limits.Processes))
	case limits.CPUTime > 0 && u.cpu > limits.CPUTime:
		k.decide(executor.TimedOut, fmt.Sprintf("it had the processors for longer than %s", limits.CPUTime))
	default:
		return limits.Memory - u.memory, false
	}
	return 0, true
}

// lookDisk does the same with its directory.
func (k *keeping) lookDisk() (exceeded bool) {
	limits := k.spec.Limits
	d, err := measureDisk(filepath.Clean(k.spec.Measured), descendants(os.Getpid()), int64(limits.Files))
	k.exit.DiskUsed = max(k.exit.DiskUsed, d.bytes)
	switch {
	case err != nil:
		k.decide(executor.Failed, err.Error())
	case d.files > int64(limits.Files):
		k.decide(executor.Failed, fmt.Sprintf("it had more than %d files and directories", limits.Files))
	case d.bytes > limits.Disk:
		k.decide(executor.Failed, fmt.Sprintf("it had more than %d bytes in its directory", limits.Disk))
	default:
		return false
	}
	return true
}
