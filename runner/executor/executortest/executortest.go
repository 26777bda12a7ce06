// Package executortest is what every executor has to keep: a suite of tests that runs scripts of sh, /bin/sh and the usual small programs
// being all that they need.
//
//	executortest.Run(t, executortest.Subject{Open: func(t testing.TB) (executor.Executor, func() executor.Executor) { … }})
//
// What an executor cannot do is said in Subject.Lacks; it is what its documentation has to say, too.
package executortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// Patience is how long a test waits for a run before it calls it stuck.
const Patience = 5 * time.Minute

// Promise is something that not every executor can keep.
type Promise string

// Promises that may be lacking.
const (
	Scripts  Promise = "runs scripts"
	Outlives Promise = "attempts outlive their executor"
	Prompts  Promise = "a line is shown before its end"
	Refuses  Promise = "a program that is not there is REFUSED"
	Measures Promise = "CPU, Leftover and Dropped of an Exit are told"
	Asks     Promise = "children are asked to end, too"
	Counts   Promise = "no process is started beyond the limit"
	Kills    Promise = "what is killed is not asked to end before"
	Hurries  Promise = "what is killed gets no grace"
	Recalls  Promise = "how it ended, and what it said, is known of what was cancelled"
)

// Subject is an executor that is tested.
type Subject struct {
	// Open makes an executor in a place of its own, and gives what opens another at the same place, as after a restart.
	Open func(t testing.TB) (first executor.Executor, again func() executor.Executor)
	// Lacks are promises that it does not make.
	Lacks []Promise
	// Hostile are limits for attempts that try to take more. Default: 128 MiB of memory, 60 processes, 20 MiB of disk.
	Hostile executor.Limits
}

func (s Subject) has(promise Promise) bool {
	return !slices.Contains(s.Lacks, promise)
}

// need skips a test that is about a promise which the executor does not make.
func (s Subject) need(t *testing.T, promises ...Promise) {
	t.Helper()
	for _, promise := range promises {
		if !s.has(promise) {
			t.Skipf("it is not promised that %s", promise)
		}
	}
}

// check is what a test of the suite has.
type check struct {
	t *testing.T
	s Subject
}

// Place is an executor with what opens another at its place.
type Place struct {
	executor.Executor
	Again func() executor.Executor
	t     testing.TB
}

// place opens an executor; all its attempts are forgotten when the test ends.
func (s Subject) place(t testing.TB) *Place {
	t.Helper()
	first, again := s.Open(t)
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), Patience)
		defer stop()
		ids, err := first.Attempts(ctx)
		if err != nil {
			t.Error(err)
		}
		for _, id := range ids {
			if err := first.Forget(ctx, id); err != nil {
				t.Errorf("forget %s: %v", id, err)
			}
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Place{Executor: first, t: t, Again: func() executor.Executor {
		next := again()
		t.Cleanup(func() {
			if err := next.Close(); err != nil {
				t.Error(err)
			}
		})
		return next
	}}
}

// Script is a version of files, all of which can be run.
func Script(version string, files map[string]string) executor.Script {
	return executor.Script{Version: version, Slug: "a-script", Files: func(_ context.Context, dir string) error {
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // scripts run as others
				return err
			}
			if err := os.WriteFile(path, []byte(text), 0o755); err != nil { //nolint:gosec // as above
				return err
			}
		}
		return nil
	}}
}

// begin prepares and starts.
func (p *Place) begin(attempt executor.Attempt) executor.Run {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.t.Context(), Patience)
	defer stop()
	if err := p.Prepare(ctx, attempt.Script, func(text string) { p.t.Log(text) }); err != nil {
		p.t.Fatal(err)
	}
	run, err := p.Start(ctx, attempt)
	if err != nil {
		p.t.Fatal(err)
	}
	return run
}

// shell starts lines of sh.
func (p *Place) shell(id, text string, limits executor.Limits) executor.Run {
	p.t.Helper()
	script := Script(version(p.t, id), map[string]string{"main.sh": "#!/bin/sh\n" + text})
	return p.begin(executor.Attempt{ID: p.name(id), Execution: "x-" + id, Number: 1, Script: script, Limits: limits})
}

// endless starts an attempt that goes on until it is ended, and then does not listen. Its parameters are a plan for those who run no scripts.
func (p *Place) endless(limits executor.Limits) executor.Run {
	p.t.Helper()
	script := Script(p.name("endless"), map[string]string{"main.sh": "#!/bin/sh\ntrap '' TERM\necho ready\nwhile :; do sleep 0.05; done\n"})
	return p.begin(executor.Attempt{ID: p.name("a"), Execution: "x", Number: 1, Script: script, Limits: limits, Params: []byte(`{"sleep_ms": 86400000}`)})
}

// name is an attempt's, which no other test has: executors at different places may share what runs attempts, too.
func (p *Place) name(id string) string { return version(p.t, id) }

// version is a name of a version that no other test has, since executors at different places may share what is prepared.
func version(t testing.TB, id string) string {
	t.Helper()
	return fmt.Sprintf("%.40s-%x", strings.Map(func(r rune) rune {
		if executor.CheckName(string(r)) != nil {
			return '-'
		}
		return r
	}, id), hash(t.Name()+id))
}

func hash(text string) uint32 {
	sum := uint32(2166136261)
	for _, b := range []byte(text) {
		sum = (sum ^ uint32(b)) * 16777619
	}
	return sum
}

// End waits for a run and gives its end with all that it said.
func End(t testing.TB, run executor.Run) (executor.Exit, string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), Patience)
	defer stop()
	exit, err := run.Wait(ctx)
	if err != nil {
		t.Fatalf("wait for %s: %v", run.ID(), err)
	}
	return exit, Said(t, run)
}

// Said is all that a run said, until it ended; of standard error and notices each line begins with its stream.
func Said(t testing.TB, run executor.Run) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), Patience)
	defer stop()
	output, err := run.Output(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	var text strings.Builder
	begun := map[executor.Stream][]byte{} // lines that have not ended: meanwhile the other stream may say something
	for {
		record, err := output.Next(ctx)
		if errors.Is(err, io.EOF) {
			for _, rest := range begun {
				text.Write(rest)
			}
			return text.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		line, is := begun[record.Stream]
		if !is && record.Stream != executor.Stdout {
			line = append(line, byte(record.Stream), ':')
		}
		line = append(line, record.Text...)
		if record.Part {
			begun[record.Stream] = line
			continue
		}
		delete(begun, record.Stream)
		text.Write(line)
		text.WriteByte('\n')
	}
}

// Says waits until a run has said something.
func Says(t testing.TB, run executor.Run, want string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), Patience)
	defer stop()
	output, err := run.Output(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	var all bytes.Buffer
	for !strings.Contains(all.String(), want) {
		record, err := output.Next(ctx)
		if err != nil {
			t.Fatalf("it said %q, not %q: %v", all.String(), want, err)
		}
		all.Write(record.Text)
	}
}

// Results reads what an attempt left.
func Results(t testing.TB, run executor.Run) string {
	t.Helper()
	body, err := run.Results(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// Run runs the whole suite.
func Run(t *testing.T, s Subject) {
	t.Helper()
	instead := func(value *int64, usual int64) {
		if *value == 0 {
			*value = usual
		}
	}
	instead(&s.Hostile.Memory, 128<<20)
	instead(&s.Hostile.Disk, 20<<20)
	if s.Hostile.Processes == 0 {
		s.Hostile.Processes = 60
	}
	for name, test := range map[string]func(check){
		"StartIsIdempotent": startIsIdempotent, "GoesOnWithoutTheRunner": goesOn, "Cancel": cancel, "FirstCauseCounts": firstCause,
		"Timeout": timeout, "WaitEndsWithItsContext": waitEnds, "ForgetWhatRuns": forgetWhatRuns, "Unknown": unknown, "Many": many,
		"ParametersAndResults": parametersAndResults, "Environment": environment, "FilesOfTheScript": filesOfTheScript, "Commands": commands,
		"NotPrepared": notPrepared, "Output": output, "FirstLineAtOnce": firstLine, "OutputLimit": outputLimit, "Exits": exits,
		"ResultsThatAreNone": resultsThatAreNone, "MemoryBomb": memoryBomb, "ForkBomb": forkBomb, "FillDisk": fillDisk, "SurviveEnd": surviveEnd,
		"SurviveCancel": surviveCancel, "Network": network, "OthersResults": othersResults, "Runner": runner,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(check{t, s})
		})
	}
}
