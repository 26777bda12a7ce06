//go:build linux && (amd64 || arm64)

package process_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/process"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// until waits for something.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come", what)
		}
	}
}

// stageOf waits for the stage of a keeper that waits.
func stageOf(t *testing.T, pid int) (stage int) {
	t.Helper()
	until(t, "a stage", func() bool {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, list := range lists {
			text, err := os.ReadFile(list)
			if err != nil {
				continue
			}
			if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				stage = n
			}
		}
		// It has become one, and has said that it is the first to go.
		score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", stage))
		return stage != 0 && err == nil && strings.TrimSpace(string(score)) == "1000"
	})
	return stage
}

// keeperOf is the process of the keeper that an attempt has.
func keeperOf(t *testing.T, p *place, id string) int {
	t.Helper()
	var state keeper.State
	if err := keeper.ReadFile(filepath.Join(p.dir, "runs", "attempts", id, keeper.FileState), &state); err != nil {
		t.Fatal(err)
	}
	return state.Pid
}

// TestLifeKeepersThatWait has none wait before the first start; then one, which is the keeper of the next attempt; and none when there was no start for a
// while.
func TestLifeKeepersThatWait(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	if got := process.Waiting(p.Executor); len(got) != 0 {
		t.Fatalf("%v wait before the first start", got)
	}
	run := func(id string) {
		t.Helper()
		if exit, text := executortest.End(t, p.shell(id, "echo "+id, executor.Limits{})); exit.Outcome != executor.Succeeded || text != id+"\n" {
			t.Errorf("%+v %q", exit, text)
		}
	}
	run("a")
	var waiting []int
	until(t, "a keeper", func() bool { waiting = process.Waiting(p.Executor); return len(waiting) > 0 })
	stages := []int{stageOf(t, waiting[0])}
	run("b")
	if keeperOf(t, p, "a") == waiting[0] || keeperOf(t, p, "b") != waiting[0] {
		t.Errorf("keepers are %d and %d, and %d waited", keeperOf(t, p, "a"), keeperOf(t, p, "b"), waiting[0])
	}
	until(t, "another keeper", func() bool { return len(process.Waiting(p.Executor)) > 0 })
	process.SetIdle(p.Executor, time.Millisecond)
	run("c")
	until(t, "the end of those that wait", func() bool { return len(process.Waiting(p.Executor)) == 0 })
	for _, pid := range append(waiting, stages...) {
		gone(t, pid)
	}
}

// TestLifeClosedExecutor has keepers that wait end when the executor is closed, and their stages with them.
func TestLifeClosedExecutor(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	pids := process.Fill(p.Executor, 2)
	if len(pids) != 2 {
		t.Fatalf("%v wait", pids)
	}
	pids = append(pids, stageOf(t, pids[0]), stageOf(t, pids[1]))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		gone(t, pid)
	}
	if exit, text := executortest.End(t, p.shell("a", "echo one", executor.Limits{})); exit.Outcome != executor.Succeeded || text != "one\n" {
		t.Errorf("%+v %q", exit, text)
	}
	if got := process.Waiting(p.Executor); len(got) != 0 {
		t.Errorf("%v wait for what is closed", got)
	}
}

// TestEscapeWhatAStageHad looks at what the script has of a stage that was started before its user was known: what one has that was not, and nothing else.
func TestEscapeWhatAStageHad(t *testing.T) {
	t.Parallel()
	if groups, err := os.Getgroups(); os.Geteuid() == 0 && err == nil && len(groups) == 0 {
		// There would be nothing to give away.
		again := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v")
		again.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{4, 24}}}
		if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("with groups: %v\n%s", err, out)
		}
		return
	}
	const user = 60599
	p := open(t, func(o *process.Options) { o.FirstUser, o.Users = user, 1 })
	// All in one process: only of that may it read /proc.
	const text = `while read a b; do case $a in
Uid:|Gid:|Groups:|CapInh:|CapPrm:|CapEff:|CapAmb:|NoNewPrivs:|Seccomp:|SigBlk:|SigIgn:|ShdPnd:) echo $a $b;; esac; done </proc/self/status
read x </proc/self/oom_score_adj; echo score $x
read a b c ppid pgrp sid tty rest </proc/self/stat; [ $pgrp = $$ ] && [ $sid = $$ ] && echo own session
for fd in /proc/self/fd/*; do [ -e $fd ] && echo $fd; done
umask; pwd; cat
`
	script := executortest.Script("v1", map[string]string{"main.sh": "#!/bin/sh\n" + text})
	run := func(id string) []string {
		t.Helper()
		exit, said := executortest.End(t, p.begin(executor.Attempt{ID: id, Script: script, Params: []byte(`{"of":"` + "this one" + `"}`)}))
		if exit.Outcome != executor.Succeeded {
			t.Fatalf("%+v\n%s", exit, said)
		}
		return strings.Split(strings.ReplaceAll(said, "/"+id+"/", "/ATTEMPT/"), "\n")
	}
	cold := run("cold")
	waiting := process.Fill(p.Executor, 1)
	stageOf(t, waiting[0])
	warm := run("warm")
	if keeperOf(t, p, "warm") != waiting[0] {
		t.Error("it was not the keeper that waited")
	}
	if diff := cmp.Diff(cold, warm); diff != "" {
		t.Errorf("(-started for it +started before)\n%s", diff)
	}
	none := "0000000000000000"
	want := []string{"CapPrm: " + none, "CapEff: " + none, "CapAmb: " + none, "NoNewPrivs: 1", "Seccomp: 2", "score 1000", "own session", "0077", `{"of":"this one"}`}
	if os.Geteuid() == 0 {
		who := strings.Join(slices.Repeat([]string{strconv.Itoa(user)}, 4), "\t")
		want = append(want, "Uid: "+who, "Gid: "+who, "Groups:", "CapInh: "+none)
	}
	for _, line := range want {
		if !slices.ContainsFunc(warm, func(got string) bool {
			return strings.Join(strings.Fields(got), " ") == strings.Join(strings.Fields(line), " ")
		}) {
			t.Errorf("%q is not in %q", line, warm)
		}
	}
	if files := slices.DeleteFunc(slices.Clone(warm), func(line string) bool { return !strings.HasPrefix(line, "/proc/self/fd/") }); len(files) > 4 {
		t.Errorf("it has files of somebody else's: %q", files) // a shell has its script open, beside three
	}
}

// TestEscapeKeepersThatWait tries what nobody must be able to do to a script's keeper with those that wait.
func TestEscapeKeepersThatWait(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	for _, attack := range []string{"signals", "trace", "environment"} {
		for _, of := range []string{"keeper", "stage"} {
			pid := process.Fill(p.Executor, 2)[1] // the first is the attacker's
			if of == "stage" {
				pid = stageOf(t, pid)
			}
			v := newVictim(t)
			v.target.Pid = pid
			run := p.attack(attack, v.target, executor.Limits{})
			exit, text := executortest.End(t, run)
			if exit.Outcome != executor.Succeeded || !strings.Contains(text, "done") || len(possible(text)) > 0 {
				t.Errorf("%s of a %s: %+v\n%s", attack, of, exit, text)
			}
			if ended(pid) {
				t.Errorf("%s: the %s has ended", attack, of)
			}
			if err := p.Forget(t.Context(), run.ID()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestLifeOfAKeeperThatWaitsIsOver kills a keeper that waits, or its stage: the next attempt does without.
func TestLifeOfAKeeperThatWaitsIsOver(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	for i, which := range []string{"keeper", "stage", "both"} {
		pid := process.Fill(p.Executor, 1)[0]
		stage := stageOf(t, pid)
		if which != "keeper" {
			_ = syscall.Kill(stage, syscall.SIGKILL)
			until(t, "its end", func() bool { return ended(stage) })
		}
		if which != "stage" {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		id := fmt.Sprint("a", i)
		if exit, text := executortest.End(t, p.shell(id, "echo one", executor.Limits{})); exit.Outcome != executor.Succeeded || text != "one\n" {
			t.Errorf("%s: %+v %q", which, exit, text)
		}
		if which != "stage" {
			gone(t, stage)
		}
	}
}

// ended says whether a process has ended, be it that nobody has waited for it.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}

// TestLifeManyAtOnce starts more at once than keepers wait.
func TestLifeManyAtOnce(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	process.Fill(p.Executor, 2)
	s := executortest.Script("v1", map[string]string{"main.sh": "#!/bin/sh\ncat\n"})
	if err := p.Prepare(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	const many = 6
	runs := make(chan executor.Run, many)
	for i := range many {
		go func() {
			id := strconv.Itoa(i)
			run, err := p.Start(t.Context(), executor.Attempt{ID: id, Script: s, Params: []byte(id)})
			if err != nil {
				t.Error(err)
			}
			runs <- run
		}()
	}
	keepers := map[int]bool{}
	for range many {
		run := <-runs
		if exit, text := executortest.End(t, run); exit.Outcome != executor.Succeeded || text != run.ID()+"\n" && text != run.ID() {
			t.Errorf("%s: %+v %q", run.ID(), exit, text)
		}
		keepers[keeperOf(t, p, run.ID())] = true
	}
	if len(keepers) != many {
		t.Errorf("%d keepers had %d attempts", len(keepers), many)
	}
}

// TestLifeCancelledInBetween cancels an attempt after it was given to a keeper, which has not looked at it yet.
func TestLifeCancelledInBetween(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	pid := process.Fill(p.Executor, 1)[0]
	stage := stageOf(t, pid)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	started := make(chan executor.Run, 1)
	go func() { started <- p.shell("a", "echo it runs", executor.Limits{}) }()
	until(t, "what it is to do", func() bool {
		_, err := os.Stat(filepath.Join(p.dir, "runs", "attempts", "a", keeper.FileSpec))
		return err == nil
	})
	same, err := p.Attach(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := same.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if exit, text := executortest.End(t, <-started); exit.Outcome != executor.Cancelled || text != "" {
		t.Errorf("%+v %q", exit, text)
	}
	if got := keeperOf(t, p, "a"); got != pid {
		t.Errorf("its keeper was %d, not %d, which waited", got, pid)
	}
	gone(t, stage)
}

// waiter is a process of its own that has two keepers wait, one of which it stops and gives an attempt.
func waiter(dir string) {
	ctx := context.Background()
	e, err := process.New(process.Options{Directory: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := executortest.Script("v1", map[string]string{"main.sh": "#!/bin/sh\necho one\n"})
	if err := e.Prepare(ctx, s, nil); err != nil {
		fmt.Println(err)
		return
	}
	pids := process.Fill(e, 2)
	_ = syscall.Kill(pids[0], syscall.SIGSTOP)
	unread := process.Unread(e)
	go func() {
		_, err := e.Start(ctx, executor.Attempt{ID: "a", Script: s})
		fmt.Println("started", err)
	}()
	for !unread() {
		time.Sleep(time.Millisecond)
	}
	fmt.Println(pids[0], pids[1])
	select {}
}

// TestLifeRunnerIsKilledInBetween kills a runner that has given a keeper an attempt which that has not begun: it does, and who comes later finds it. Another
// one, which waited, ends.
func TestLifeRunnerIsKilledInBetween(t *testing.T) {
	t.Parallel()
	runs := filepath.Join(home(t), "runs")
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "FAIRWAY_TEST_WAITER="+runs)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var given, other int
	if _, err := fmt.Fscan(bufio.NewReader(stdout), &given, &other); err != nil {
		t.Fatal(err)
	}
	stage := stageOf(t, other)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	gone(t, other)
	gone(t, stage)
	if err := syscall.Kill(given, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p := open(t, func(o *process.Options) { o.Directory = runs })
	run, err := p.Attach(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Succeeded || text != "one\n" {
		t.Errorf("%+v %q", exit, text)
	}
}
