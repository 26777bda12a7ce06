package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/far"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

const (
	// fetchPatience is for how long an agent asks a gateway that does not answer.
	fetchPatience = 10 * time.Minute
	// lastWords is how long an agent has to hand results over, after its script's grace.
	lastWords = 30 * time.Second
	// agentMemory is what the agent needs beside its script, in bytes.
	agentMemory = 64 << 20
)

// Start begins an attempt. The name of its service says that there is one.
func (e *Executor) Start(ctx context.Context, attempt executor.Attempt) (executor.Run, error) {
	if err := attempt.Check(); err != nil {
		return nil, err //nolint:wrapcheck // it says what it is
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	r := &run{executor: e, id: attempt.ID}
	if _, err := r.service(ctx); !errors.Is(err, executor.ErrUnknown) {
		return r, err
	}
	known, err := e.versions.Find(attempt.Script.Version)
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	argv, err := known.Argv(attempt.Script.Command, e.options.Python)
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	image, err := e.options.images().Of(known.Asked)
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	labels := map[string]string{labelAttempt: attempt.ID, labelRunner: e.runner}
	text, err := json.Marshal(agent.Spec{
		Gateway: e.options.Gateway, CA: e.options.GatewayCA, Token: attempt.Token, Execution: attempt.Execution, Python: known.Entry.Python, Argv: argv, Env: far.Environment(attempt),
		Limits: attempt.Limits.WithDefaults(), Patience: fetchPatience,
	})
	if err != nil {
		return nil, fmt.Errorf("write what attempt %s is to do: %w", attempt.ID, err)
	}
	secret, err := e.secret(ctx, swarm.SecretSpec{Annotations: swarm.Annotations{Name: far.Name(attempt.ID), Labels: labels}, Data: text})
	if err != nil {
		return nil, fmt.Errorf("make a secret for attempt %s: %w", attempt.ID, e.explain(err))
	}
	spec := e.job(attempt, image, secret)
	spec.Annotations = swarm.Annotations{Name: far.Name(attempt.ID), Labels: labels}
	_, err = e.engine.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: spec})
	if err != nil && !isTaken(err) { // else another process was faster
		return nil, fmt.Errorf("make a job for attempt %s: %w", attempt.ID, e.explain(err))
	}
	return r, nil
}

// isTaken says that there is something of that name.
func isTaken(err error) bool { return errdefs.IsConflict(err) || errdefs.IsAlreadyExists(err) }

// secret makes a secret, or finds the one that was made.
func (e *Executor) secret(ctx context.Context, spec swarm.SecretSpec) (id string, err error) {
	made, err := e.engine.SecretCreate(ctx, client.SecretCreateOptions{Spec: spec})
	if !isTaken(err) {
		return made.ID, err //nolint:wrapcheck // the caller does
	}
	found, err := e.engine.SecretInspect(ctx, spec.Name, client.SecretInspectOptions{})
	return found.Secret.ID, err //nolint:wrapcheck // as above
}

// job is what the swarm is to run.
func (e *Executor) job(attempt executor.Attempt, image, secret string) swarm.ServiceSpec {
	limits := attempt.Limits.WithDefaults()
	grace, no := limits.Grace+lastWords, false
	memory := limits.Memory + agentMemory
	return swarm.ServiceSpec{
		Mode: swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{MaxConcurrent: new(uint64(1)), TotalCompletions: new(uint64(1))}},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{
				Image: image, Command: []string{e.options.Program, agent.Word, agent.WordTask}, Hostname: "fairway", User: e.user + ":" + e.group, Dir: agent.Work, ReadOnly: true, Init: &no,
				CapabilityDrop: []string{"ALL"}, Privileges: &swarm.Privileges{NoNewPrivileges: true}, StopSignal: "SIGTERM", StopGracePeriod: &grace,
				Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
				Secrets: []*swarm.SecretReference{{
					SecretID: secret, SecretName: far.Name(attempt.ID),
					File: &swarm.SecretReferenceFileTarget{Name: agent.Secret + "/" + agent.SpecFile, UID: e.user, GID: e.group, Mode: 0o400},
				}},
				// What is written to memory counts as the attempt's memory, and cannot fill a node's disk.
				Mounts: []mount.Mount{
					e.memory(agent.Code, max(limits.Disk, 1<<30), limits.Files), e.memory(agent.Work, limits.Disk, limits.Files), e.memory(agent.Temp, limits.Disk, limits.Files),
					e.memory(agent.IO, limits.Results+1<<20, 16),
				},
				Ulimits: []*container.Ulimit{{Name: "core"}},
			},
			Resources: &swarm.ResourceRequirements{
				Limits:       &swarm.Limit{NanoCPUs: limits.CPU, MemoryBytes: memory, Pids: int64(limits.Processes) + agentProcesses},
				Reservations: &swarm.Resources{NanoCPUs: reserved(attempt.CPUReservation, limits.CPU), MemoryBytes: reserved(attempt.MemoryReservation, memory)},
			},
			RestartPolicy: &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionNone},
			Placement:     &swarm.Placement{Constraints: e.options.Constraints},
			Networks:      []swarm.NetworkAttachmentConfig{{Target: e.options.Network}},
			LogDriver:     &swarm.Driver{Name: "local", Options: map[string]string{"max-file": "5", "max-size": strconv.FormatInt(max(limits.Output/2, 1<<20), 10), "compress": "false"}},
		},
	}
}

// agentProcesses are threads of the agent, which count.
const agentProcesses = 32

// memory is a place in memory, of a volume that goes with the container. A mount of type tmpfs would run no programs.
func (e *Executor) memory(place string, size int64, files int) mount.Mount {
	return mount.Mount{Type: mount.TypeVolume, Target: place, VolumeOptions: &mount.VolumeOptions{
		NoCopy: true, Labels: map[string]string{labelRunner: e.runner},
		DriverConfig: &mount.Driver{Name: "local", Options: map[string]string{
			"type": "tmpfs", "device": "tmpfs", "o": fmt.Sprintf("nosuid,nodev,size=%d,nr_inodes=%d,mode=0700,uid=%s,gid=%s", size, files, e.user, e.group),
		}},
	}}
}

// reserved is what is kept free for an attempt: never more than its limit, which is what nothing stands for.
func reserved(asked, limit int64) int64 {
	if asked <= 0 {
		return limit
	}
	return min(asked, limit)
}
