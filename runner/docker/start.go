package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// Places in a container.
const (
	placeScript       = "/fairway/script"
	placeSite         = "/fairway/site"
	placeHarness      = "/fairway/harness.py"
	placeRequirements = "/fairway/requirements.txt"
	placeWork         = "/fairway/work"
	placeIO           = "/fairway/io"
	nameParams        = "params.json"
	nameResults       = "results.json"
	nameCause         = "cause"
	nameExit          = "exit" // what the script exited with, as the shell writes it that waited for it
)

// begin is what a shell does before the script: it leaves a trace in the volume, and makes links to the script's files beside what it will write; parameters
// are on its standard input. Where there is a trace it does not go on: an engine that was killed may have started what it does not know of, and start it again.
// After the script it writes what that exited with: an engine that was killed believes that what it finds no more has exited with 0. Signals are for the script
// alone, which the init sends them to as well; and of a script that one has ended the shell would say so among what the script says.
const begin = `[ "$FAIRWAY_RESULTS" -nt "$FAIRWAY_PARAMS" ] && echo "The engine has started it before, and it is not started twice." >&2 && exit 125
: >"$FAIRWAY_RESULTS"
for f in "$FAIRWAY_SCRIPT_DIR"/* "$FAIRWAY_SCRIPT_DIR"/.[!.]*; do [ -e "$f" ] && ln -s "$f" .; done 2>/dev/null
trap : HUP INT QUIT TERM USR1 USR2
exec 3>&2 2>/dev/null
"$@" <"$FAIRWAY_PARAMS" 2>&3 3>&-
code=$?
echo "$code" >"${FAIRWAY_RESULTS%/*}/exit"
exit "$code"`

// Start begins an attempt. Its name says that there is one: who finds one that was made and not started goes on with it.
func (e *Executor) Start(ctx context.Context, attempt executor.Attempt) (executor.Run, error) {
	if err := attempt.Check(); err != nil {
		return nil, err
	}
	unlock, err := e.locks.lock(ctx, "start "+attempt.ID)
	if err != nil {
		return nil, err
	}
	defer unlock()
	r := &run{executor: e, id: attempt.ID}
	found, err := r.inspect(ctx)
	if errors.Is(err, executor.ErrUnknown) {
		var made *prepared
		if made, err = e.create(ctx, attempt); err != nil {
			return nil, err
		}
		if made != nil { // just now, so nobody has asked it to end
			return r, e.begin(ctx, r, attempt, made.shell)
		}
		found, err = r.inspect(ctx)
	}
	if err != nil {
		return nil, err
	}
	if found.State.Status != container.StateCreated || found.State.Error != "" && !withoutContainerd(found.State.Error) {
		e.watch(found)
		return r, nil
	}
	return r, e.launch(ctx, r, attempt, found.Config.Labels[labelShell] == "yes")
}

// launch starts a container that was made, and perhaps was started without the engine's knowing.
func (e *Executor) launch(ctx context.Context, r *run, attempt executor.Attempt, shell bool) error {
	switch _, asked, err := r.cause(ctx); {
	case err != nil:
		return err
	case asked:
		return nil // it was ended before it began
	}
	switch asked, began, err := r.trace(ctx); {
	case err != nil:
		return err
	case !began.IsZero():
		return nil // how it ended is for who waits for that
	case asked:
		return e.start(ctx, r, attempt)
	}
	return e.begin(ctx, r, attempt, shell)
}

// begin starts a container that nobody has asked to start, or to end.
func (e *Executor) begin(ctx context.Context, r *run, attempt executor.Attempt, shell bool) error {
	params := attempt.Params
	if len(params) == 0 {
		params = []byte("{}")
	}
	since := time.Now() // without a shell nobody leaves a trace: what may have begun has
	if shell {
		since = traceless()
	}
	// The directory of the volume is root's, so these files stay those that they are: nothing else can be made beside them or in their place.
	if err := r.put(ctx,
		file{name: nameParams, mode: 0o444, text: params, at: since},
		file{name: nameResults, mode: 0o600, user: e.user, group: e.group, at: since},
		file{name: nameExit, mode: 0o600, user: e.user, group: e.group},
	); err != nil {
		return err
	}
	return e.start(ctx, r, attempt)
}

// traceless is when the file for results was changed the last time where nothing has begun.
func traceless() time.Time { return time.Unix(1, 0) }

// trace says whether a container was to be started, and when what runs in it has begun; the zero: it has not.
func (r *run) trace(ctx context.Context) (asked bool, began time.Time, err error) {
	found, err := r.executor.engine.ContainerStatPath(ctx, r.name(), client.ContainerStatPathOptions{Path: path.Join(placeIO, nameResults)})
	switch {
	case errdefs.IsNotFound(err):
		return false, time.Time{}, nil
	case err != nil:
		return false, time.Time{}, fmt.Errorf("look whether attempt %s has begun: %w", r.id, r.executor.explain(err))
	case found.Stat.Mtime.After(traceless()):
		return true, found.Stat.Mtime.UTC(), nil
	}
	return true, time.Time{}, nil
}

// start has the engine start a container.
func (e *Executor) start(ctx context.Context, r *run, attempt executor.Attempt) error {
	_, err := e.engine.ContainerStart(ctx, r.name(), client.ContainerStartOptions{})
	if err != nil {
		found, inspected := r.inspect(ctx)
		if inspected != nil || found.State.Error == "" || withoutContainerd(found.State.Error) {
			return fmt.Errorf("start attempt %s: %w", r.id, e.explain(err))
		}
		return nil // that it could not is how it ended
	}
	e.deadlines.add(r.id, time.Now().Add(attempt.Limits.WithDefaults().Timeout))
	return nil
}

// create makes a container of the image that it gives; nil: there is a container.
func (e *Executor) create(ctx context.Context, attempt executor.Attempt) (*prepared, error) {
	image, err := e.prepared(ctx, attempt.Script.Version)
	if err != nil {
		return nil, err
	}
	argv, err := image.argv(attempt.Script.Command, e.options.Python)
	if err != nil {
		return nil, err
	}
	limits := attempt.Limits.WithDefaults()
	said, err := json.Marshal(limits)
	if err != nil {
		return nil, fmt.Errorf("write the limits: %w", err)
	}
	config := &container.Config{
		Image: image.id, User: fmt.Sprintf("%d:%d", e.user, e.group), WorkingDir: placeWork, Entrypoint: argv, Cmd: []string{},
		Env: e.environment(attempt, image), Hostname: "fairway", StopSignal: "SIGTERM", Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		Labels: map[string]string{
			labelAttempt: attempt.ID, labelRunner: e.runner, labelVersion: attempt.Script.Version, labelLimits: string(said),
			labelDeadline: time.Now().Add(limits.Timeout).UTC().Format(time.RFC3339Nano),
		},
	}
	_, err = e.engine.ContainerCreate(ctx, client.ContainerCreateOptions{Config: config, HostConfig: e.hostConfig(attempt, image), Name: containerName(attempt.ID)})
	switch {
	case errdefs.IsConflict(err): // another runner was faster
		return nil, nil //nolint:nilnil // as is said above
	case err != nil:
		return nil, fmt.Errorf("make a container for attempt %s: %w", attempt.ID, e.explain(err))
	}
	return image, nil
}

// hostConfig is what the container may have and do.
func (e *Executor) hostConfig(attempt executor.Attempt, image *prepared) *container.HostConfig {
	limits := attempt.Limits.WithDefaults()
	most := max(limits.Memory, leastMemory)
	yes, processes := true, int64(limits.Processes)+2 // and the init, and the shell
	// What is written to memory counts as the attempt's memory.
	memory := func(mode string) string {
		return fmt.Sprintf("rw,nosuid,nodev,exec,size=%d,nr_inodes=%d,mode=%s,uid=%d,gid=%d", limits.Disk, limits.Files, mode, e.user, e.group)
	}
	places := map[string]string{placeWork: memory("0700"), "/tmp": memory("0700")}
	for _, place := range image.volumes { // the image would have them on the engine's disk
		if place = path.Clean(place); place != placeIO && place != "/" {
			places[place] = memory("0700")
		}
	}
	ulimits := []*container.Ulimit{
		{Name: "nofile", Soft: int64(limits.OpenFiles), Hard: int64(limits.OpenFiles)},
		{Name: "core"},
		// The one file that is on the engine's disk is the results.
		{Name: "fsize", Soft: max(limits.Disk, limits.Results+1), Hard: max(limits.Disk, limits.Results+1)},
	}
	if limits.CPUTime > 0 {
		seconds := int64((limits.CPUTime + time.Second - 1) / time.Second)
		ulimits = append(ulimits, &container.Ulimit{Name: "cpu", Soft: seconds, Hard: seconds + 1})
	}
	return &container.HostConfig{
		NetworkMode: container.NetworkMode(e.options.Network), Runtime: e.options.Runtime,
		ReadonlyRootfs: true, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, IpcMode: "private", Init: &yes, OomScoreAdj: 500,
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig:     logConfig(limits.Output),
		Tmpfs:         places, ShmSize: min(limits.Disk, 64<<20),
		Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: containerName(attempt.ID), Target: placeIO, VolumeOptions: &mount.VolumeOptions{NoCopy: true, Labels: map[string]string{labelRunner: e.runner}}}},
		Resources: container.Resources{
			Memory: most, MemorySwap: most, MemoryReservation: max(reserved(attempt.MemoryReservation, most), leastMemory), NanoCPUs: limits.CPU, PidsLimit: &processes, Ulimits: ulimits,
			// 1024 of them are one processor, where all are wanted.
			CPUShares: min(max(leastShares, int64(float64(reserved(attempt.CPUReservation, limits.CPU))/1e9*1024)), mostShares),
		},
	}
}

const (
	// leastMemory is what engines ask for.
	leastMemory = 6 << 20
	// leastShares and mostShares are what the kernel takes.
	leastShares, mostShares = 2, 1 << 18
)

// reserved is what is kept free for an attempt: never more than its limit, which is what nothing stands for.
func reserved(asked, limit int64) int64 {
	if asked <= 0 {
		return limit
	}
	return min(asked, limit)
}

// environment is all variables of a script, beside those of its image. None is the runner's.
func (e *Executor) environment(attempt executor.Attempt, image *prepared) []string {
	variables := map[string]string{
		"HOME": placeWork, "TMPDIR": "/tmp", "LANG": "C.UTF-8",
		"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
		"OMP_NUM_THREADS": strconv.FormatInt(max((attempt.Limits.WithDefaults().CPU+999_999_999)/1_000_000_000, 1), 10),
		"ENV":             "prod", "EXECUTION_ID": attempt.Execution,
		"TINI_KILL_PROCESS_GROUP": "1", // the engine's init asks children, too
	}
	if image.site {
		variables["PYTHONPATH"] = placeSite
	}
	maps.Copy(variables, attempt.Env)
	maps.Copy(variables, map[string]string{
		executor.EnvExecution: attempt.Execution,
		executor.EnvAttempt:   attempt.ID,
		executor.EnvNumber:    strconv.Itoa(attempt.Number),
		executor.EnvScript:    attempt.Script.Slug,
		executor.EnvCode:      placeScript,
		executor.EnvWork:      placeWork,
		executor.EnvParams:    placeIO + "/" + nameParams,
		executor.EnvResults:   placeIO + "/" + nameResults,
	})
	list := make([]string, 0, len(variables))
	for name, value := range variables {
		if !strings.Contains(value, "\x00") {
			list = append(list, name+"="+value)
		}
	}
	slices.Sort(list)
	return list
}

// argv is what is run.
func (p *prepared) argv(command []string, python string) ([]string, error) {
	var words []string
	switch {
	case len(command) > 0:
		words = slices.Clone(command)
		if strings.Contains(words[0], "/") && !path.IsAbs(words[0]) {
			if !filepath.IsLocal(words[0]) {
				return nil, fmt.Errorf("the command %.100q is no file of the script", words[0])
			}
			words[0] = path.Join(placeScript, words[0])
		}
	case p.entry.Python:
		words = []string{python, placeHarness}
	case p.entry.File != "":
		words = append(slices.Clone(p.entry.Interpreter), path.Join(placeScript, p.entry.File))
	default:
		return nil, errors.New("it is not known how to run the script: it needs src/main.py, a file main, or command in configuration.json")
	}
	if p.shell {
		words = append([]string{"/bin/sh", "-c", begin, "sh"}, words...)
	}
	return words, nil
}

// file is one of the volume.
type file struct {
	name        string
	mode        int64
	user, group int
	text        []byte
	at          time.Time // the zero: now
}

// put writes files into the volume.
func (r *run) put(ctx context.Context, files ...file) error {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, f := range files {
		if f.at.IsZero() {
			f.at = time.Now()
		}
		err := writer.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Uid: f.user, Gid: f.group, Size: int64(len(f.text)), ModTime: f.at})
		if err == nil {
			_, err = writer.Write(f.text)
		}
		if err != nil {
			return fmt.Errorf("write %s for attempt %s: %w", f.name, r.id, err)
		}
	}
	if err := writer.Close(); err != nil {
		return fmt.Errorf("write for attempt %s: %w", r.id, err)
	}
	_, err := r.executor.engine.CopyToContainer(ctx, r.name(), client.CopyToContainerOptions{DestinationPath: placeIO, Content: &archive})
	if err != nil {
		return fmt.Errorf("write for attempt %s: %w", r.id, r.executor.explain(err))
	}
	return nil
}
