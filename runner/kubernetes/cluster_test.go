//go:build linux

package kubernetes_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
)

// page is the documentation.
const page = "../../docs/kubernetes.md"

// site is a cluster with a node and a gateway.
type site struct {
	cluster *kubetest.Cluster
	node    *kubetest.Node
	gateway *kubetest.Gateway
	server  *httptest.Server
	address string // of the gateway, as pods know it
	config  string // of a user with the rights of the documentation
}

// newSite starts one, or says why there can be none.
func newSite() (_ *site, err error) {
	ctx := context.Background()
	s, err := newCluster(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	program, err := s.program()
	if err != nil {
		return nil, err
	}
	if s.node, err = kubetest.StartNode(ctx, s.cluster, program); err != nil {
		return nil, err
	}
	s.server = httptest.NewServer(s.gateway)
	s.node.SetGateway(strings.TrimPrefix(s.server.URL, "http://"))
	return s, s.authorize(ctx)
}

// newCluster starts one without a node.
func newCluster(ctx context.Context) (*site, error) {
	cluster, err := kubetest.Start(ctx)
	if err != nil {
		return nil, err
	}
	return &site{cluster: cluster, gateway: kubetest.NewGateway(), address: "http://127.0.0.1"}, nil
}

// program is the binary that pods have.
func (s *site) program() (string, error) {
	if program := os.Getenv("FAIRWAY_TEST_PROGRAM"); program != "" {
		return program, nil
	}
	program := filepath.Join(s.cluster.Directory, "fairway")
	build := exec.Command("go", "build", "-o", program, "./kubetest/fairway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return program, nil
}

// authorize makes the user that executors are.
func (s *site) authorize(ctx context.Context) (err error) {
	if err := s.cluster.Allow(ctx, page); err != nil {
		return err
	}
	s.config, err = s.cluster.RunnerConfig()
	return err
}

func (s *site) close() {
	if s.node != nil {
		s.node.Close()
	}
	if s.server != nil {
		s.server.Close()
	}
	s.cluster.Close()
}

// shared is the cluster of most tests.
var shared = sync.OnceValues(func() (*site, error) {
	asked.Store(true)
	return newSite()
})

// asked says that somebody wanted the shared cluster.
var asked atomic.Bool

func TestMain(m *testing.M) {
	if text := os.Getenv("FAIRWAY_TEST_RUNNER"); text != "" {
		runner(text)
	}
	code := m.Run()
	if asked.Load() {
		if s, err := shared(); err == nil {
			s.close()
		}
	}
	os.Exit(code)
}

// use gives the shared cluster.
func use(t testing.TB) *site {
	t.Helper()
	s, err := shared()
	if err != nil {
		required.Absent(t, "kubernetes", err)
	}
	return s
}

// options are those of most tests.
func (s *site) options(t testing.TB) kubernetes.Options {
	t.Helper()
	return kubernetes.Options{
		Kubeconfig: s.config, Directory: t.TempDir(), Image: kubetest.ImageScript, Environments: map[string]string{"away": kubetest.ImageAway},
		Agent: kubetest.ImageAgent, Gateway: s.address, Pull: "never",
	}
}

// open opens an executor.
func (s *site) open(t testing.TB, options kubernetes.Options) executor.Executor {
	t.Helper()
	e, err := kubernetes.New(t.Context(), options, s.gateway)
	if err != nil {
		t.Fatal(err)
	}
	return s.gateway.Executor(e)
}

// opened opens an executor whose attempts are forgotten when the test ends.
func (s *site) opened(t testing.TB, options kubernetes.Options) executor.Executor {
	t.Helper()
	e := s.open(t, options)
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), kubetest.Patience)
		defer stop()
		ids, err := e.Attempts(ctx)
		for _, id := range ids {
			err = errors.Join(err, e.Forget(ctx, id))
		}
		if err := errors.Join(err, e.Close()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// begin prepares and starts.
func begin(t testing.TB, e executor.Executor, attempt executor.Attempt) executor.Run {
	t.Helper()
	if err := e.Prepare(t.Context(), attempt.Script, nil); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(kubetest.Patience); ; {
		run, err := e.Start(t.Context(), attempt)
		switch {
		case err == nil:
			return run
		case !errors.Is(err, executor.ErrAway) || time.Now().After(deadline): // else it is asked again, as runners do
			t.Fatal(err)
		}
	}
}
