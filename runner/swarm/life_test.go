//go:build linux

package swarm_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

// begin prepares and starts.
func begin(t *testing.T, e executor.Executor, id, text string, limits executor.Limits) executor.Run {
	t.Helper()
	script := executortest.Script(id, map[string]string{"main.sh": "#!/bin/sh\n" + text})
	if err := e.Prepare(t.Context(), script, nil); err != nil {
		t.Fatal(err)
	}
	run, err := e.Start(t.Context(), executor.Attempt{ID: id, Execution: "x-" + id, Number: 1, Script: script, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Forget(t.Context(), id); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return run
}

// What the kernel says of a script's rights, and what it may write.
func TestRights(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.new(t, s.options(t))
	defer e.Close()
	exit, text := executortest.End(t, begin(t, e, "rights", `grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status
id -u; id -g
for place in / /etc /anybody /fairway /fairway/code /fairway/attempt /dev /proc/sys/kernel; do touch $place/x 2>/dev/null && echo writes to $place; done
mount -t tmpfs x /tmp 2>/dev/null && echo mounts
kill -9 1 2>/dev/null; ulimit -c
cat /proc/1/environ 2>/dev/null && echo sees the agent
(echo 9 x >/proc/1/fd/1) 2>/dev/null && echo says what the agent would
`, executor.Limits{}))
	want := `CapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapBnd: 0000000000000000
CapAmb: 0000000000000000
NoNewPrivs: 1
Seccomp: 2
65534
65534
0
`
	if diff := cmp.Diff(want, strings.ReplaceAll(text, "\t", " ")); diff != "" {
		t.Errorf("%+v\n%s", exit, diff)
	}
}

// A gateway that does not know the attempt has nothing of it run.
func TestGatewayRefuses(t *testing.T) {
	t.Parallel()
	s, err := start()
	if err != nil {
		required.Absent(t, "docker", err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	s.gateway.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "not you", http.StatusForbidden)
		return true
	}
	e := s.new(t, s.options(t))
	defer e.Close()
	run := begin(t, e, "refused", "echo POSSIBLE", executor.Limits{})
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Refused || !exit.Started.IsZero() || !strings.Contains(exit.Reason, "403") || text != "" {
		t.Errorf("%+v %s", exit, text)
	}
	if _, err := run.Results(t.Context()); !errors.Is(err, executor.ErrNoResults) {
		t.Errorf("got %v", err)
	}
	// With the attempt all goes that the swarm had of it.
	if err := e.Forget(t.Context(), "refused"); err != nil {
		t.Fatal(err)
	}
	api, err := s.engine.API()
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	left := func() int {
		secrets, err := api.SecretList(t.Context(), client.SecretListOptions{})
		services, err2 := api.ServiceList(t.Context(), client.ServiceListOptions{})
		containers, err3 := api.ContainerList(t.Context(), client.ContainerListOptions{All: true})
		volumes, err4 := api.VolumeList(t.Context(), client.VolumeListOptions{})
		if err := errors.Join(err, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		return len(secrets.Items) + len(services.Items) + len(containers.Items) + len(volumes.Items)
	}
	for deadline := time.Now().Add(executortest.Patience); left() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d things are left", left())
		}
	}
}

// A manager that is killed is asked again. What ran on it ended with it, and is not started a second time.
func TestManagerIsKilled(t *testing.T) {
	t.Parallel()
	s, err := start()
	if err != nil {
		required.Absent(t, "docker", err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	e := s.new(t, s.options(t))
	defer e.Close()
	run := begin(t, e, "killed", "echo one; while :; do sleep 0.05; done", executor.Limits{})
	executortest.Says(t, run, "one")
	ended := make(chan executor.Exit, 1)
	go func() {
		exit, err := run.Wait(t.Context())
		if err != nil {
			t.Error(err)
		}
		ended <- exit
	}()
	s.engine.Kill()
	if _, err := e.Attach(t.Context(), "killed"); !errors.Is(err, executor.ErrAway) {
		t.Errorf("got %v", err)
	}
	if err := s.engine.Restart(); err != nil {
		t.Fatal(err)
	}
	if exit := <-ended; exit.Outcome != executor.Lost || exit.Started.IsZero() {
		t.Errorf("%+v", exit)
	}
	if n := s.gateway.Count("killed"); n != 1 {
		t.Errorf("its files were fetched %d times", n)
	}
}

// An executor says what it needs.
func TestNoSwarm(t *testing.T) {
	t.Parallel()
	s := use(t)
	o := s.options(t)
	o.Network = "no-such-network"
	if _, err := s.try(t, o); err == nil || !strings.Contains(err.Error(), "the swarm has no network no-such-network") {
		t.Errorf("got %v", err)
	}
	o.Host = "unix:///no/such/socket"
	if _, err := s.try(t, o); !errors.Is(err, executor.ErrAway) {
		t.Errorf("got %v", err)
	}
}
