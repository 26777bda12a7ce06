//go:build linux && (amd64 || arm64)

package process_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

// Each of these is something that a hostile script tries, and what level standard promises of it. TestAsNobody runs them all as a user who
// shares his name with the gateway.

func TestEscapeReadFilesOfTheGateway(t *testing.T) {
	t.Parallel()
	escape(t, "files", nil, "read", "list", "watch")
}

func TestEscapeReadEnvironmentOfTheGateway(t *testing.T) {
	t.Parallel()
	escape(t, "environment", nil, "/environ", "find the secret in", "list /proc")
}

func TestEscapeDatabaseSocket(t *testing.T) {
	t.Parallel()
	escape(t, "sockets", nil, "PGSQL.5432 as unix", "packets as unixpacket", "datagrams as unixgram", "turn datagrams", "send datagrams")
}

func TestEscapeSignalOthers(t *testing.T) {
	t.Parallel()
	escape(t, "signals", nil, "signal by")
}

func TestEscapeNetwork(t *testing.T) {
	t.Parallel()
	escape(t, "network", nil, "connect to 127.0.0.1", "send to 127.0.0.1", "listen")
}

// The control would be a request to a cloud; that nothing can be sent at all is what TestEscapeNetwork says.
func TestEscapeMetadataAddress(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	addresses := target{TCP: []string{"169.254.169.254:80", "[fd00:ec2::254]:80", "100.100.100.200:80"}, UDP: []string{"169.254.169.254:53"}}
	_, text := executortest.End(t, p.attack("network", addresses, executor.Limits{}))
	if !strings.Contains(text, "done") || len(possible(text)) > 0 || strings.Count(text, "permission denied") < 4 {
		t.Error(text)
	}
}

func TestEscapeTrace(t *testing.T) {
	t.Parallel()
	escape(t, "trace", nil)
}

func TestEscapeWriteOutside(t *testing.T) {
	t.Parallel()
	escape(t, "outside", nil, "write to", "truncate", "append", "remove", "rename to")
}

func TestEscapeModesOfOthers(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	p := open(t, nil)
	exit, text := executortest.End(t, p.attack("modes", v.target, executor.Limits{}))
	if exit.Outcome != executor.Succeeded || len(possible(text)) > 0 || strings.Contains(text, "BROKEN") {
		t.Errorf("%+v\n%s", exit, text)
	}
	v.unharmed(t)
	if could := possible(control(t, "modes", newVictim(t).target)); len(could) < 10 {
		t.Errorf("where nothing prevents it: %q", could)
	}
}

func TestEscapeKernel(t *testing.T) {
	t.Parallel()
	escape(t, "kernel", nil)
}

func TestEscapeForeignSystemCalls(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	exit, text := executortest.End(t, p.attack("foreign", target{}, executor.Limits{}))
	if exit.Signal != "SIGSYS" || len(possible(text)) > 0 || !strings.Contains(text, "calling") {
		t.Errorf("%+v\n%s", exit, text)
	}
}

// Not at once with others: where they share a user, a bomb leaves them no processes for a moment, which docs/isolation.md says.
func TestEscapeForkBomb(t *testing.T) {
	p := open(t, nil)
	const most = 60
	run := p.attack("fork", target{Count: 40, Secret: p.dir}, executor.Limits{Processes: most, Memory: 4 << 30, Grace: time.Millisecond})
	executortest.Says(t, run, "bombing")
	// With a user of its own the bomb comes to nothing, and goes on until somebody ends it; without one the keeper ends it.
	if os.Geteuid() == 0 {
		executortest.Says(t, run, "errno=11")
		if now := processesOf(t, p.dir); now > most {
			t.Errorf("there are %d of them", now)
		}
		if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
			t.Fatal(err)
		}
	}
	exit, _ := executortest.End(t, run)
	if os.Geteuid() == 0 != (exit.Outcome == executor.Cancelled) || os.Geteuid() != 0 && exit.Reason != "it had more than 60 processes and threads" {
		t.Errorf("%+v", exit)
	}
	if left := processesOf(t, p.dir); left > 0 {
		t.Errorf("%d are left", left)
	}
}

func TestEscapeMemoryBomb(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]target{
		"memory":   {MiB: 1024},
		"shared":   {MiB: 1024},
		"children": {MiB: 60, Count: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, nil)
			exit, text := executortest.End(t, p.attack(name, what, executor.Limits{Memory: 128 << 20, Timeout: patience / 2}))
			if exit.Outcome == executor.Succeeded || exit.Outcome == executor.TimedOut {
				t.Errorf("%+v\n%s", exit, text)
			}
			if name != "memory" && exit.Outcome != executor.OOM {
				t.Errorf("%+v\n%s", exit, text)
			}
			if name != "children" && len(possible(text)) > 0 {
				t.Errorf("%+v\n%s", exit, text)
			}
		})
	}
}

func TestEscapeFillDisk(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]target{
		"bigfile": {MiB: 300}, "manyfiles": {MiB: 300}, "nameless": {MiB: 300}, "locked": {MiB: 300}, "deep": {Count: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, nil)
			exit, text := executortest.End(t, p.attack(name, what, executor.Limits{Disk: 20 << 20, Timeout: patience / 2}))
			if exit.Outcome != executor.Failed || strings.Contains(exit.Reason, "exited") {
				t.Errorf("%+v\n%s", exit, text)
			}
		})
	}
}

func TestEscapeSurviveCancel(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	run := p.attack("survive", target{}, executor.Limits{Grace: 50 * time.Millisecond})
	executortest.Says(t, run, "survivor")
	if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	exit, text := executortest.End(t, run)
	if exit.Outcome != executor.Cancelled {
		t.Errorf("%+v", exit)
	}
	nobodyLeft(t, text)
}

func TestEscapeSurviveEnd(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	exit, text := executortest.End(t, p.attack("survive", target{Count: 1}, executor.Limits{}))
	if exit.Outcome != executor.Succeeded || exit.Leftover == 0 {
		t.Errorf("%+v", exit)
	}
	nobodyLeft(t, text)
}

func TestEscapeSurviveTheKeeper(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	run := p.attack("survive", target{}, executor.Limits{})
	executortest.Says(t, run, "survivor")
	state, err := os.ReadFile(filepath.Join(p.dir, "runs", "attempts", run.ID(), "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Trim(string(state), `{}":pid`))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	exit, text := executortest.End(t, run)
	if exit.Outcome != executor.Lost {
		t.Errorf("%+v", exit)
	}
	if os.Geteuid() == 0 {
		nobodyLeft(t, text)
	}
}

// nobodyLeft looks for the processes that said their numbers.
func nobodyLeft(t *testing.T, text string) {
	t.Helper()
	survivors := 0
	for line := range strings.Lines(text) {
		if number, is := strings.CutPrefix(strings.TrimSpace(line), "survivor "); is {
			pid, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			gone(t, pid)
			survivors++
		}
	}
	if survivors == 0 {
		t.Errorf("there were none: %s", text)
	}
}

func TestEscapeForgeResults(t *testing.T) {
	t.Parallel()
	// One attempt has left its results, another runs; neither can be touched by a third.
	p := open(t, nil)
	done := p.shell("done", `echo '{"a":1}' >$FAIRWAY_RESULTS`, executor.Limits{})
	if exit, text := executortest.End(t, done); exit.Outcome != executor.Succeeded {
		t.Fatalf("%+v %s", exit, text)
	}
	running := p.shell("running", `echo begun; sleep 1000`, executor.Limits{Grace: time.Millisecond})
	executortest.Says(t, running, "begun")
	attempts := filepath.Join(p.dir, "runs", "attempts")
	var what target
	for _, id := range []string{"done", "running"} {
		what.Dirs = append(what.Dirs, filepath.Join(attempts, id), filepath.Join(attempts, id, "box"), filepath.Join(attempts, id, "box", "work"))
		for _, name := range []string{"box/results.json", "exit.json", "cause", "output", "spec.json", "lock", "params.json", "state.json"} {
			what.Files = append(what.Files, filepath.Join(attempts, id, name))
		}
	}
	// Its own, too, beside what is its own.
	own := filepath.Join(attempts, "attack-outside")
	what.Dirs = append(what.Dirs, own, attempts, filepath.Join(p.dir, "runs", "scripts"))
	for _, name := range []string{"exit.json", "output", "spec.json", "lock", "state.json"} {
		what.Files = append(what.Files, filepath.Join(own, name))
	}
	exit, text := executortest.End(t, p.attack("outside", what, executor.Limits{}))
	if exit.Outcome != executor.Succeeded || len(possible(text)) > 0 {
		t.Errorf("%+v\n%q", exit, possible(text))
	}
	_, text = executortest.End(t, p.attack("files", what, executor.Limits{}))
	if len(possible(text)) > 0 {
		t.Errorf("%q", possible(text))
	}
	if err := running.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if exit, _ := executortest.End(t, running); exit.Outcome != executor.Cancelled {
		t.Errorf("%+v", exit)
	}
	body, err := done.Results(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || strings.TrimSpace(string(got)) != `{"a":1}` {
		t.Errorf("%s %v", got, err)
	}
}

func TestEscapeResultsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"link", "pipe", "directory", "big", "sparse", "unreadable", "locked"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t)
			p := open(t, nil)
			what := target{Files: v.Files, Secret: kind, MiB: 10}
			run := p.attack("results", what, executor.Limits{Results: 1 << 20})
			if exit, text := executortest.End(t, run); exit.Outcome != executor.Succeeded {
				t.Fatalf("%+v\n%s", exit, text)
			}
			body, err := run.Results(t.Context())
			if err == nil {
				text, _ := io.ReadAll(body)
				body.Close()
				// Root reads what its owner cannot.
				if kind != "unreadable" || os.Geteuid() != 0 || string(text) != "{}" {
					t.Errorf("it has results: %q", text)
				}
				return
			}
			if large := kind == "big" || kind == "sparse"; large == errors.Is(err, executor.ErrNoResults) {
				t.Error(err)
			}
		})
	}
}

func TestEscapeOutputWithoutEnd(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	exit, text := executortest.End(t, p.attack("pipe", target{MiB: 50}, executor.Limits{Output: 1 << 20}))
	if exit.Outcome != executor.Succeeded || exit.Dropped < 48<<20 || len(text) > 2<<20 {
		t.Errorf("%+v, %d bytes", exit, len(text))
	}
	if !strings.Contains(text, "n:The output was cut here: no more than 1048576 bytes are kept.") {
		t.Error("it does not say so")
	}
}

func TestEscapeProcessorTime(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	exit, text := executortest.End(t, p.attack("spin", target{}, executor.Limits{CPUTime: 200 * time.Millisecond, Timeout: patience / 2}))
	if exit.Outcome != executor.TimedOut || !strings.Contains(exit.Reason, "processors") || !strings.Contains(text, "spinning") {
		t.Errorf("%+v\n%s", exit, text)
	}
}

// TestAsNobody runs all the attacks as a user without any rights, who is the gateway's user, too.
func TestAsNobody(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("the tests already run as a user without rights")
	}
	const nobody = 65534
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := home(t)
	own := filepath.Join(dir, "process.test")
	for from, to := range map[string]string{"/proc/self/exe": own, bin: filepath.Join(dir, "attack")} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	work := filepath.Join(dir, "tmp")
	if err := errors.Join(os.Mkdir(work, 0o755), os.Chown(work, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), own, "-test.run", "^Test(Escape|Protocol|Python|Life|Level)", "-test.v", "-test.parallel", "4")
	cmd.Dir = work
	cmd.Env = []string{"TMPDIR=" + work, "HOME=" + work, "FAIRWAY_TEST_ATTACKER=" + filepath.Join(dir, "attack"), "PATH=" + os.Getenv("PATH")}
	if words := os.Getenv("FAIRWAY_REQUIRE"); words != "" {
		cmd.Env = append(cmd.Env, "FAIRWAY_REQUIRE="+words)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	passed := strings.Count(string(out), "--- PASS: ")
	if err != nil || passed < 20 {
		t.Errorf("%v, %d passed\n%s", err, passed, out)
		return
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "--- ") {
			t.Log(fmt.Sprint("as nobody: ", strings.TrimSpace(line)))
		}
	}
}
