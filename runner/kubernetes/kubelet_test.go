//go:build linux

package kubernetes_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
)

// withKubelet gives a cluster with a kubelet of Kubernetes' own, for who asks for it: it takes the machine's root, and a while.
func withKubelet(t testing.TB) (*site, *kubetest.Kubelet) {
	t.Helper()
	if os.Getenv("FAIRWAY_TEST_KUBELET") == "" {
		t.Skip("make test-kubelet runs this")
	}
	ctx := context.WithoutCancel(t.Context())
	s, err := newCluster(ctx)
	if err != nil {
		required.Absent(t, "kubelet", err)
	}
	t.Cleanup(s.close)
	program, err := s.program()
	if err != nil {
		t.Fatal(err)
	}
	k, err := kubetest.StartKubelet(ctx, s.cluster, program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(k.Address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewUnstartedServer(s.gateway)
	s.server.Listener.Close()
	s.server.Listener = listener
	s.server.Start()
	s.address = s.server.URL
	if err := s.authorize(ctx); err != nil {
		t.Fatal(err)
	}
	return s, k
}

// TestKubelet holds the executor to what the suite asks before a kubelet of Kubernetes' own, and then kills that.
func TestKubelet(t *testing.T) {
	s, k := withKubelet(t)
	t.Run("suite", func(t *testing.T) {
		executortest.Run(t, executortest.Subject{
			Open: func(t testing.TB) (executor.Executor, func() executor.Executor) {
				t.Helper()
				o := s.options(t)
				return s.open(t, o), func() executor.Executor { return s.open(t, o) }
			},
			Lacks: []executortest.Promise{executortest.Kills},
		})
	})
	// What runs goes on, and all of it is known afterwards.
	t.Run("killed", func(t *testing.T) {
		e := s.opened(t, s.options(t))
		random := rand.New(rand.NewPCG(*seed, 4))
		for i := range *kills {
			id := fmt.Sprintf("killed-kubelet-%d", i)
			killed := make(chan error, 1)
			go func() {
				time.Sleep(moment(random, 3*time.Second))
				k.Kill()
				killed <- k.Start(context.WithoutCancel(t.Context()))
			}()
			run := begin(t, e, executor.Attempt{ID: id, Execution: "x", Script: counting()})
			exit, said := executortest.End(t, run)
			if exit.Outcome != executor.Succeeded || said != counted() || executortest.Results(t, run) != `{"done":true}` {
				t.Errorf("%s: %+v %q", id, exit, said)
			}
			s.wantOnce(t, id)
			if err := <-killed; err != nil {
				t.Fatal(err)
			}
			if err := e.Forget(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
	})
}
