//go:build linux

package docker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/internal/dockertest"
	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/docker"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

// patient is a script that goes on until it is asked to end, which it then does well.
func patient() executor.Script {
	return executortest.Script("patient", map[string]string{"main.sh": `#!/bin/sh
trap 'echo two; cat >$FAIRWAY_RESULTS <$FAIRWAY_PARAMS; exit 0' TERM
echo one
while :; do sleep 0.05; done
`})
}

// runner is a process of its own that starts an attempt, asks it to end if it is told to, and does nothing more.
func runner(text string) {
	var told struct {
		Options docker.Options
		ID      string
		Cancel  bool
	}
	ctx := context.Background()
	err := json.Unmarshal([]byte(text), &told)
	if err != nil {
		panic(err)
	}
	e, err := docker.New(ctx, told.Options)
	if err == nil {
		if err = e.Prepare(ctx, patient(), nil); err == nil {
			var run executor.Run
			run, err = e.Start(ctx, executor.Attempt{ID: told.ID, Script: patient(), Params: []byte(`{"a":1}`), Limits: executor.Limits{Grace: 2 * time.Second}})
			if err == nil && told.Cancel {
				err = run.Cancel(ctx, executor.CauseCancel)
			}
		}
	}
	fmt.Println("started", err)
	select {}
}

// elsewhere has another process do what runner does, and kills it as soon as it has.
func elsewhere(t *testing.T, o docker.Options, id string, cancel bool) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Options": o, "ID": id, "Cancel": cancel})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "FAIRWAY_TEST_RUNNER="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	killed := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
	if killed != nil || err != nil || line != "started <nil>\n" {
		t.Fatalf("%q %v %v", line, err, killed)
	}
}

func TestRunnerIsKilled(t *testing.T) {
	t.Parallel()
	o := options(t)
	elsewhere(t, o, "killed-runner", false)
	e := open(t, o)
	ids, err := e.Attempts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"killed-runner"}, ids); diff != "" {
		t.Error(diff)
	}
	run, err := e.Attach(t.Context(), "killed-runner")
	if err != nil {
		t.Fatal(err)
	}
	executortest.Says(t, run, "one")
	if err := run.Cancel(t.Context(), executor.CauseTimeout); err != nil {
		t.Fatal(err)
	}
	if exit, text := executortest.End(t, run); exit.Outcome != executor.TimedOut || exit.Code != 0 || !strings.Contains(text, "two\n") || executortest.Results(t, run) != `{"a":1}` {
		t.Errorf("%+v %s", exit, text)
	}
}

func TestRunnerIsKilledInTheGrace(t *testing.T) {
	t.Parallel()
	o := options(t)
	elsewhere(t, o, "killed-in-grace", true)
	e := open(t, o)
	run, err := e.Attach(t.Context(), "killed-in-grace")
	if err != nil {
		t.Fatal(err)
	}
	// Nobody asks again: the engine does it.
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Cancelled || exit.Reason != "it was cancelled" {
		t.Errorf("%+v %s", exit, text)
	}
}

// Runners at one engine do not see each other's attempts, and end those whose runner did not.
func TestRunnersAtOneEngine(t *testing.T) {
	t.Parallel()
	o := options(t)
	first, second := open(t, o), open(t, options(t))
	run := begin(t, first, executor.Attempt{ID: "others", Script: patient()})
	executortest.Says(t, run, "one")
	if ids, err := second.Attempts(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("%q %v", ids, err)
	}
	again := open(t, o)
	if ids, err := again.Attempts(t.Context()); err != nil || len(ids) != 1 {
		t.Errorf("%q %v", ids, err)
	}
}

// A container that was made and not started is started by whoever starts the attempt, and by nobody else.
func TestStartThatWasCutOff(t *testing.T) {
	t.Parallel()
	o := options(t)
	e := open(t, o)
	script := patient()
	if err := e.Prepare(t.Context(), script, nil); err != nil {
		t.Fatal(err)
	}
	attempt := executor.Attempt{ID: "cut-off", Script: script, Params: []byte(`{"b":2}`)}
	if err := e.Create(t.Context(), attempt); err != nil {
		t.Fatal(err)
	}
	run, err := e.Attach(t.Context(), attempt.ID)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	if exit, err := run.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v %v", exit, err)
	}
	if run, err = e.Start(t.Context(), attempt); err != nil {
		t.Fatal(err)
	}
	executortest.Says(t, run, "one")
	// One that was ended before it began never does.
	attempt.ID = "cut-off-and-ended"
	if err := e.Create(t.Context(), attempt); err != nil {
		t.Fatal(err)
	}
	if run, err = e.Attach(t.Context(), attempt.ID); err != nil {
		t.Fatal(err)
	}
	if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if run, err = e.Start(t.Context(), attempt); err != nil {
		t.Fatal(err)
	}
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Cancelled || exit.Code != -1 || text != "" {
		t.Errorf("%+v %s", exit, text)
	}
}

// An engine that was killed while it started a container may not know that it did. What the script has left tells it.
func TestStartOfWhichTheEngineDoesNotKnow(t *testing.T) {
	t.Parallel()
	e := open(t, options(t))
	e.NeverBegun(time.Millisecond)
	script := patient()
	if err := e.Prepare(t.Context(), script, nil); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		begun bool
		want  string
	}{
		"asked": {false, "it was never begun"},
		"begun": {true, "the engine was ended while it started it, and does not know how it ended"},
	} {
		attempt := executor.Attempt{ID: "unknown-" + name, Script: script, Limits: executor.Limits{Grace: time.Millisecond}}
		if err := errors.Join(e.Create(t.Context(), attempt), e.Trace(t.Context(), attempt.ID, test.begun)); err != nil {
			t.Fatal(err)
		}
		run, err := e.Attach(t.Context(), attempt.ID)
		if err != nil {
			t.Fatal(err)
		}
		if exit, text := executortest.End(t, run); exit.Outcome != executor.Lost || exit.Reason != test.want || exit.Started.IsZero() == test.begun || text != "" {
			t.Errorf("%s: %+v %s", name, exit, text)
		}
		// Who does not know whether he has started it starts it again, which is done if it did not begin.
		if run, err = e.Start(t.Context(), attempt); err != nil {
			t.Fatal(err)
		}
		if !test.begun {
			executortest.Says(t, run, "one")
			continue
		}
		if exit, text := executortest.End(t, run); exit.Outcome != executor.Lost || text != "" {
			t.Errorf("%s: %+v %s", name, exit, text)
		}
	}
}

// An engine that was killed believes that what it finds no more has exited with 0. What the script's shell has written says whether it has.
func TestEngineBelievesInSuccess(t *testing.T) {
	t.Parallel()
	e := open(t, options(t))
	run := begin(t, e, executor.Attempt{ID: "believed", Script: executortest.Script("believed", map[string]string{"main.sh": "#!/bin/sh\nexit 0\n"})})
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Succeeded || exit.Code != 0 || text != "" {
		t.Fatalf("%+v %s", exit, text)
	}
	for _, test := range []struct {
		written string
		want    executor.Outcome
		code    int
	}{
		{"", executor.Lost, -1},
		{"0", executor.Succeeded, 0},
		{"7\n", executor.Failed, 7},
		{"-1\n", executor.Lost, -1},
		{"what a script may write there", executor.Lost, -1},
		{strings.Repeat("0", 1<<20), executor.Lost, -1},
	} {
		if err := e.Exited(t.Context(), run.ID(), test.written); err != nil {
			t.Fatal(err)
		}
		again, err := e.Attach(t.Context(), run.ID())
		if err != nil {
			t.Fatal(err)
		}
		if exit, _ := executortest.End(t, again); exit.Outcome != test.want || exit.Code != test.code || (exit.Reason == "") != (test.want == executor.Succeeded) {
			t.Errorf("%.20q: %+v", test.written, exit)
		}
	}
}

// The engine is killed while an attempt runs, and started again: with live-restore the attempt goes on, and without that it is known that it did not.
func TestEngineIsKilled(t *testing.T) {
	t.Parallel()
	own, err := dockertest.Start("--live-restore")
	if err != nil {
		required.Absent(t, "docker", err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Error(err)
		}
	})
	e := open(t, docker.Options{Host: own.Host(), Directory: t.TempDir(), Image: dockertest.Image, Pull: "never"})
	run := begin(t, e, executor.Attempt{ID: "goes-on", Script: patient(), Params: []byte(`{"c":3}`)})
	executortest.Says(t, run, "one")
	output, err := run.Output(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	if record, err := output.Next(t.Context()); err != nil || string(record.Text) != "one" {
		t.Fatalf("%q %v", record.Text, err)
	}
	ended := waiting(t, run)
	own.Kill()
	if _, err := e.Attach(t.Context(), "goes-on"); err == nil || errors.Is(err, executor.ErrUnknown) {
		t.Errorf("without an engine: %v", err)
	}
	if err := own.Restart("--live-restore"); err != nil {
		t.Fatal(err)
	}
	if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got.Outcome != executor.Cancelled || got.Code != 0 {
		t.Errorf("%+v", got)
	}
	// What was read before is not read again.
	if record, err := output.Next(t.Context()); err != nil || string(record.Text) == "one" {
		t.Errorf("%q %v", record.Text, err)
	}
	if got := executortest.Results(t, run); got != `{"c":3}` {
		t.Error(got)
	}

	run = begin(t, e, executor.Attempt{ID: "does-not", Script: executortest.Script("impatient", map[string]string{"main.sh": "#!/bin/sh\necho one\nwhile :; do sleep 0.05; done\n"})})
	executortest.Says(t, run, "one")
	ended = waiting(t, run)
	own.Kill()
	if err := own.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got.Outcome != executor.Lost {
		t.Errorf("%+v", got)
	}
	sweeps(t, own, e)
}

// sweeps holds that what was left of images and attempts that were not made to their end is removed when it is old, and nothing else.
func sweeps(t *testing.T, own *dockertest.Engine, e *docker.Executor) {
	t.Helper()
	begin(t, e, executor.Attempt{ID: "swept-runs", Script: patient()})
	if err := e.Create(t.Context(), executor.Attempt{ID: "swept-unbegun", Script: patient()}); err != nil {
		t.Fatal(err)
	}
	api, err := own.API()
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	runs, err := api.ContainerInspect(t.Context(), "fairway-swept-runs", client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	labels := runs.Container.Config.Labels
	delete(labels, "fairway.attempt")
	for name, label := range map[string]string{"probe": "fairway.probe", "step": "fairway.step", "others": "other"} {
		_, err := api.ContainerCreate(t.Context(), client.ContainerCreateOptions{Name: name, Config: &container.Config{Image: dockertest.Image, Cmd: []string{"true"}, Labels: map[string]string{label: "1"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, labels := range map[string]map[string]string{
		"left-behind": {"fairway.runner": labels["fairway.runner"]}, "fairway-of-others": {"fairway.runner": "somebody"}, "fairway-not-labelled": nil, "not-labelled": nil,
	} {
		if _, err := api.VolumeCreate(t.Context(), client.VolumeCreateOptions{Name: name, Labels: labels}); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (names []string) {
		t.Helper()
		containers, err := api.ContainerList(t.Context(), client.ContainerListOptions{All: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range containers.Items {
			names = append(names, strings.TrimPrefix(item.Names[0], "/"))
		}
		volumes, err := api.VolumeList(t.Context(), client.VolumeListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range volumes.Items {
			if strings.Contains(item.Name, "-") { // of those that the engine names
				names = append(names, "volume "+item.Name)
			}
		}
		slices.Sort(names)
		return slices.DeleteFunc(names, func(name string) bool {
			return strings.HasSuffix(name, "goes-on") || strings.HasSuffix(name, "does-not")
		})
	}
	e.Sweep(t.Context(), time.Now())
	want := []string{
		"fairway-swept-runs", "fairway-swept-unbegun", "others", "probe", "step",
		"volume fairway-not-labelled", "volume fairway-of-others", "volume fairway-swept-runs", "volume fairway-swept-unbegun", "volume not-labelled",
	} // of a volume it is not asked how old it is
	if diff := cmp.Diff(want, left()); diff != "" {
		t.Error(diff)
	}
	e.Sweep(t.Context(), time.Now().Add(time.Hour))
	if diff := cmp.Diff([]string{"fairway-swept-runs", "others", "volume fairway-of-others", "volume fairway-swept-runs", "volume not-labelled"}, left()); diff != "" {
		t.Error(diff)
	}
}

// waiting waits for a run.
func waiting(t *testing.T, run executor.Run) <-chan executor.Exit {
	t.Helper()
	ended := make(chan executor.Exit, 1)
	go func() {
		exit, err := run.Wait(t.Context())
		if err != nil {
			t.Error(err)
		}
		ended <- exit
	}()
	return ended
}

// TestContainerdIsKilled has a script end while the engine's containerd is away, of which nobody tells the engine.
func TestContainerdIsKilled(t *testing.T) {
	t.Parallel()
	own, err := dockertest.Start("--live-restore")
	if err != nil {
		required.Absent(t, "docker", err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Error(err)
		}
	})
	e := open(t, docker.Options{Host: own.Host(), Directory: t.TempDir(), Image: dockertest.Image, Pull: "never"})
	e.PokeEvery(time.Second)
	run := begin(t, e, executor.Attempt{ID: "ends-meanwhile", Script: executortest.Script("ends", map[string]string{"main.sh": "#!/bin/sh\necho one\nsleep 5\necho two\nexit 3\n"})})
	executortest.Says(t, run, "one")
	api, err := own.API()
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	found, err := api.ContainerInspect(t.Context(), "fairway-ends-meanwhile", client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	own.KillContainerd()
	for deadline := time.Now().Add(patience); syscall.Kill(found.Container.State.Pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the script goes on")
		}
	}
	if err := errors.Join(own.StartContainerd(), own.Answers()); err != nil {
		t.Fatal(err)
	}
	if exit, text := executortest.End(t, run); exit.Outcome == executor.Succeeded || !strings.Contains(text, "two\n") {
		t.Errorf("%+v %s", exit, text)
	} else {
		t.Logf("%+v", exit)
	}
}

// TestEnginesAreKilledWhileTheyStart has each of an engine's daemons killed a little later each time that an attempt is started, and started again as runners do. What the
// script did it did once, and of what it did it is not said that it never began.
func TestEnginesAreKilledWhileTheyStart(t *testing.T) {
	t.Parallel()
	own, err := dockertest.Start("--live-restore")
	if err != nil {
		required.Absent(t, "docker", err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Error(err)
		}
	})
	e := open(t, docker.Options{Host: own.Host(), Directory: t.TempDir(), Image: dockertest.Image, Pull: "never"})
	e.NeverBegun(2 * time.Second)
	e.PokeEvery(time.Second)
	script := executortest.Script("starts", map[string]string{"main.sh": "#!/bin/sh\necho begun >>$FAIRWAY_RESULTS\n"})
	if err := e.Prepare(t.Context(), script, nil); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	executortest.End(t, begin(t, e, executor.Attempt{ID: "unkilled", Script: script}))
	usual := time.Since(began)
	const rounds = 20
	for i := range rounds {
		attempt := executor.Attempt{ID: fmt.Sprint("killed-", i), Script: script}
		first := make(chan error, 1)
		go func() {
			_, err := e.Start(t.Context(), attempt)
			first <- err
		}()
		time.Sleep(usual * time.Duration(i/2) * 2 / rounds)
		if i%2 == 0 {
			own.Kill()
			err = own.Restart("--live-restore")
		} else {
			own.KillContainerd()
			err = own.StartContainerd()
		}
		if err := errors.Join(err, own.Answers()); err != nil {
			t.Fatal(err)
		}
		said := <-first
		var run executor.Run
		for deadline := time.Now().Add(patience); ; {
			if run, err = e.Start(t.Context(), attempt); err == nil {
				break
			}
			if !errors.Is(err, executor.ErrAway) || time.Now().After(deadline) {
				t.Fatalf("round %d: %v", i, err)
			}
		}
		exit, _ := executortest.End(t, run)
		begun := ""
		if body, err := run.Results(t.Context()); err == nil {
			text, err := io.ReadAll(body)
			if err = errors.Join(err, body.Close()); err != nil {
				t.Error(err)
			}
			begun = string(text)
		}
		t.Logf("round %d: %v: %+v %q", i, said, exit, begun)
		if begun != "begun\n" && (begun != "" || exit.Outcome == executor.Succeeded) || begun != "" && exit.Started.IsZero() {
			t.Errorf("round %d: %+v, it did %q", i, exit, begun)
		}
	}
}
