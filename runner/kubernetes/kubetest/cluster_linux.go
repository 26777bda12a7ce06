// Package kubetest has clusters for tests: a real kube-apiserver with the controllers that look after Jobs and what belongs to them, on a real
// etcd, and in place of kubelets a Node, which runs the containers of pods by runc and answers for their logs.
//
// The programs are in the directory that FAIRWAY_TEST_KUBERNETES names; .ci/test-kube makes one.
package kubetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Patience is how long something of a cluster may take before it is called stuck.
const Patience = 5 * time.Minute

// Cluster is one that runs.
type Cluster struct {
	// Directory has all that it is made of.
	Directory string
	address   string
	admin     string
	client    *http.Client
	processes map[string]*process
	etcd      string
}

type process struct {
	cmd   *exec.Cmd
	ended chan error
}

// Programs is the directory of kube-apiserver and kube-controller-manager.
func Programs() (string, error) {
	directory := os.Getenv("FAIRWAY_TEST_KUBERNETES")
	if directory == "" {
		return "", errors.New("make test-kube runs the tests before a cluster")
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager"} {
		if _, err := os.Stat(filepath.Join(directory, name)); err != nil { //nolint:gosec // whoever runs the tests says where
			return "", fmt.Errorf("make test-kube makes it: %w", err)
		}
	}
	return directory, nil
}

// Start starts a cluster with the namespace default, in which the user of RunnerConfig may do what docs/kubernetes.md says, or says why there can be none.
func Start(ctx context.Context) (_ *Cluster, err error) {
	if _, err := Programs(); err != nil {
		return nil, err
	}
	for _, name := range []string{"etcd", "runc", "busybox"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, err //nolint:wrapcheck // it says which
		}
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can run containers")
	}
	directory, err := os.MkdirTemp("", "fairway-kube")
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what
	}
	c := &Cluster{Directory: directory, admin: rand.Text(), processes: map[string]*process{}}
	c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 50}} //nolint:gosec // it is made here, for a test
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if err := c.prepare(); err != nil {
		return nil, err
	}
	if err := c.startEtcd(ctx); err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	c.address = "https://127.0.0.1:" + port
	if err := c.StartServer(ctx); err != nil {
		return nil, err
	}
	if err := c.startControllers(ctx); err != nil {
		return nil, err
	}
	return c, c.await(ctx, "the namespace", func() error {
		return c.Call(ctx, http.MethodGet, "/api/v1/namespaces/default", nil, nil)
	})
}

// prepare writes keys, tokens and configurations.
func (c *Cluster) prepare() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err //nolint:wrapcheck // it says what
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	for name, text := range map[string][]byte{
		"sa.key": pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		"sa.pub": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		"tokens": []byte(c.admin + ",admin,admin,system:masters\n" + runnerToken(c.admin) + ",runner,runner\n"),
	} {
		if err := os.WriteFile(c.in(name), text, 0o600); err != nil {
			return err //nolint:wrapcheck // as above
		}
	}
	return nil
}

// runnerToken is another one than the administrator's.
func runnerToken(admin string) string { return "runner-" + admin }

func (c *Cluster) in(name string) string { return filepath.Join(c.Directory, name) }

// freePort is one that nobody listens on now.
func freePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err //nolint:wrapcheck // it says what
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, errors.Join(err, listener.Close())
}

// start starts a program that writes to a log of its own.
func (c *Cluster) start(ctx context.Context, program string, arguments ...string) error {
	name := filepath.Base(program)
	log, err := os.OpenFile(c.in(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // it says what
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, arguments...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, c.Directory
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err //nolint:wrapcheck // as above
	}
	p := &process{cmd: cmd, ended: make(chan error, 1)}
	go func() { p.ended <- cmd.Wait() }() // ends with the program, at Close
	c.processes[name] = p
	return nil
}

// Kill ends a program as nothing else does.
func (c *Cluster) Kill(name string) {
	p, is := c.processes[name]
	if !is {
		return
	}
	delete(c.processes, name)
	_ = p.cmd.Process.Kill()
	if err := <-p.ended; err == nil {
		fmt.Fprintln(os.Stderr, name, "ended by itself")
	}
}

func (c *Cluster) startEtcd(ctx context.Context) error {
	client, err := freePort(ctx)
	if err != nil {
		return err
	}
	peer, err := freePort(ctx)
	if err != nil {
		return err
	}
	c.etcd = "http://127.0.0.1:" + client
	peers := "http://127.0.0.1:" + peer
	if err := c.start(ctx, "etcd", "--name=test", "--data-dir="+c.in("etcd"), "--listen-client-urls="+c.etcd, "--advertise-client-urls="+c.etcd,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers, "--initial-cluster=test="+peers); err != nil {
		return err
	}
	return c.await(ctx, "etcd", func() error {
		return c.get(ctx, c.etcd+"/health")
	})
}

// StartServer starts the apiserver, anew if it was killed, and waits until it is ready.
func (c *Cluster) StartServer(ctx context.Context) error {
	programs, err := Programs()
	if err != nil {
		return err
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(c.address, "https://"), ":")
	if err := c.start(ctx, filepath.Join(programs, "kube-apiserver"),
		"--etcd-servers="+c.etcd, "--bind-address=127.0.0.1", "--secure-port="+port, "--cert-dir="+c.in("certs"), "--endpoint-reconciler-type=none",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+c.in("sa.pub"), "--service-account-signing-key-file="+c.in("sa.key"),
		"--token-auth-file="+c.in("tokens"), "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount",
		"--kubelet-preferred-address-types=Hostname,InternalIP", "--profiling=false", "--v=1",
	); err != nil {
		return err
	}
	return c.await(ctx, "kube-apiserver", func() error { return c.get(ctx, c.address+"/readyz") })
}

func (c *Cluster) startControllers(ctx context.Context) error {
	programs, err := Programs()
	if err != nil {
		return err
	}
	config, err := c.config("admin", c.admin)
	if err != nil {
		return err
	}
	return c.start(ctx, filepath.Join(programs, "kube-controller-manager"), "--kubeconfig="+config, "--leader-elect=false", "--secure-port=0", "--v=1",
		"--controllers=job-controller,ttl-after-finished-controller,garbage-collector-controller,namespace-controller,serviceaccount-controller",
		"--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-gc-syncs=5")
}

// config writes a kubeconfig.
func (c *Cluster) config(user, token string) (string, error) {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: %[1]s, namespace: default}}]
clusters: [{name: test, cluster: {server: %[2]q, insecure-skip-tls-verify: true}}]
users: [{name: %[1]s, user: {token: %[3]q}}]
`, user, c.address, token)
	path := c.in(user + ".kubeconfig")
	return path, os.WriteFile(path, []byte(text), 0o600) //nolint:wrapcheck // it says what
}

// RunnerConfig is the kubeconfig of a user who has the rights of some manifests, of the Roles and nothing else.
func (c *Cluster) RunnerConfig() (string, error) { return c.config("runner", runnerToken(c.admin)) }

// await tries until something succeeds.
func (c *Cluster) await(ctx context.Context, what string, try func() error) error {
	ctx, stop := context.WithTimeout(ctx, Patience)
	defer stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		for name, p := range c.processes {
			select {
			case ended := <-p.ended:
				p.ended <- ended
				text, _ := os.ReadFile(c.in(name + ".log"))
				return fmt.Errorf("%s: %w\n%s", name, ended, text[max(0, len(text)-4000):])
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (c *Cluster) get(ctx context.Context, address string) error {
	body, err := c.open(ctx, http.MethodGet, address, "", nil)
	if err == nil {
		err = body.Close()
	}
	return err
}

// StatusError is what the server answers in place of what it was asked for.
type StatusError struct {
	Status int
	Text   string
}

func (e *StatusError) Error() string { return strconv.Itoa(e.Status) + " " + e.Text }

func (c *Cluster) open(ctx context.Context, method, address, kind string, body []byte) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what
	}
	request.Header.Set("Authorization", "Bearer "+c.admin)
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	if response.StatusCode/100 == 2 {
		return response.Body, nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	return nil, &StatusError{response.StatusCode, string(text)}
}

// Call asks the apiserver as its administrator. A body of a PATCH is a merge patch.
func (c *Cluster) Call(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	kind := ""
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err //nolint:wrapcheck // it says what
		}
		if kind = "application/json"; method == http.MethodPatch {
			kind = "application/merge-patch+json"
		}
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	answer, err := c.open(ctx, method, c.address+path, kind, text)
	if err != nil {
		return err
	}
	defer answer.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, answer)
		return err //nolint:wrapcheck // as above
	}
	return json.NewDecoder(answer).Decode(into) //nolint:wrapcheck // as above
}

// Close ends all.
func (c *Cluster) Close() {
	for name := range c.processes {
		c.Kill(name)
	}
	if err := os.RemoveAll(c.Directory); err != nil {
		fmt.Fprintln(os.Stderr, "the cluster's directory is left:", err)
	}
}
