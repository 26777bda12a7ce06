package kubetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/internal/dockertest"
)

// Node is a kubelet and a scheduler as far as Jobs of this project need them: volumes (emptyDir, Secret), first containers, users, limits of memory and
// processor, read-only roots, a network of its own for each pod in which nothing but the gateway can be reached, graceful ends, deadlines, exit codes,
// termination messages and logs. It has no filter of system calls, no images but the two that it makes, and starts no container twice.
type Node struct {
	// Processes is how many a container may have, as podPidsLimit of kubelets. Default 100.
	Processes int

	cluster *Cluster
	server  *httptest.Server
	ctx     context.Context //nolint:containedctx // of all that it does
	stop    context.CancelFunc
	all     sync.WaitGroup

	mu      sync.Mutex
	images  map[string]string  // directories
	pods    map[string]*worker // by UID
	gateway string
}

// SetGateway says where what pods send to http://127.0.0.1 goes: the address of a listener.
func (n *Node) SetGateway(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gateway = address
}

// Images that a Node has.
const (
	ImageScript = "fairway-test/busybox:1"
	ImageAgent  = "fairway-test/fairway:1"
	// ImagePython is one with the machine's Python and pip, where AddPython made it.
	ImagePython = "fairway-test/python:1"
	// ImageAway is one that cannot be fetched.
	ImageAway = "fairway-test/away:1"
)

// StartNode adds a node to a cluster. Program is the binary that the image of agents has.
func StartNode(ctx context.Context, c *Cluster, program string) (*Node, error) {
	n := &Node{cluster: c, images: map[string]string{}, pods: map[string]*worker{}, Processes: 100}
	for image, extra := range map[string]string{ImageScript: "", ImageAgent: program} {
		root := filepath.Join(c.Directory, "images", strings.NewReplacer("/", "-", ":", "-").Replace(image))
		if err := makeImage(ctx, root, extra); err != nil {
			return nil, err
		}
		n.images[image] = root
	}
	n.ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	n.server = httptest.NewTLSServer(http.HandlerFunc(n.logs))
	address := strings.TrimPrefix(n.server.URL, "https://")
	_, port, _ := strings.Cut(address, ":")
	number := json.Number(port)
	node := map[string]any{"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": "node"}}
	err := c.Call(ctx, http.MethodPost, "/api/v1/nodes", node, nil)
	if err == nil {
		err = c.Call(ctx, http.MethodPatch, "/api/v1/nodes/node/status", map[string]any{"status": map[string]any{
			"addresses": []any{map[string]string{"type": "InternalIP", "address": "127.0.0.1"}}, "daemonEndpoints": map[string]any{"kubeletEndpoint": map[string]any{"Port": number}},
		}}, nil)
	}
	if err != nil {
		n.Close() //nolint:contextcheck // it ends, whatever ctx does
		return nil, err
	}
	n.all.Go(n.watch)
	return n, nil
}

// makeImage makes a root of the machine's busybox, which needs nothing but itself.
func makeImage(ctx context.Context, root, program string) error {
	box, err := exec.LookPath("busybox")
	if err != nil {
		return err //nolint:wrapcheck // it says what
	}
	applets, err := exec.CommandContext(ctx, box, "--list").Output()
	for _, name := range []string{"bin", "usr/bin", "etc", "proc", "dev", "sys", "tmp", "fairway/attempt", "fairway/packages", "fairway/code", "fairway/work", "fairway/io"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(root, name), 0o755)) //nolint:gosec // others run in it
	}
	err = errors.Join(err,
		copyFile(box, filepath.Join(root, "bin/busybox"), 0o755),
		os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0::/:/bin/sh\n"), 0o644), //nolint:gosec // as everywhere
		os.WriteFile(filepath.Join(root, "etc/shadow"), []byte("root:*::::::\n"), 0o600),
	)
	for name := range strings.FieldsSeq(string(applets)) {
		if name != "busybox" {
			err = errors.Join(err, os.Symlink("/bin/busybox", filepath.Join(root, "bin", name)))
		}
	}
	err = errors.Join(err, os.Symlink("/bin/busybox", filepath.Join(root, "usr/bin/env")))
	if program != "" {
		err = errors.Join(err, copyFile(program, filepath.Join(root, "usr/bin/fairway"), 0o755))
	}
	return err
}

// AddPython makes ImagePython, or says why there can be none.
func (n *Node) AddPython(ctx context.Context) error {
	root := filepath.Join(n.cluster.Directory, "images", "python")
	if err := makeImage(ctx, root, ""); err != nil {
		return err
	}
	unpack := exec.CommandContext(ctx, "tar", "-x", "-C", root)
	in, err := unpack.StdinPipe()
	if err != nil {
		return err //nolint:wrapcheck // it says what
	}
	if err := unpack.Start(); err != nil {
		return err //nolint:wrapcheck // as above
	}
	if err := errors.Join(dockertest.Python(in, nil), in.Close(), unpack.Wait()); err != nil { //nolint:contextcheck // it asks nobody
		return fmt.Errorf("make an image with Python: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.images[ImagePython] = root
	return nil
}

func copyFile(from, to string, mode os.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err //nolint:wrapcheck // it says what
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// watch follows all pods until Close.
func (n *Node) watch() {
	for n.ctx.Err() == nil {
		if err := n.follow(); err != nil && n.ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// follow lists pods and watches them until that breaks off.
func (n *Node) follow() error {
	var all struct {
		Metadata meta  `json:"metadata"`
		Items    []pod `json:"items"`
	}
	if err := n.cluster.Call(n.ctx, http.MethodGet, "/api/v1/pods", nil, &all); err != nil {
		return err
	}
	there := map[string]bool{}
	for i := range all.Items {
		there[all.Items[i].Metadata.UID] = true
		n.tell(&all.Items[i], false)
	}
	n.mu.Lock()
	for uid, w := range n.pods {
		if !there[uid] {
			w.gone()
		}
	}
	n.mu.Unlock()
	body, err := n.cluster.open(n.ctx, http.MethodGet, n.cluster.address+"/api/v1/pods?watch=true&resourceVersion="+all.Metadata.ResourceVersion, "", nil)
	if err != nil {
		return err
	}
	defer body.Close()
	events := json.NewDecoder(body)
	for {
		var event struct {
			Type   string `json:"type"`
			Object pod    `json:"object"`
		}
		if err := events.Decode(&event); err != nil || event.Type == "ERROR" {
			return errors.Join(err, errors.New("the watch broke off"))
		}
		n.tell(&event.Object, event.Type == "DELETED")
	}
}

// tell has a pod's worker know how the pod is to be.
func (n *Node) tell(p *pod, deleted bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.pods[p.Metadata.UID]
	switch {
	case deleted:
		if w != nil {
			w.gone()
		}
	case p.Spec.NodeName == "":
		if p.Metadata.DeletionTimestamp == nil {
			n.all.Go(func() { n.bind(p) })
		}
	case w == nil:
		if p.Status.Phase != "Pending" {
			return // another node's, that is no more
		}
		w = newWorker(n, p)
		n.pods[p.Metadata.UID] = w
		n.all.Go(func() {
			w.run()
			<-w.removed
			w.clear()
			n.mu.Lock()
			defer n.mu.Unlock()
			delete(n.pods, p.Metadata.UID)
		})
	default:
		w.change(p)
	}
}

// bind gives a pod its node.
func (n *Node) bind(p *pod) {
	// An error is one of who was faster, or it is told again of the pod.
	_ = n.cluster.Call(n.ctx, http.MethodPost, "/api/v1/namespaces/"+p.Metadata.Namespace+"/pods/"+p.Metadata.Name+"/binding", map[string]any{
		"apiVersion": "v1", "kind": "Binding", "metadata": map[string]string{"name": p.Metadata.Name}, "target": map[string]string{"apiVersion": "v1", "kind": "Node", "name": "node"},
	}, nil)
}

// worker gives the worker of a pod that is named so.
func (n *Node) worker(namespace, name string) *worker {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.pods {
		if w.who.Namespace == namespace && w.who.Name == name {
			return w
		}
	}
	return nil
}

// Running is how many pods there are that are not removed yet.
func (n *Node) Running() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.pods)
}

// KillAgent kills the first process of the container of a Job, as a node without memory would, and says whether it ran.
func (n *Node) KillAgent(job string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.pods {
		if strings.HasPrefix(w.who.Name, job+"-") {
			return n.signal(w.id("script"), unix.SIGKILL) == nil
		}
	}
	return false
}

// runc does something with a container.
func (n *Node) runc(arguments ...string) *exec.Cmd {
	return exec.CommandContext(context.Background(), "runc", append([]string{"--root", filepath.Join(n.cluster.Directory, "runc")}, arguments...)...) //nolint:gosec // ours
}

func (n *Node) signal(id string, signal unix.Signal) error {
	said, err := n.runc("kill", id, strconv.Itoa(int(signal))).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	return nil
}

// Close ends all pods.
func (n *Node) Close() {
	n.stop()
	n.mu.Lock()
	for _, w := range n.pods {
		_ = n.signal(w.id("files"), unix.SIGKILL)
		_ = n.signal(w.id("script"), unix.SIGKILL)
		w.gone()
	}
	n.mu.Unlock()
	n.all.Wait()
	n.server.CloseClientConnections()
	n.server.Close()
}
