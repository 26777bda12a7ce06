//go:build linux && (amd64 || arm64)

package process_test

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// results reads what an attempt left.
func results(t *testing.T, run executor.Run) string {
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

func TestProtocolParametersAndResults(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	s := script("v1", map[string]string{"main.sh": "#!/bin/sh\ncat - $FAIRWAY_PARAMS >both\ncat both\ncp $FAIRWAY_PARAMS $FAIRWAY_RESULTS\n"})
	for id, params := range map[string]string{"none": "", "some": `{"a":[1,2.50,"ü"]}`, "large": `{"a":"` + strings.Repeat("x", 300_000) + `"}`} {
		run := p.begin(executor.Attempt{ID: id, Script: s, Params: []byte(params)})
		exit, text := end(t, run)
		if params == "" {
			params = "{}"
		}
		if exit.Outcome != executor.Succeeded || exit.Code != 0 || exit.Reason != "" || strings.TrimSpace(text) != params+params {
			t.Errorf("%s: %+v %.100s", id, exit, text)
		}
		if got := results(t, run); got != params {
			t.Errorf("%s: results %.100s", id, got)
		}
		if exit.Started.IsZero() || exit.Ended.Before(exit.Started) || exit.CPU == 0 {
			t.Errorf("%+v", exit)
		}
	}
	run := p.shell("silent", "true", executor.Limits{})
	end(t, run)
	if _, err := run.Results(t.Context()); !errors.Is(err, executor.ErrNoResults) {
		t.Errorf("got %v", err)
	}
}

func TestProtocolEnvironment(t *testing.T) {
	t.Setenv("FAIRWAY_TEST_OF_THE_RUNNER", secret)
	p := open(t, nil)
	run := p.begin(executor.Attempt{
		ID: "a-1", Execution: "x-1", Number: 3, Script: script("v1", map[string]string{"main.sh": "#!/bin/sh\nenv\n"}),
		Env: map[string]string{"EXECUTION_ID": "of another API", "TOKEN": "t"},
	})
	_, text := end(t, run)
	got := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		got[name] = value
	}
	box := filepath.Join(p.dir, "runs", "attempts", "a-1", "box")
	want := map[string]string{
		"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": box + "/work", "PWD": box + "/work", "TMPDIR": box + "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
		"FAIRWAY_EXECUTION_ID": "x-1", "FAIRWAY_ATTEMPT_ID": "a-1", "FAIRWAY_ATTEMPT": "3", "FAIRWAY_SCRIPT": "a-script",
		"FAIRWAY_SCRIPT_DIR": filepath.Join(p.dir, "runs", "scripts", "v1", "code"), "FAIRWAY_WORK_DIR": box + "/work",
		"FAIRWAY_PARAMS": filepath.Join(p.dir, "runs", "attempts", "a-1", "params.json"), "FAIRWAY_RESULTS": box + "/results.json",
		"ENV": "prod", "EXECUTION_ID": "of another API", "TOKEN": "t",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProtocolFilesOfTheScript(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	s := script("v1", map[string]string{
		"main.sh":      "#!/bin/sh\n. lib/words.sh\nsay\ncat lib/data.txt\necho new >made.txt && cat made.txt\necho x >>lib/data.txt || echo cannot change\n./tool one two\n",
		"lib/words.sh": "say() { echo hello; }\n", "lib/data.txt": "data\n", "tool": "#!/bin/sh\necho tool $*\n",
	})
	exit, text := end(t, p.begin(executor.Attempt{ID: "a", Script: s}))
	for _, want := range []string{"hello\n", "data\nnew\n", "cannot change\n", "tool one two\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if exit.Outcome != executor.Succeeded {
		t.Errorf("%+v", exit)
	}
}

func TestProtocolCommands(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	for name, test := range map[string]struct {
		command []string
		files   map[string]string
		want    string
		refused string
		err     string
	}{
		"a file of the script":   {command: []string{"./bin/run", "a b", "c"}, files: map[string]string{"bin/run": "#!/bin/sh\necho \"$1\" $2 $0 | sed s,/.*/,,\n"}, want: "a b c run\n"},
		"a program of the path":  {command: []string{"sh", "main.txt"}, files: map[string]string{"main.txt": "echo from sh\n"}, want: "from sh\n"},
		"a program by its path":  {command: []string{"/bin/echo", "x"}, files: map[string]string{"any": ""}, want: "x\n"},
		"env finds it":           {files: map[string]string{"main": "#!/usr/bin/env sh\necho found\n"}, want: "found\n"},
		"an argument":            {files: map[string]string{"main": "#!/bin/sh -e\nfalse\necho not here\n"}, want: ""},
		"no such program":        {command: []string{"no-such-program"}, files: map[string]string{"any": ""}, refused: "there is no program \"no-such-program\" on this runner"},
		"no such file":           {command: []string{"./nothing"}, files: map[string]string{"any": ""}, refused: "no such file"},
		"no such interpreter":    {files: map[string]string{"main": "#!/no/such\n"}, refused: "no such file"},
		"outside of the script":  {command: []string{"../../../../bin/sh"}, files: map[string]string{"any": ""}, err: "is no file of the script"},
		"what it may not see":    {command: []string{"/etc/shadow"}, files: map[string]string{"any": ""}, refused: "permission denied"},
		"not to be run, no line": {command: []string{"./data"}, files: map[string]string{"data": "\x00"}, refused: "exec format error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := strings.Map(func(r rune) rune { return map[bool]rune{true: '-', false: r}[r == ' ' || r == ','] }, name)
			s := script(id, test.files)
			s.Command = test.command
			if err := p.Prepare(t.Context(), s, nil); err != nil {
				t.Fatal(err)
			}
			run, err := p.Start(t.Context(), executor.Attempt{ID: id, Script: s})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			exit, text := end(t, run)
			if test.refused != "" {
				if exit.Outcome != executor.Refused || exit.Code != -1 || !strings.Contains(exit.Reason, test.refused) {
					t.Errorf("%+v", exit)
				}
				return
			}
			if text != test.want {
				t.Errorf("%+v %q", exit, text)
			}
		})
	}
}

func TestProtocolNotPrepared(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	if _, err := p.Start(t.Context(), executor.Attempt{ID: "a", Script: executor.Script{Version: "v"}}); !errors.Is(err, executor.ErrNotPrepared) {
		t.Errorf("got %v", err)
	}
	if ids, err := p.Attempts(t.Context()); err != nil || len(ids) > 0 {
		t.Errorf("%q %v", ids, err)
	}
	for want, files := range map[string]map[string]string{
		"there is nothing to run":   {"configuration.json": "{}"},
		"has no pip_index":          {"src/main.py": "", "requirements.txt": "numpy\n"},
		"options are not allowed":   {"src/main.py": "", "requirements.txt": "--index-url http://evil\n"},
		"neither addresses nor pat": {"src/main.py": "", "requirements.txt": "x @ file:///etc/passwd\n"},
	} {
		if err := p.Prepare(t.Context(), script("bad", files), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(p.dir, "runs", "scripts"))
	if err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.IsDir() }) {
		t.Errorf("something is left: %v %v", entries, err)
	}
}

func TestProtocolOutput(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	run := p.shell("a", `echo one; sleep 0.01; echo two >/dev/stderr; echo three >/dev/stdout; sleep 0.01; printf 'no end'; sleep 0.01; echo; printf 'last'`, executor.Limits{})
	_, text := end(t, run)
	// What two streams say at nearly the same time may come in any order.
	words := strings.Fields(strings.ReplaceAll(text, "e:", ""))
	slices.Sort(words)
	if diff := cmp.Diff([]string{"end", "last", "no", "one", "three", "two"}, words); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
	// From each record on the rest can be read.
	output, err := run.Output(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	offsets := map[int64]int{}
	for count := 0; ; count++ {
		offsets[output.Offset()] = count
		if _, err := output.Next(t.Context()); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, offset := range slices.Sorted(maps.Keys(offsets)) {
		again, err := run.Output(t.Context(), offset)
		if err != nil {
			t.Fatal(err)
		}
		count := offsets[offset]
		for {
			if _, err := again.Next(t.Context()); err != nil {
				break
			}
			count++
		}
		again.Close()
		if count != len(offsets)-1 {
			t.Errorf("from %d on there are %d in all, not %d", offset, count, len(offsets)-1)
		}
	}
	if _, err := run.Output(t.Context(), -1); err == nil {
		t.Error("an offset can be negative")
	}
}

func TestProtocolFirstLineAtOnce(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	run := p.shell("a", `printf 'name? '; sleep 1000`, executor.Limits{Grace: 1})
	says(t, run, "name?")
	if err := run.Kill(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if exit, _ := end(t, run); exit.Outcome != executor.Cancelled || exit.Signal != "SIGKILL" {
		t.Errorf("%+v", exit)
	}
}
