package kubetest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/internal/dockertest"
)

// Kubelet is a node of a cluster as others have it: Kubernetes' own kubelet and scheduler, with Debian's containerd, runc and plugins of the
// container network. It has the same images as a Node, without Python. There can be one on a machine at a time: two take each other's control
// groups for left over. After a test that ran out of time its processes are left.
type Kubelet struct {
	// Address is where pods reach this machine.
	Address string

	cluster *Cluster
	bridge  string
	socket  string
	kernel  map[string][]byte // what kubelets change of the machine, as it was
}

// KubeletPrograms says what of it is missing.
func KubeletPrograms() error {
	programs, err := Programs()
	if err != nil {
		return err
	}
	for _, name := range []string{filepath.Join(programs, "kubelet"), filepath.Join(programs, "kube-scheduler"), "/usr/lib/cni/bridge", "containerd", "ctr", "ip"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("make test-kubelet has what it needs: %w", err)
		}
	}
	return nil
}

// StartKubelet adds such a node to a cluster. Program is the binary that the image of agents has.
func StartKubelet(ctx context.Context, c *Cluster, program string) (_ *Kubelet, err error) {
	if err := KubeletPrograms(); err != nil {
		return nil, err
	}
	net := rand.IntN(250) //nolint:gosec // no secret
	k := &Kubelet{cluster: c, Address: fmt.Sprintf("10.231.%d.1", net), bridge: fmt.Sprintf("fairway-k%d", net), socket: c.in("containerd.sock")}
	k.kernel = map[string][]byte{}
	for _, name := range []string{"/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/panic", "/proc/sys/kernel/panic_on_oops"} {
		if k.kernel[name], err = os.ReadFile(name); err != nil {
			return nil, err //nolint:wrapcheck // it says what
		}
	}
	defer func() { //nolint:contextcheck // it ends, whatever ctx does
		if err != nil {
			k.Close()
		}
	}()
	// Without an address of its own it has that of some pod, and another one when that goes: for a while the others find nobody then.
	for _, words := range []string{"link add " + k.bridge + " address 02:fa:1d:00:00:01 type bridge", "addr add " + k.Address + "/24 dev " + k.bridge, "link set " + k.bridge + " up"} {
		if err := command(ctx, "ip", strings.Fields(words)...); err != nil {
			return nil, err
		}
	}
	if err := k.configure(ctx); err != nil {
		return nil, err
	}
	if err := c.start(ctx, "containerd", "--config", c.in("containerd.toml")); err != nil {
		return nil, err
	}
	if err := c.await(ctx, "containerd", func() error { return command(ctx, "ctr", "--address", k.socket, "version") }); err != nil {
		return nil, err
	}
	for name, image := range map[string]func(io.Writer) error{
		ImageScript: func(to io.Writer) error { return dockertest.Busybox(to, places) },
		ImageAgent: func(to io.Writer) error { //nolint:contextcheck // it asks nobody
			binary, err := os.ReadFile(program)
			if err != nil {
				return err //nolint:wrapcheck // it says what
			}
			return dockertest.Busybox(to, func(a *dockertest.Archive) {
				places(a)
				a.Add(tar.Header{Name: "usr/bin/fairway"}, binary)
			})
		},
		imagePause: func(to io.Writer) error { return dockertest.Busybox(to, nil) },
	} {
		if err := k.load(ctx, name, image); err != nil {
			return nil, err
		}
	}
	programs, err := Programs()
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx, filepath.Join(programs, "kube-scheduler"), "--kubeconfig="+c.in("admin.kubeconfig"), "--leader-elect=false", "--secure-port=0", "--v=1"); err != nil {
		return nil, err
	}
	return k, k.Start(ctx)
}

// imagePause is what keeps a pod's namespaces.
const imagePause = "fairway-test/pause:1"

// places are where volumes go.
func places(a *dockertest.Archive) {
	for _, name := range []string{"fairway/", "fairway/attempt/", "fairway/packages/", "fairway/code/", "fairway/work/", "fairway/io/"} {
		a.Add(tar.Header{Name: name, Typeflag: tar.TypeDir}, nil)
	}
}

// configure writes the configurations of the node's programs.
func (k *Kubelet) configure(ctx context.Context) error {
	c := k.cluster
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	subnet := strings.TrimSuffix(k.Address, "1") + "0/24"
	files := map[string]string{
		"containerd.toml": fmt.Sprintf(`version = 2
root = %[1]q
state = %[2]q
[grpc]
address = %[3]q
[plugins."io.containerd.internal.v1.opt"]
path = %[4]q
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/%[5]s"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = %[6]q
`, c.in("containerd/root"), c.in("containerd/state"), k.socket, c.in("containerd/opt"), imagePause, c.in("cni")),
		"cni/10-fairway.conflist": fmt.Sprintf(`{"cniVersion": "0.4.0", "name": "fairway-test", "plugins": [{"type": "bridge", "bridge": %q, "isGateway": true,
	"ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": %q}]]}}]}`, k.bridge, c.in("ipam"), subnet),
		"resolv.conf": "",
		// The machine may have control groups of the first version, swap, and no right to make processes more precious.
		"kubelet.yaml": fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: %s
healthzPort: 0
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://%s
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: 1Mi}
imageGCHighThresholdPercent: 100
makeIPTablesUtilChains: false
oomScoreAdj: 0
podPidsLimit: 100
resolvConf: %s
volumePluginDir: %s
`, port, k.socket, c.in("resolv.conf"), c.in("plugins")),
	}
	for name, text := range files {
		path := c.in(name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// Start starts the kubelet, anew if it was killed, and waits until its node is ready.
func (k *Kubelet) Start(ctx context.Context) error {
	programs, err := Programs()
	if err != nil {
		return err
	}
	c := k.cluster
	if err := c.start(ctx, filepath.Join(programs, "kubelet"),
		"--config="+c.in("kubelet.yaml"), "--kubeconfig="+c.in("admin.kubeconfig"), "--root-dir="+c.in("kubelet"), "--cert-dir="+c.in("kubelet/pki"), "--hostname-override=localhost", "--v=2",
	); err != nil {
		return err
	}
	return c.await(ctx, "the node", func() error {
		var node struct {
			Status struct {
				Conditions []struct{ Type, Status, Message string } `json:"conditions"`
			} `json:"status"`
		}
		if err := c.Call(ctx, http.MethodGet, "/api/v1/nodes/localhost", nil, &node); err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" {
				// The controller that would do so takes a Node of the tests for gone.
				return c.Call(ctx, http.MethodPatch, "/api/v1/nodes/localhost", map[string]any{"spec": map[string]any{"taints": nil}}, nil)
			}
			if condition.Type == "Ready" {
				return errors.New(condition.Message)
			}
		}
		return errors.New("it says nothing")
	})
}

// Kill ends the kubelet as nothing else does. What runs goes on.
func (k *Kubelet) Kill() { k.cluster.Kill("kubelet") }

// load gives containerd an image of one layer, as docker save writes it.
func (k *Kubelet) load(ctx context.Context, name string, write func(io.Writer) error) error {
	var layer bytes.Buffer
	if err := write(&layer); err != nil {
		return err
	}
	sum := sha256.Sum256(layer.Bytes())
	said := map[string]any{"Env": []string{"PATH=/bin:/usr/bin"}}
	if name == imagePause {
		said["Entrypoint"] = []string{"/bin/busybox", "sleep", "2147483647"}
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": said, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		return err //nolint:wrapcheck // it says what
	}
	manifest, err := json.Marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{"docker.io/" + name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	path := k.cluster.in("image.tar")
	file, err := os.Create(path)
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	archive := dockertest.NewArchive(file)
	archive.Add(tar.Header{Name: "config.json"}, config)
	archive.Add(tar.Header{Name: "manifest.json"}, manifest)
	archive.Add(tar.Header{Name: "layer.tar"}, layer.Bytes())
	if err := errors.Join(archive.Close(), file.Close()); err != nil {
		return err
	}
	return errors.Join(command(ctx, "ctr", "--address", k.socket, "--namespace", "k8s.io", "images", "import", path), os.Remove(path))
}

func command(ctx context.Context, program string, arguments ...string) error {
	said, err := exec.CommandContext(ctx, program, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err, said)
	}
	return nil
}

// Close ends the node and all that runs on it.
func (k *Kubelet) Close() {
	ctx := context.Background()
	k.Kill()
	k.cluster.Kill("kube-scheduler")
	in := func(words ...string) []string {
		return append([]string{"--address", k.socket, "--namespace", "k8s.io"}, words...)
	}
	tasks, _ := exec.CommandContext(ctx, "ctr", in("tasks", "list", "--quiet")...).Output() //nolint:gosec // ours
	for id := range strings.FieldsSeq(string(tasks)) {
		_ = command(ctx, "ctr", in("tasks", "delete", "--force", id)...) // its shim ends with it
	}
	k.cluster.Kill("containerd")
	mounted, _ := os.ReadFile("/proc/self/mountinfo")
	lines := slices.Collect(strings.Lines(string(mounted)))
	for _, line := range slices.Backward(lines) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], k.cluster.Directory+"/") {
			_ = unix.Unmount(fields[4], unix.MNT_DETACH)
		}
	}
	_ = command(ctx, "ip", "link", "del", k.bridge)
	for name, text := range k.kernel {
		_ = os.WriteFile(name, text, 0o644) //nolint:gosec // it is there
	}
}
