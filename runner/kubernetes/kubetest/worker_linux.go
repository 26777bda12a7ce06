package kubetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// worker runs one pod.
type worker struct {
	node      *Node
	who       meta // as it was when the pod was made
	directory string
	removed   chan struct{} // closed when the pod is no more
	once      sync.Once
	changed   chan struct{}

	mu       sync.Mutex
	pod      *pod // as it was told last
	logs     map[string]*log
	network  net.Listener
	mounted  []string
	started  time.Time
	statuses map[string]state
}

func newWorker(n *Node, p *pod) *worker {
	return &worker{
		node: n, who: p.Metadata, pod: p, directory: filepath.Join(n.cluster.Directory, "pods", p.Metadata.UID), removed: make(chan struct{}), changed: make(chan struct{}, 1),
		logs: map[string]*log{}, statuses: map[string]state{},
	}
}

func (w *worker) gone() { w.once.Do(func() { close(w.removed) }) }

// change tells how the pod is to be now.
func (w *worker) change(p *pod) {
	w.mu.Lock()
	w.pod = p
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *worker) now() *pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pod
}

// id is a container's.
func (w *worker) id(container string) string { return container + "-" + w.who.UID }

// run runs the pod's containers and says how each is.
func (w *worker) run() {
	w.started = time.Now()
	p := w.now()
	for _, c := range append(append([]container{}, p.Spec.InitContainers...), p.Spec.Containers...) {
		w.statuses[c.Name] = waiting("PodInitializing", "")
	}
	w.tell("Pending", "")
	phase, reason := w.containers(p)
	w.tell(phase, reason)
	for w.now().Metadata.DeletionTimestamp == nil {
		select {
		case <-w.changed:
		case <-w.removed:
			return
		}
	}
	w.tell(phase, reason)
	_ = w.node.insist(func() error {
		return w.node.cluster.Call(w.node.ctx, http.MethodDelete, w.path(""), map[string]any{"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": map[string]string{"uid": p.Metadata.UID}}, nil)
	})
}

// containers runs them one after the other, and gives the phase at the end.
func (w *worker) containers(p *pod) (phase, reason string) {
	if over, why := w.wanted(p); over {
		return "Failed", why
	}
	if err := w.volumes(p); err != nil {
		return "Failed", "Volumes: " + err.Error()
	}
	if err := w.net(); err != nil {
		return "Failed", "Network: " + err.Error()
	}
	for _, c := range p.Spec.InitContainers {
		if code, why := w.container(p, c, "Pending"); code != 0 || why != "" {
			return "Failed", why
		}
	}
	code, why := w.container(p, p.Spec.Containers[0], "Running")
	switch {
	case why != "" || code != 0:
		return "Failed", why
	default:
		return "Succeeded", ""
	}
}

// wanted says whether a pod is to end, and why if that is not since it was deleted.
func (w *worker) wanted(p *pod) (over bool, why string) {
	if p.Metadata.DeletionTimestamp != nil {
		return true, ""
	}
	if d := p.Spec.ActiveDeadlineSeconds; d != nil && time.Since(w.started) >= time.Duration(*d)*time.Second {
		return true, "DeadlineExceeded"
	}
	return false, ""
}

// path is the pod's in the API.
func (w *worker) path(more string) string {
	return "/api/v1/namespaces/" + w.who.Namespace + "/pods/" + w.who.Name + more
}

// tell says how the pod is.
func (w *worker) tell(phase, reason string) {
	p := w.now()
	list := func(containers []container) []any {
		out := make([]any, 0, len(containers))
		for _, c := range containers {
			out = append(out, map[string]any{"name": c.Name, "image": c.Image, "imageID": "", "ready": false, "restartCount": 0, "state": w.statuses[c.Name]})
		}
		return out
	}
	status := map[string]any{
		"phase": phase, "reason": reason, "startTime": w.started.UTC().Format(time.RFC3339),
		"initContainerStatuses": list(p.Spec.InitContainers), "containerStatuses": list(p.Spec.Containers),
	}
	_ = w.node.insist(func() error {
		return w.node.cluster.Call(w.node.ctx, http.MethodPatch, w.path("/status"), map[string]any{"metadata": map[string]string{"uid": p.Metadata.UID}, "status": status}, nil)
	})
}

// insist asks as long as the apiserver is away.
func (n *Node) insist(ask func() error) error {
	for {
		err := ask()
		if refused, is := errors.AsType[*StatusError](err); err == nil || n.ctx.Err() != nil || is && refused.Status < 500 && refused.Status != http.StatusTooManyRequests {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// volumes makes them, of Secrets when they are there.
func (w *worker) volumes(p *pod) error {
	for _, v := range p.Spec.Volumes {
		directory := filepath.Join(w.directory, "volumes", v.Name)
		if err := os.MkdirAll(directory, 0o777); err != nil { //nolint:gosec // it is the pod's
			return err //nolint:wrapcheck // it says what
		}
		switch {
		case v.EmptyDir != nil && v.EmptyDir.Medium == "Memory":
			if err := unix.Mount("tmpfs", directory, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=777,size="+v.EmptyDir.SizeLimit); err != nil {
				return fmt.Errorf("mount %s: %w", v.Name, err)
			}
			w.mounted = append(w.mounted, directory)
		case v.EmptyDir != nil:
			if err := os.Chmod(directory, 0o777); err != nil { //nolint:gosec // as above
				return err //nolint:wrapcheck // as above
			}
		case v.Secret != nil:
			if err := w.secret(p, directory, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *worker) secret(p *pod, directory string, v volume) error {
	name, mode := v.Secret.SecretName, os.FileMode(v.Secret.DefaultMode) //nolint:gosec // a mode
	var s struct {
		Data map[string][]byte `json:"data"`
	}
	for {
		err := w.node.cluster.Call(w.node.ctx, http.MethodGet, "/api/v1/namespaces/"+p.Metadata.Namespace+"/secrets/"+name, nil, &s)
		if err == nil {
			break
		}
		if over, why := w.wanted(w.now()); over || w.node.ctx.Err() != nil {
			return fmt.Errorf("secret %s: %w %s", name, err, why)
		}
		time.Sleep(20 * time.Millisecond)
	}
	files := maps.Clone(s.Data)
	if len(v.Secret.Items) > 0 {
		clear(files)
		for _, item := range v.Secret.Items {
			text, is := s.Data[item.Key]
			if !is {
				return fmt.Errorf("secret %s has no %s", name, item.Key)
			}
			files[item.Path] = text
		}
	}
	for file, text := range files {
		path := filepath.Join(directory, file)
		if err := errors.Join(os.WriteFile(path, text, mode), os.Chmod(path, mode), os.Chown(path, 0, p.Spec.SecurityContext.FSGroup)); err != nil {
			return err
		}
	}
	return nil
}

// net makes the pod's network: loopback, on which the gateway is and nothing else.
func (w *worker) net() error {
	file := filepath.Join(w.directory, "net")
	if err := errors.Join(os.MkdirAll(w.directory, 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
		return err
	}
	made := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		made <- func() (err error) {
			before, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
			if err != nil {
				return fmt.Errorf("keep the network: %w", err)
			}
			// The thread must not end: with it would what it once started, to end with its parent (Pdeathsig), as gateways of tests are.
			defer func() {
				if back := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); back == nil {
					runtime.UnlockOSThread()
				} else {
					err = errors.Join(err, fmt.Errorf("go back to the network: %w", back))
				}
				before.Close()
			}()
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("make a network: %w", err)
			}
			if err := loopback(); err != nil {
				return err
			}
			if err := unix.Mount(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()), file, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("keep the network: %w", err)
			}
			var config net.ListenConfig
			w.network, err = config.Listen(context.Background(), "tcp", "127.0.0.1:80")
			return err //nolint:wrapcheck // as above
		}()
	}()
	if err := <-made; err != nil {
		return err
	}
	w.mounted = append(w.mounted, file)
	go w.forward() // until the listener is closed
	return nil
}

// loopback brings the interface lo up.
func loopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	request.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

func (w *worker) forward() {
	for {
		from, err := w.network.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			var dialer net.Dialer
			w.node.mu.Lock()
			gateway := w.node.gateway
			w.node.mu.Unlock()
			to, err := dialer.DialContext(w.node.ctx, "tcp", gateway)
			if err != nil {
				return
			}
			defer to.Close()
			go func() {
				_, _ = io.Copy(to, from) // it ends with one of them
				_ = to.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(from, to) // as above
		}()
	}
}

// clear removes what is left of a pod.
func (w *worker) clear() {
	if w.network != nil {
		w.network.Close()
	}
	for _, path := range w.mounted {
		_ = unix.Unmount(path, unix.MNT_DETACH)
	}
	if err := os.RemoveAll(w.directory); err != nil {
		fmt.Fprintln(os.Stderr, "a pod's directory is left:", err)
	}
}

// bundle writes what runc is to run.
func (w *worker) bundle(p *pod, c container, root string) (string, error) {
	directory := filepath.Join(w.directory, c.Name)
	message := filepath.Join(directory, "message")
	if err := errors.Join(os.MkdirAll(directory, 0o700), os.WriteFile(message, nil, 0o600), os.Chmod(message, 0o666)); err != nil { //nolint:gosec // as kubelets do
		return "", err
	}
	type mount struct {
		Destination string   `json:"destination"`
		Type        string   `json:"type"`
		Source      string   `json:"source"`
		Options     []string `json:"options,omitempty"`
	}
	mounts := []mount{
		{"/proc", "proc", "proc", []string{"nosuid", "noexec", "nodev"}},
		{"/dev", "tmpfs", "tmpfs", []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{"/dev/shm", "tmpfs", "shm", []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{"/sys", "sysfs", "sysfs", []string{"nosuid", "noexec", "nodev", "ro"}},
		{"/sys/fs/cgroup", "cgroup", "cgroup", []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
		{"/dev/termination-log", "bind", message, []string{"bind", "rw"}},
	}
	for _, m := range c.VolumeMounts {
		how := "rw"
		if m.ReadOnly {
			how = "ro"
		}
		mounts = append(mounts, mount{m.MountPath, "bind", filepath.Join(w.directory, "volumes", m.Name), []string{"bind", "nosuid", "nodev", how}})
	}
	s := p.Spec.SecurityContext
	env := []string{"PATH=/bin:/usr/bin", "HOSTNAME=pod", "KUBERNETES_SERVICE_HOST=10.0.0.1"}
	for _, v := range c.Env {
		if v.From.Field.Path == "metadata.uid" {
			v.Value = p.Metadata.UID
		}
		env = append(env, v.Name+"="+v.Value)
	}
	config := map[string]any{
		"ociVersion": "1.0.2", "hostname": "pod", "root": map[string]any{"path": root, "readonly": c.SecurityContext.ReadOnlyRootFilesystem}, "mounts": mounts,
		"process": map[string]any{
			"user": map[string]any{"uid": s.RunAsUser, "gid": s.RunAsGroup, "additionalGids": []int{s.FSGroup}}, "args": append(c.Command, c.Args...),
			"env": env, "cwd": firstOf(c.Dir, "/"), "noNewPrivileges": true, "capabilities": map[string]any{},
		},
		"linux": map[string]any{
			"cgroupsPath": "/fairway-kube/" + w.id(c.Name),
			"namespaces": []map[string]string{
				{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "network", "path": filepath.Join(w.directory, "net")},
			},
			"resources": limits(c.Resources.Limits, w.node.Processes),
		},
	}
	text, err := json.Marshal(config)
	if err != nil {
		return "", err //nolint:wrapcheck // it says what
	}
	return directory, os.WriteFile(filepath.Join(directory, "config.json"), text, 0o600) //nolint:wrapcheck // as above
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
