//go:build linux

package swarm_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fairway-gateway/fairway/internal/dockertest"
	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
	"github.com/fairway-gateway/fairway/runner/swarm"
)

const (
	image   = "fairway-test/task:1"
	network = "tasks"
)

// site is a swarm of one node, and a gateway that its tasks reach.
type site struct {
	engine  *dockertest.Engine
	gateway *kubetest.Gateway
	server  *http.Server
	address string
}

// shared is the swarm of most tests.
var shared = sync.OnceValues(func() (*site, error) {
	asked.Store(true)
	return start()
})

// start makes a swarm.
func start() (*site, error) {
	// Images of tests are in no registry, where swarms look for them first.
	if err := os.Setenv("DOCKER_SERVICE_PREFER_OFFLINE_IMAGE", "1"); err != nil {
		return nil, err
	}
	engine, err := dockertest.Start()
	if err != nil {
		return nil, err
	}
	s := &site{engine: engine, gateway: kubetest.NewGateway()}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return s, nil
}

func (s *site) close() error { return errors.Join(s.server.Close(), s.engine.Close()) }

// asked says that somebody wanted the swarm.
var asked atomic.Bool

func (s *site) open() error {
	dir, err := os.MkdirTemp("", "fairway-swarm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "fairway")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", program, "github.com/fairway-gateway/fairway/runner/kubernetes/kubetest/fairway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := dockertest.Busybox(&archive, func(a *dockertest.Archive) { a.Add(tar.Header{Name: "usr/bin/fairway"}, text) }); err != nil {
		return err
	}
	if err := s.engine.Load(image, &archive); err != nil {
		return err
	}
	address, err := s.engine.Swarm(network)
	if err != nil {
		return err
	}
	// The address is there with the first task: until then it is listened for on all.
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", ":0")
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return err
	}
	s.address = "http://" + net.JoinHostPort(address, port)
	s.server = &http.Server{Handler: s.gateway, ReadHeaderTimeout: executortest.Patience}
	go func() { _ = s.server.Serve(listener) }() // until it is closed
	return nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if asked.Load() {
		if s, err := shared(); err == nil {
			if err := s.close(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = max(code, 1)
			}
		}
	}
	os.Exit(code)
}

// use gives the swarm.
func use(t testing.TB) *site {
	t.Helper()
	s, err := shared()
	if err != nil {
		required.Absent(t, "docker", err)
	}
	return s
}

func (s *site) options(t testing.TB) swarm.Options {
	t.Helper()
	return swarm.Options{Host: s.engine.Host(), Directory: t.TempDir(), Image: image, Gateway: s.address, Network: network}
}

func (s *site) try(t testing.TB, o swarm.Options) (*swarm.Executor, error) {
	t.Helper()
	return swarm.New(t.Context(), o, s.gateway)
}

func (s *site) new(t testing.TB, o swarm.Options) executor.Executor {
	t.Helper()
	e, err := s.try(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return s.gateway.Executor(e)
}

func TestSuite(t *testing.T) {
	t.Parallel()
	s := use(t)
	executortest.Run(t, executortest.Subject{
		Open: func(t testing.TB) (executor.Executor, func() executor.Executor) {
			t.Helper()
			o := s.options(t)
			return s.new(t, o), func() executor.Executor { return s.new(t, o) }
		},
		Lacks: []executortest.Promise{executortest.Kills, executortest.Hurries, executortest.Recalls},
	})
}
