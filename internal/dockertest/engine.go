//go:build linux

// Package dockertest starts Docker Engines for tests. One is a containerd and a dockerd of Debian's packages whose sockets, images and
// containers are in a directory of their own; it touches no network of the machine, unless Network makes one.
//
//	e, err := dockertest.Start("--live-restore")
//	if err != nil { required.Absent(t, "docker", err) }
//	t.Cleanup(func() { if err := e.Close(); err != nil { t.Error(err) } })
//
// It takes root. Whatever an engine is killed with, Close ends and removes everything of it.
package dockertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

// patience is how long an engine may take to answer before it is called stuck.
const patience = 5 * time.Minute

// Image is in every engine: the machine's busybox and a few directories, one of which it declares as a volume.
const Image = "fairway-test/busybox:1"

// Engine is an engine that runs, or was killed.
type Engine struct {
	dir     string
	host    string
	bridges []string // devices of networks
	bridge  string   // the device of a swarm's network; empty: it is no node of one

	dockerd    *daemon
	containerd *daemon // which outlives it, as it does where systemd starts both
}

// daemon is a process that writes to the engine's log.
type daemon struct {
	process *exec.Cmd
	ended   chan error
}

// At is an engine that somebody else started, which is left alone but for the images that are made in it.
func At(host string) (*Engine, error) {
	e := &Engine{host: host}
	return e, e.importBusybox()
}

// Start starts an engine with further options of dockerd, and waits until it answers. An error says why there can be none, as that the
// machine has no dockerd.
func Start(options ...string) (*Engine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can start a Docker Engine")
	}
	for _, name := range []string{"dockerd", "containerd", "busybox"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("what a Docker Engine needs: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "fairway-docker")
	if err != nil {
		return nil, fmt.Errorf("make the engine's directory: %w", err)
	}
	e := &Engine{dir: dir, host: "unix://" + filepath.Join(dir, "docker.sock")}
	if err := errors.Join(e.StartContainerd(), e.Restart(options...), e.importBusybox()); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Host is where it listens, as docker.Options has it.
func (e *Engine) Host() string { return e.host }

// StartContainerd starts containerd again after KillContainerd.
func (e *Engine) StartContainerd() error {
	in := func(name string) string { return filepath.Join(e.dir, name) }
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n", in("containerd"), in("state"), in("containerd.sock"))
	if err := os.WriteFile(in("containerd.toml"), []byte(config), 0o600); err != nil {
		return fmt.Errorf("write containerd's configuration: %w", err)
	}
	var err error
	e.containerd, err = e.run("containerd", "--config", in("containerd.toml"), "--log-level", "warn")
	return err
}

// Restart starts dockerd again after Kill, with further options, and waits until it answers.
func (e *Engine) Restart(options ...string) error {
	in := func(name string) string { return filepath.Join(e.dir, name) }
	var err error
	e.dockerd, err = e.run("dockerd", append([]string{
		"--host", e.host, "--data-root", in("data"), "--exec-root", in("exec"), "--pidfile", in("pid"), "--containerd", in("containerd.sock"),
		"--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false",
	}, options...)...)
	if err != nil {
		return err
	}
	return e.Answers()
}

// run starts a program that writes to the log.
func (e *Engine) run(name string, arguments ...string) (*daemon, error) {
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the engine's log: %w", err)
	}
	defer log.Close()
	d := &daemon{process: exec.CommandContext(context.Background(), name, arguments...), ended: make(chan error, 1)}
	d.process.Stdout, d.process.Stderr = log, log
	d.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.process.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { d.ended <- d.process.Wait() }() // until it ends, which Close sees to
	return d, nil
}

// Answers waits until the engine does.
func (e *Engine) Answers() error {
	api, err := e.API()
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	for {
		_, err := api.Info(ctx, client.InfoOptions{})
		if err == nil {
			return nil
		}
		select {
		case ended := <-e.dockerd.ended:
			e.dockerd.ended <- ended
			return fmt.Errorf("dockerd ended: %w\n%s", ended, e.Log())
		case <-ctx.Done():
			return fmt.Errorf("dockerd does not answer: %w\n%s", err, e.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// API is a client of the engine, for the caller to close.
func (e *Engine) API() (*client.Client, error) {
	api, err := client.New(client.WithHost(e.host))
	if err != nil {
		return nil, fmt.Errorf("the engine at %s: %w", e.host, err)
	}
	return api, nil
}

// Log is the end of what dockerd and containerd have said.
func (e *Engine) Log() string {
	text, err := os.ReadFile(filepath.Join(e.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-16<<10):])
}

// Kill ends dockerd as nothing else does, and leaves what it started.
func (e *Engine) Kill() { e.dockerd.kill() }

// KillContainerd does that to containerd, which dockerd waits for until StartContainerd.
func (e *Engine) KillContainerd() { e.containerd.kill() }

func (d *daemon) kill() {
	_ = d.process.Process.Kill()
	d.wait()
}

// wait waits for its end, whatever that is.
func (d *daemon) wait() {
	err := <-d.ended
	d.ended <- err
}

// end ends it in order, or else as kill does.
func (d *daemon) end() {
	_ = d.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-d.ended:
		d.ended <- err
	case <-time.After(patience / 5):
		d.kill()
	}
}

// Close ends the engine with all that it runs, and removes what it had.
func (e *Engine) Close() error {
	if e.dir == "" {
		return nil
	}
	var errs []error
	if e.dockerd != nil {
		errs = append(errs, e.empty())
		e.dockerd.end()
	}
	if e.containerd != nil {
		e.containerd.end()
	}
	e.killShims()
	for _, bridge := range slices.Concat(e.bridges, []string{e.bridge}) { // which engines forget that leave a swarm, or keep that were killed
		errs = append(errs, remove(bridge))
	}
	errs = append(errs, e.unmount())
	if err := os.RemoveAll(e.dir); err != nil {
		errs = append(errs, fmt.Errorf("the engine's directory is left: %w", err))
	}
	return errors.Join(errs...)
}

// empty removes all containers, which would outlive an engine with live-restore, and the networks that were made.
func (e *Engine) empty() error {
	select {
	case err := <-e.dockerd.ended: // it was killed, or never started
		e.dockerd.ended <- err
		return nil
	default:
	}
	api, err := e.API()
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, stop := context.WithTimeout(context.Background(), patience/5)
	defer stop()
	found, err := api.ContainerList(ctx, client.ContainerListOptions{All: true})
	for _, item := range found.Items {
		_, _ = api.ContainerRemove(ctx, item.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}) // or killShims does it
	}
	if e.bridge != "" {
		_, left := api.SwarmLeave(ctx, client.SwarmLeaveOptions{Force: true})
		err = errors.Join(err, left)
		_, _ = api.NetworkRemove(ctx, "docker_gwbridge", client.NetworkRemoveOptions{}) // which swarms make beside their own, and another engine may have
	}
	networks, listed := api.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("type", "custom")})
	for _, n := range networks.Items {
		_, _ = api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}) // one that was killed may believe that there is still somebody in it
	}
	if err = errors.Join(err, listed); err != nil {
		return fmt.Errorf("end what the engine has: %w", err)
	}
	return nil
}

// killShims ends what stands between containerd and containers, where an engine was killed that was not started again. Each names the directory.
func (e *Engine) killShims() {
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return
	}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), filepath.Join(e.dir, "containerd.sock")) || !strings.Contains(string(text), "containerd-shim") {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(path, "/proc/%d/cmdline", &pid); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// unmount takes off what an engine leaves mounted that was killed.
func (e *Engine) unmount() error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return fmt.Errorf("what is mounted: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], e.dir+"/") {
			_ = syscall.Unmount(fields[1], syscall.MNT_DETACH) // or it cannot be removed, which is told
		}
	}
	return nil
}
