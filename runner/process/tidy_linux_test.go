//go:build linux && (amd64 || arm64)

package process_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/process"
)

func TestVersionsThatNobodyWants(t *testing.T) {
	t.Parallel()
	p := open(t, func(o *process.Options) { o.Keep = 2 * time.Hour })
	files := map[string]string{"main.sh": "#!/bin/sh\nwhile ! [ -e go ]; do sleep 0.01; done\n"}
	ready := func(version string) string { return filepath.Join(p.dir, "runs", "scripts", version, "ready.json") }
	age := func(version string) {
		t.Helper()
		then := time.Now().Add(-3 * time.Hour)
		if err := os.Chtimes(ready(version), then, then); err != nil {
			t.Fatal(err)
		}
	}
	var made atomic.Int64
	prepare := func(version string) {
		t.Helper()
		s := executortest.Script(version, files)
		write := s.Files
		s.Files = func(ctx context.Context, dir string) error { made.Add(1); return write(ctx, dir) }
		if err := p.Prepare(t.Context(), s, func(text string) { t.Error(text) }); err != nil {
			t.Fatal(err)
		}
	}
	run := p.begin(executor.Attempt{ID: "a", Script: executortest.Script("runs", files)})
	for _, version := range []string{"unwanted", "wanted", "young"} {
		prepare(version)
	}
	age("runs")
	age("unwanted")
	age("wanted")
	prepare("wanted") // somebody runs it
	made.Store(0)
	prepare("another")

	there := map[string]bool{}
	for _, version := range []string{"runs", "unwanted", "wanted", "young", "another"} {
		_, err := os.Stat(filepath.Dir(ready(version)))
		there[version] = err == nil
	}
	want := map[string]bool{"runs": true, "unwanted": false, "wanted": true, "young": true, "another": true}
	if diff := cmp.Diff(want, there); diff != "" {
		t.Errorf("versions that are there (-want +got):\n%s", diff)
	}
	prepare("unwanted")
	if made.Load() != 2 {
		t.Errorf("versions were made %d times, want 2: another, and the one that was removed", made.Load())
	}
	if err := run.Kill(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	executortest.End(t, run)
}
