//go:build linux

package kill_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/internal/dockertest"
	"github.com/fairway-gateway/fairway/internal/required"
)

const (
	dockerNetwork = "effects"
	dockerImage   = "fairway-test/kill:1"
)

// TestKilledWithDocker kills a gateway that runs executions in containers, the engine's both daemons, and what runs in the containers.
func TestKilledWithDocker(t *testing.T) {
	t.Parallel()
	engine, err := dockertest.Start("--live-restore")
	if err != nil {
		required.Absent(t, "docker", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of the engine's log:\n%s", engine.Log())
		}
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	// Without a volume of its own: what the engine makes for one of an image's, while it builds another from that, nobody knows to be whose.
	var archive bytes.Buffer
	if err := errors.Join(dockertest.Busybox(&archive, nil), engine.Load(dockerImage, &archive)); err != nil {
		t.Fatal(err)
	}
	address, err := engine.Network(dockerNetwork)
	if err != nil {
		t.Fatal(err)
	}
	api, err := engine.API()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			tellContainers(t, api)
		}
		_ = api.Close()
	})
	s := open(t, nil, isolation{
		executor: func(_ *site, home string) string {
			return fmt.Sprintf("executor docker {\n\t\t\t\thost %s\n\t\t\t\tdirectory %s\n\t\t\t\timage %s\n\t\t\t\tpull never\n\t\t\t\tnetwork %s\n\t\t\t}", engine.Host(), home, dockerImage, dockerNetwork)
		},
		host: address, tell: tellByNetcat,
		forgets: true, // an engine that was killed, of what ended before it was there again
		left:    func(s *site, _ []string) error { return errors.Join(emptyEngine(s, api), noProcess(s.dir)) },
	})
	gateway := s.victims[0]
	start := func() {
		if err := engine.Restart("--live-restore"); err != nil {
			t.Fatal(err)
		}
	}
	s.victims = append(
		s.victims,
		victim{"dockerd", func() {
			engine.Kill()
			start()
		}},
		victim{"dockerd and the gateway", func() {
			engine.Kill()
			s.gateway.Kill()
			start()
			gateway.kill()
		}},
		victim{"containerd", func() {
			engine.KillContainerd()
			if err := engine.StartContainerd(); err != nil {
				t.Fatal(err)
			}
			s.await("the engine", engine.Answers)
		}},
		victim{"a container", func() { shoot(s, api) }},
	)
	// Each of them as often.
	r := rand.New(rand.NewPCG(*seed, 2)) //nolint:gosec // no secret
	var chosen []int
	for range max(1, *kills/2) {
		chosen = append(chosen, r.Perm(len(s.victims))...)
	}
	s.kills(r, chosen)
}

// tellContainers logs what the engine says of its containers, and what runs in them.
func tellContainers(t *testing.T, api *client.Client) {
	t.Helper()
	found, err := api.ContainerList(context.WithoutCancel(t.Context()), client.ContainerListOptions{All: true})
	if err != nil {
		t.Log(err)
	}
	for _, item := range found.Items {
		top, err := api.ContainerTop(context.WithoutCancel(t.Context()), item.ID, client.ContainerTopOptions{})
		t.Logf("%v %s, %s: %v %v", item.Names, item.State, item.Status, top.Processes, err)
	}
}

// shoot kills the first process of a container of an attempt, if there is one.
func shoot(s *site, api *client.Client) {
	s.t.Helper()
	found, err := api.ContainerList(s.t.Context(), client.ContainerListOptions{Filters: make(client.Filters).Add("label", "fairway.attempt")})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, item := range found.Items { // the youngest first
		container, err := api.ContainerInspect(s.t.Context(), item.ID, client.ContainerInspectOptions{})
		if err != nil || container.Container.State == nil || container.Container.State.Pid <= 1 {
			continue // it has ended
		}
		pid := container.Container.State.Pid
		process, err := os.FindProcess(pid) // holds on to it, whatever has its number later
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "cgroup"))
		if err != nil || !strings.Contains(string(groups), item.ID) {
			_ = process.Release()
			continue
		}
		s.shot.Store(item.Labels["fairway.attempt"], true)
		err = process.Kill()
		_ = process.Release()
		s.t.Logf("attempt %s: %v", item.Labels["fairway.attempt"], err)
		return
	}
}

// emptyEngine says what an engine still has of executions.
func emptyEngine(s *site, api *client.Client) error {
	containers, err := api.ContainerList(s.t.Context(), client.ContainerListOptions{All: true})
	if err != nil {
		return err
	}
	for _, item := range containers.Items {
		return fmt.Errorf("%d containers are left, as %q, %s, %s, %v", len(containers.Items), item.Names, item.State, item.Command, item.Labels)
	}
	volumes, err := api.VolumeList(s.t.Context(), client.VolumeListOptions{})
	if err != nil {
		return err
	}
	for _, item := range volumes.Items {
		return fmt.Errorf("%d volumes are left, as %s, %v", len(volumes.Items), item.Name, item.Labels)
	}
	return nil
}
