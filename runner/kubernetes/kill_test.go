//go:build linux

package kubernetes_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/kubernetes"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
)

var (
	kills = flag.Int("kills", 2, "how often each of runner, agent and server is killed")
	seed  = flag.Uint64("seed", 1, "of the moments at which they are")
)

// moment is a random one within a time.
func moment(random *rand.Rand, within time.Duration) time.Duration {
	return 1 + time.Duration(random.Int64N(int64(within)))
}

// counting is a script that takes about half a second, of which every line and its results are known.
func counting() executor.Script {
	return executortest.Script("counting", map[string]string{
		"main.sh": "#!/bin/sh\ni=0; while [ $i -lt 20 ]; do echo n$i; sleep 0.02; i=$((i+1)); done\necho '{\"done\":true}' >$FAIRWAY_RESULTS\n",
	})
}

// counted is all that it says.
func counted() string {
	var all strings.Builder
	for i := range 20 {
		fmt.Fprintf(&all, "n%d\n", i)
	}
	return all.String()
}

// stdout is what was said there: a shell says on standard error that its sleep was ended.
func stdout(said string) string {
	var kept strings.Builder
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "e:") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// wantOnce fails where the script of an attempt was fetched by more than one pod.
func (s *site) wantOnce(t *testing.T, id string) {
	t.Helper()
	if given := s.gateway.Count(id); given != 1 {
		t.Errorf("%s: its files were fetched %d times", id, given)
	}
}

// madeAgain says whether the controller of Jobs was not answered when it made an attempt's pod, and made another.
func (s *site) madeAgain(t *testing.T, id string) bool {
	t.Helper()
	var events struct {
		Items []struct {
			Reason string `json:"reason"`
		} `json:"items"`
	}
	path := "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=" + kubernetes.JobName(id)
	for deadline := time.Now().Add(kubetest.Patience); ; { // the server may be away still
		err := s.cluster.Call(t.Context(), http.MethodGet, path, nil, &events)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for _, e := range events.Items {
		if e.Reason == "FailedCreate" {
			return true
		}
	}
	return false
}

// TestKilledRunners: a runner is killed at any moment, and the next one goes on: nothing is lost, and nothing runs twice.
func TestKilledRunners(t *testing.T) {
	t.Parallel()
	s := use(t)
	random := rand.New(rand.NewPCG(*seed, 1))
	for i := range *kills {
		id := fmt.Sprintf("killed-runner-%d", i)
		o := s.options(t)
		s.elsewhere(t, told{Options: o, ID: id}, moment(random, 1500*time.Millisecond))
		e := s.opened(t, o)
		run, err := e.Attach(t.Context(), id)
		if errors.Is(err, executor.ErrUnknown) { // as it is where a runner holds what it has not started yet
			run = begin(t, e, attemptOf(id, `{"a":1}`))
		} else if err != nil {
			t.Fatal(err)
		}
		executortest.Says(t, run, "one")
		if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
			t.Fatal(err)
		}
		exit, said := executortest.End(t, run)
		if exit.Outcome != executor.Cancelled || exit.Code != 0 || stdout(said) != "one\ntwo\n" || executortest.Results(t, run) != `{"a":1}` {
			t.Errorf("%s: %+v %q", id, exit, said)
		}
		s.wantOnce(t, id)
		if err := e.Forget(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

// TestKilledAgents: the first process of a pod is killed at any moment. What it did not end is lost, and nothing runs again by itself.
func TestKilledAgents(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.opened(t, s.options(t))
	random := rand.New(rand.NewPCG(*seed, 2))
	outcomes := map[executor.Outcome]int{}
	for i := range *kills {
		id := fmt.Sprintf("killed-agent-%d", i)
		run := begin(t, e, executor.Attempt{ID: id, Execution: "x", Script: counting()})
		time.Sleep(moment(random, 1500*time.Millisecond))
		killed := s.node.KillAgent(kubernetes.JobName(id))
		exit, said := executortest.End(t, run)
		outcomes[exit.Outcome]++
		switch {
		case exit.Outcome == executor.Succeeded:
			if said != counted() || executortest.Results(t, run) != `{"done":true}` {
				t.Errorf("%s: %q", id, said)
			}
		case !killed || exit.Outcome != executor.Lost || !strings.HasPrefix(counted(), said):
			t.Errorf("%s: %+v %q", id, exit, said)
		}
		if s.gateway.Count(id) > 1 {
			s.wantOnce(t, id)
		}
		if err := e.Forget(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	t.Log(outcomes)
}

// TestKilledServers: the apiserver is killed at any moment. What runs goes on, and all of it is known afterwards.
func TestKilledServers(t *testing.T) {
	t.Parallel()
	s, err := newSite()
	if err != nil {
		required.Absent(t, "kubernetes", err)
	}
	t.Cleanup(s.close)
	e := s.opened(t, s.options(t))
	random := rand.New(rand.NewPCG(*seed, 3))
	for i := range *kills {
		id := fmt.Sprintf("killed-server-%d", i)
		killed := make(chan error, 1)
		go func() {
			time.Sleep(moment(random, 1500*time.Millisecond))
			s.cluster.Kill("kube-apiserver")
			killed <- s.cluster.StartServer(t.Context())
		}()
		run := begin(t, e, executor.Attempt{ID: id, Execution: "x", Script: counting()})
		exit, said := executortest.End(t, run)
		if exit.Outcome != executor.Succeeded || said != counted() || executortest.Results(t, run) != `{"done":true}` {
			t.Errorf("%s: %+v %q", id, exit, said)
		}
		if s.madeAgain(t, id) {
			// The pod was made before the server died, the controller did not hear of it, and made another.
			t.Logf("%s: Kubernetes made two pods of it", id)
		} else {
			s.wantOnce(t, id)
		}
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
		if err := e.Forget(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}
