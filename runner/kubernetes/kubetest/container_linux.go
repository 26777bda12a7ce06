package kubetest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// limits are those of a container, for runc.
func limits(said map[string]string, processes int) map[string]any {
	out := map[string]any{"pids": map[string]any{"limit": processes}}
	if memory, err := strconv.ParseInt(said["memory"], 10, 64); err == nil {
		out["memory"] = map[string]any{"limit": memory, "swap": memory}
	} else if mebi, is := strings.CutSuffix(said["memory"], "Mi"); is {
		if n, err := strconv.ParseInt(mebi, 10, 64); err == nil {
			out["memory"] = map[string]any{"limit": n << 20, "swap": n << 20}
		}
	}
	milli, err := strconv.ParseInt(strings.TrimSuffix(said["cpu"], "m"), 10, 64)
	if err == nil {
		if !strings.HasSuffix(said["cpu"], "m") {
			milli *= 1000
		}
		out["cpu"] = map[string]any{"period": 100_000, "quota": max(milli*100, 1000)}
	}
	return out
}

// container runs one to its end, and gives its exit code, and why the pod failed if the code is not what says it.
func (w *worker) container(p *pod, c container, phase string) (code int, why string) {
	w.node.mu.Lock()
	root, is := w.node.images[c.Image]
	w.node.mu.Unlock()
	if !is {
		w.statuses[c.Name] = waiting("ErrImagePull", "there is no image "+c.Image)
		w.tell("Pending", "")
		return w.until(c)
	}
	bundle, err := w.bundle(p, c, root)
	if err != nil {
		return 1, "Bundle: " + err.Error()
	}
	lines := newLog()
	w.mu.Lock()
	w.logs[c.Name] = lines
	w.mu.Unlock()
	cmd := w.node.runc("run", "--bundle", bundle, w.id(c.Name))
	reader, writer, err := os.Pipe()
	if err != nil {
		return 1, "Pipe: " + err.Error()
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 1, "Start: " + err.Error()
	}
	writer.Close()
	copied := make(chan struct{})
	go func() { // ends with the container
		defer close(copied)
		lines.copy(reader)
		reader.Close()
	}()
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }() // likewise
	w.statuses[c.Name] = running(began)
	w.tell(phase, "")
	over, why, err := w.attend(c, exited)
	<-copied
	lines.close()
	code = 0
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		code = exit.ExitCode()
	} else if err != nil {
		code = 1
	}
	message, _ := os.ReadFile(filepath.Join(bundle, "message"))
	reason := "Completed"
	if code != 0 {
		reason = "Error"
	}
	w.statuses[c.Name] = ended(code, reason, string(message[:min(len(message), 4096)]), began, time.Now())
	if over && code == 0 && why == "" && phase == "Pending" {
		return 1, "" // it is deleted: nothing more is begun
	}
	return code, why
}

// until waits until a pod is to end that cannot begin.
func (w *worker) until(container) (code int, why string) {
	for {
		if over, why := w.wanted(w.now()); over || w.node.ctx.Err() != nil {
			return 1, why
		}
		timer := time.NewTimer(200 * time.Millisecond)
		select {
		case <-w.changed:
		case <-w.removed:
			timer.Stop()
			return 1, ""
		case <-timer.C:
		}
		timer.Stop()
	}
}

// attend waits for a container's end, and has it end when the pod is to.
func (w *worker) attend(c container, exited <-chan error) (over bool, why string, err error) {
	var kill <-chan time.Time
	asked := false
	grace := int64(30)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-exited:
			return over, why, err
		case <-kill:
			kill = time.After(100 * time.Millisecond) // until it has
			_ = w.node.signal(w.id(c.Name), unix.SIGKILL)
		case <-w.changed:
		case <-w.removed: // by force: nobody knows of it any more
			_ = w.node.signal(w.id(c.Name), unix.SIGKILL)
			return true, "", <-exited
		case <-tick.C:
		}
		p := w.now()
		is, reason := w.wanted(p)
		if !is {
			continue
		}
		if over = true; why == "" {
			why = reason
		}
		wanted := int64(30)
		if p.Spec.TerminationGracePeriodSeconds != nil {
			wanted = *p.Spec.TerminationGracePeriodSeconds
		}
		if p.Metadata.DeletionGracePeriodSeconds != nil {
			wanted = min(wanted, *p.Metadata.DeletionGracePeriodSeconds)
		}
		if !asked {
			// A container that is not there yet is asked again.
			if w.node.signal(w.id(c.Name), unix.SIGTERM) != nil {
				continue
			}
		}
		if !asked || wanted < grace {
			asked, grace = true, wanted
			kill = time.After(time.Duration(grace) * time.Second)
		}
	}
}
