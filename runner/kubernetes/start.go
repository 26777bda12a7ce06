package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// fetchPatience is for how long an agent asks a gateway that does not answer.
const fetchPatience = 10 * time.Minute

// lastWords is how long a pod has to hand results over and to report, after its script's grace.
const lastWords = 30 * time.Second

// Start begins an attempt. The name of its Job says that there is one; who finds a Job without a Secret makes that.
func (e *Executor) Start(ctx context.Context, attempt executor.Attempt) (executor.Run, error) {
	if err := attempt.Check(); err != nil {
		return nil, err //nolint:wrapcheck // it says what it is
	}
	r := &run{executor: e, id: attempt.ID}
	p, err := e.known(attempt.Script.Version)
	var argv []string
	if err == nil {
		argv, err = p.argv(attempt.Script.Command, e.options.Python)
	}
	if err != nil || attempt.Token == "" { // what was begun is given without
		switch j, unknown := r.job(ctx); {
		case unknown == nil && (attempt.Token == "" || j.Metadata.Annotations[noteEnd] != ""):
			return r, nil
		case unknown != nil && !errors.Is(unknown, executor.ErrUnknown):
			return nil, unknown
		case err != nil:
			return nil, err
		}
	}
	j, err := e.create(ctx, r, attempt, p)
	if err != nil {
		return nil, err
	}
	if j.Metadata.Annotations[noteEnd] != "" {
		return r, nil
	}
	return r, e.createSecret(ctx, j, attempt, p, argv)
}

// create makes the Job, or finds the one that another process has made meanwhile.
func (e *Executor) create(ctx context.Context, r *run, attempt executor.Attempt, p *prepared) (*job, error) {
	wanted, err := e.newJob(attempt, p)
	if err != nil {
		return nil, err
	}
	var made job
	err = e.api.call(ctx, http.MethodPost, e.api.jobs(), nil, wanted, &made)
	if statusOf(err) == http.StatusConflict {
		return r.job(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("make a Job for attempt %s: %w", attempt.ID, e.explain(err))
	}
	return &made, nil
}

// createSecret makes what the pod waits for. It goes with the Job.
func (e *Executor) createSecret(ctx context.Context, j *job, attempt executor.Attempt, p *prepared, argv []string) error {
	text, err := json.Marshal(agent.Spec{
		Gateway: e.options.Gateway, CA: e.options.GatewayCA, Token: attempt.Token, Execution: attempt.Execution, Python: p.Entry.Python, Argv: argv, Env: environment(attempt, p),
		Limits: attempt.Limits.WithDefaults(), Patience: fetchPatience,
	})
	if err != nil {
		return fmt.Errorf("write what attempt %s is to do: %w", attempt.ID, err)
	}
	data := map[string][]byte{agent.SpecFile: text}
	if len(p.Wanted) > 0 {
		if data[agent.PackagesFile], err = json.Marshal(agent.Install{Python: e.options.Python, Index: e.options.PipIndex, Wanted: p.Wanted}); err != nil {
			return fmt.Errorf("write what attempt %s requires: %w", attempt.ID, err)
		}
	}
	s := secret{
		APIVersion: "v1", Kind: "Secret", Type: "Opaque", Immutable: true, Data: data,
		Metadata: meta{
			Name: j.Metadata.Name, Labels: map[string]string{labelManager: managerName, labelRunner: e.runner},
			OwnerReferences: []owner{{APIVersion: "batch/v1", Kind: "Job", Name: j.Metadata.Name, UID: j.Metadata.UID}},
		},
	}
	err = e.api.call(ctx, http.MethodPost, e.api.secrets(), nil, s, nil)
	if err != nil && statusOf(err) != http.StatusConflict { // a conflict: it is there
		return fmt.Errorf("make a Secret for attempt %s: %w", attempt.ID, e.explain(err))
	}
	return nil
}

// environment is all variables of a script, beside those of its image. None is the runner's.
func environment(attempt executor.Attempt, p *prepared) map[string]string {
	variables := map[string]string{
		"HOME": agent.Work, "TMPDIR": agent.Temp, "LANG": "C.UTF-8",
		"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
		"OMP_NUM_THREADS": strconv.FormatInt(max((attempt.Limits.WithDefaults().CPU+999_999_999)/1_000_000_000, 1), 10),
		"ENV":             "prod", "EXECUTION_ID": attempt.Execution,
	}
	if len(p.Wanted) > 0 {
		variables["PYTHONPATH"] = agent.Site
	}
	maps.Copy(variables, attempt.Env)
	maps.Copy(variables, map[string]string{
		executor.EnvExecution: attempt.Execution,
		executor.EnvAttempt:   attempt.ID,
		executor.EnvNumber:    strconv.Itoa(attempt.Number),
		executor.EnvScript:    attempt.Script.Slug,
		executor.EnvCode:      agent.Script,
		executor.EnvWork:      agent.Work,
		executor.EnvParams:    agent.Params,
		executor.EnvResults:   agent.Results,
	})
	return variables
}

// newJob is what the cluster is to run.
func (e *Executor) newJob(attempt executor.Attempt, p *prepared) (*job, error) {
	image, err := e.options.images().Of(p.Asked)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it is
	}
	limits := attempt.Limits.WithDefaults()
	said, err := json.Marshal(limits)
	if err != nil {
		return nil, fmt.Errorf("write the limits: %w", err)
	}
	name := jobName(attempt.ID)
	labels := map[string]string{labelManager: managerName, labelRunner: e.runner}
	podLabels := maps.Clone(labels)
	podLabels[labelJob] = name
	return &job{
		APIVersion: "batch/v1", Kind: "Job",
		Metadata: meta{Name: name, Labels: labels, Annotations: map[string]string{noteAttempt: attempt.ID, noteLimits: string(said)}},
		Spec: jobSpec{
			BackoffLimit: new(0), Completions: new(1), Parallelism: new(1), PodReplacementPolicy: "Failed",
			ActiveDeadlineSeconds: seconds(limits.Timeout + limits.Grace + lastWords + e.options.Wait), TTLSecondsAfterFinished: seconds(e.options.Keep),
			Template: template{Metadata: meta{Labels: podLabels, Annotations: map[string]string{noteAttempt: attempt.ID}}, Spec: e.newPod(attempt, p, limits, image)},
		},
	}, nil
}

// newPod is where it runs.
func (e *Executor) newPod(attempt executor.Attempt, p *prepared, limits executor.Limits, image string) podSpec {
	name := jobName(attempt.ID)
	policy := pullPolicies()[e.options.Pull]
	security := &containerSecurity{ReadOnlyRootFilesystem: true, Capabilities: map[string][]string{"drop": {"ALL"}}}
	memory := func(size int64) *emptyDir { return &emptyDir{Medium: "Memory", SizeLimit: strconv.FormatInt(size, 10)} }
	spec := podSpec{
		RestartPolicy: "Never", AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false),
		TerminationGracePeriodSeconds: seconds(limits.Grace + lastWords), RuntimeClassName: e.options.Runtime, PriorityClassName: e.options.Priority, NodeSelector: e.options.Nodes,
		SecurityContext: &podSecurity{RunAsNonRoot: true, RunAsUser: e.user, RunAsGroup: e.group, FSGroup: e.group, SeccompProfile: map[string]string{"type": "RuntimeDefault"}},
		InitContainers: []container{{
			Name: containerFiles, Image: e.options.Agent, ImagePullPolicy: policy, Command: []string{e.options.Program, agent.Word, agent.WordPrepare},
			Env: []variable{ofPod(agent.EnvPod, "metadata.uid")},
			// No more than the script has at most, if that is a processor, since a pod's limit is the largest of its containers.
			Resources:    asked(20_000_000, 64<<20, max(limits.CPU, 1_000_000_000), 256<<20),
			VolumeMounts: []volumeMount{{Name: "attempt", MountPath: agent.Secret, ReadOnly: true}, {Name: "code", MountPath: agent.Code}}, SecurityContext: security,
			TerminationMessagePath: agent.Termination, TerminationMessagePolicy: "FallbackToLogsOnError",
		}},
		Containers: []container{{
			Name: containerScript, Image: image, ImagePullPolicy: policy, Command: []string{agent.Program, agent.Word, agent.WordRun}, WorkingDir: agent.Work,
			Resources: asked(attempt.CPUReservation, attempt.MemoryReservation, limits.CPU, limits.Memory+agentMemory),
			VolumeMounts: []volumeMount{
				{Name: "attempt", MountPath: agent.Secret, ReadOnly: true},
				{Name: "code", MountPath: agent.Code, ReadOnly: true},
				{Name: "work", MountPath: agent.Work},
				{Name: "temp", MountPath: agent.Temp},
				{Name: "io", MountPath: agent.IO},
			},
			SecurityContext: security, TerminationMessagePath: agent.Termination, TerminationMessagePolicy: "File",
		}},
		Volumes: []volume{
			{Name: "attempt", Secret: &secretVolume{SecretName: name, DefaultMode: 0o440, Items: []secretItem{{agent.SpecFile, agent.SpecFile}}}},
			{Name: "code", EmptyDir: &emptyDir{SizeLimit: "2Gi"}},
			// What is written to memory counts as the attempt's memory, and cannot fill a node's disk.
			{Name: "work", EmptyDir: memory(limits.Disk)},
			{Name: "temp", EmptyDir: memory(limits.Disk)},
			{Name: "io", EmptyDir: memory(limits.Results + 1<<20)},
		},
	}
	if len(p.Wanted) > 0 {
		// It is of the script's image, and sees nothing of the attempt; the script sees nothing of the index.
		spec.InitContainers = append(spec.InitContainers, container{
			Name: containerPackages, Image: image, ImagePullPolicy: policy, Command: []string{agent.Program, agent.Word, agent.WordInstall},
			Resources:    asked(20_000_000, 64<<20, max(limits.CPU, 1_000_000_000), 2<<30),
			VolumeMounts: []volumeMount{{Name: "packages", MountPath: agent.Packages, ReadOnly: true}, {Name: "code", MountPath: agent.Code}}, SecurityContext: security,
			TerminationMessagePath: agent.Termination, TerminationMessagePolicy: "FallbackToLogsOnError",
		})
		spec.Volumes = append(spec.Volumes, volume{Name: "packages", Secret: &secretVolume{SecretName: name, DefaultMode: 0o440, Items: []secretItem{{agent.PackagesFile, agent.PackagesFile}}}})
		spec.Volumes[1].EmptyDir.SizeLimit = "8Gi"
	}
	if e.options.PullSecret != "" {
		spec.ImagePullSecrets = []named{{e.options.PullSecret}}
	}
	return spec
}

// Names of a pod's containers.
const (
	containerFiles    = "files"
	containerPackages = "packages"
	containerScript   = "script"
)

// agentMemory is what the agent needs beside its script, in bytes.
const agentMemory = 64 << 20

// asked are requests and limits, of billionths of a processor and of bytes. A request that is not said is the limit.
func asked(cpu, memory, mostCPU, mostMemory int64) resources {
	amounts := func(cpu, memory int64) map[string]string {
		return map[string]string{"cpu": strconv.FormatInt(max(cpu/1_000_000, 1), 10) + "m", "memory": strconv.FormatInt(memory, 10)}
	}
	if cpu == 0 {
		cpu = mostCPU
	}
	if memory == 0 {
		memory = mostMemory
	}
	return resources{Requests: amounts(min(cpu, mostCPU), min(memory, mostMemory)), Limits: amounts(mostCPU, mostMemory)}
}

// seconds are those of a duration, and one more for what is less than one.
func seconds(of time.Duration) *int64 {
	return new(int64((of + time.Second - 1) / time.Second))
}
