//go:build linux && (amd64 || arm64)

package process_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

func TestProtocolEnvironment(t *testing.T) {
	t.Setenv("FAIRWAY_TEST_OF_THE_RUNNER", secret)
	p := open(t, nil)
	run := p.begin(executor.Attempt{
		ID: "a-1", Execution: "x-1", Number: 3, Script: executortest.Script("v1", map[string]string{"main.sh": "#!/bin/sh\nenv\n"}),
		Env: map[string]string{"EXECUTION_ID": "of another API", "TOKEN": "t"},
	})
	_, text := executortest.End(t, run)
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
		if err := p.Prepare(t.Context(), executortest.Script("bad", files), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(p.dir, "runs", "scripts"))
	if err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.IsDir() }) {
		t.Errorf("something is left: %v %v", entries, err)
	}
}
