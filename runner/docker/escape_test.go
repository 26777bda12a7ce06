//go:build linux

package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/docker"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

// The attacks on the process executor, in a container: what they find there is not the machine's.
func TestEscapes(t *testing.T) {
	t.Parallel()
	e := open(t, options(t))
	attack := filepath.Join(t.TempDir(), "attack")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", attack, "../process/testdata/attack")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	secret := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(secret, []byte("SECRET-of-the-gateway"), 0o600); err != nil {
		t.Fatal(err)
	}
	params, err := json.Marshal(map[string]any{
		"files": []string{secret}, "dirs": []string{filepath.Dir(secret)}, "pid": os.Getpid(), "unix": []string{strings.TrimPrefix(host(t), "unix://"), "/var/run/docker.sock"},
		"tcp": []string{"169.254.169.254:80", "127.0.0.1:22"}, "udp": []string{"169.254.169.254:53"}, "secret": "SECRET-of-the-gateway",
	})
	if err != nil {
		t.Fatal(err)
	}
	// In its own files in memory, its own network, and of its own init. Sockets of vsock are what docs/containers.md says of engines before 23.
	harmless := []string{" /tmp", " /dev/shm", "open the keeper's memory", "listen", "a socket of MPTCP", "a socket of netlink", "a socket of vsock"}
	for _, name := range []string{"files", "outside", "trace", "network"} {
		script := executor.Script{Version: "attack", Slug: "attack", Command: []string{"./attack", name}, Files: func(_ context.Context, dir string) error {
			text, err := os.ReadFile(attack)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "attack"), text, 0o755)
		}}
		run := begin(t, e, executor.Attempt{ID: "escape-" + name, Script: script, Params: params, Limits: executor.Limits{Timeout: time.Minute}})
		exit, text := executortest.End(t, run)
		if exit.Outcome != executor.Succeeded || strings.Contains(text, "SECRET") {
			t.Errorf("%s: %+v\n%s", name, exit, text)
		}
		for line := range strings.Lines(text) {
			what, is := strings.CutPrefix(strings.TrimSpace(line), "POSSIBLE: ")
			if is && !slices.ContainsFunc(harmless, func(known string) bool { return strings.HasSuffix(what, known) }) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

// What the kernel says of a script's rights.
func TestRights(t *testing.T) {
	t.Parallel()
	e := open(t, options(t))
	run := begin(t, e, executor.Attempt{ID: "rights", Script: executortest.Script("rights", map[string]string{"main.sh": `#!/bin/sh
grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status
id -u; id -g; ls /sys/class/net
for place in / /etc /anybody /declared /fairway /fairway/script /fairway/io /dev /proc/sys/kernel; do touch $place/x 2>/dev/null && echo writes to $place; done
head -c 30000000 /dev/zero >/declared/big 2>/dev/null && echo fills /declared
mount -t tmpfs x /tmp 2>/dev/null && echo mounts
kill -9 1 2>/dev/null; ulimit -c
`}), Limits: executor.Limits{Disk: 20 << 20}})
	exit, text := executortest.End(t, run)
	want := `CapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapBnd: 0000000000000000
CapAmb: 0000000000000000
NoNewPrivs: 1
Seccomp: 2
65534
65534
lo
writes to /declared
0
`
	if diff := cmp.Diff(want, strings.ReplaceAll(text, "\t", " ")); diff != "" || exit.Outcome != executor.Succeeded {
		t.Errorf("%+v\n%s", exit, diff)
	}
}

// What is past its deadline is ended by who is the runner next.
func TestDeadlineWithoutARunner(t *testing.T) {
	t.Parallel()
	o := options(t)
	first, err := docker.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	run := begin(t, first, executor.Attempt{ID: "overdue", Script: executortest.Script("deaf", map[string]string{"main.sh": "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n"}), Limits: executor.Limits{Timeout: 300 * time.Millisecond, Grace: time.Millisecond}})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	next := open(t, o)
	if run, err = next.Attach(t.Context(), run.ID()); err != nil {
		t.Fatal(err)
	}
	if exit, _ := executortest.End(t, run); exit.Outcome != executor.TimedOut {
		t.Errorf("%+v", exit)
	}
}

// An image without a shell: a program runs, and of one that is not there the engine's init says so.
func TestImageWithoutAShell(t *testing.T) {
	t.Parallel()
	o := options(t)
	box, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(box)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	to := tar.NewWriter(&archive)
	err = to.WriteHeader(&tar.Header{Name: "busybox", Mode: 0o755, Size: int64(len(program))})
	_, written := to.Write(program)
	if err := errors.Join(err, written, to.Close()); err != nil {
		t.Fatal(err)
	}
	own, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Load("fairway-test/bare:1", &archive); err != nil {
		t.Fatal(err)
	}
	o.Environments = map[string]string{"bare": "fairway-test/bare:{version}"}
	e := open(t, o)
	script := executortest.Script("bare", map[string]string{"configuration.json": `{"environment": "bare", "environment_version": "1"}`, "data": "x"})
	script.Command = []string{"/busybox", "cat", "/fairway/io/params.json", "/fairway/script/data"}
	exit, text := executortest.End(t, begin(t, e, executor.Attempt{ID: "bare", Script: script, Params: []byte(`{"a":1}`)}))
	if exit.Outcome != executor.Succeeded || text != "{\"a\":1}x\n" {
		t.Errorf("%+v %q", exit, text)
	}
	script.Command = []string{"no-such-program"}
	exit, text = executortest.End(t, begin(t, e, executor.Attempt{ID: "bare-2", Script: script}))
	if exit.Outcome != executor.Failed || exit.Code != 127 || !strings.Contains(text, "no-such-program") {
		t.Errorf("%+v %q", exit, text)
	}
}

func TestImagesThatNobodyWants(t *testing.T) {
	t.Parallel()
	o := options(t)
	e := open(t, o)
	// Images are removed when another is made, so there must be none of that name.
	fresh := "tidy-new-" + rand.Text()[:8]
	files := map[string]string{"main.sh": "#!/bin/sh\nwhile :; do sleep 0.05; done\n"}
	begin(t, e, executor.Attempt{ID: "keeps", Script: executortest.Script("tidy-runs", files)})
	for _, version := range []string{"tidy-old", "tidy-young"} {
		if err := e.Prepare(t.Context(), executortest.Script(version, files), nil); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-8 * 24 * time.Hour)
	for _, version := range []string{"tidy-old", "tidy-runs"} {
		if err := os.Chtimes(filepath.Join(o.Directory, "versions", version), then, then); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Prepare(t.Context(), executortest.Script(fresh, files), func(text string) { t.Error(text) }); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(client.WithHost(o.Host))
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	for version, want := range map[string]bool{"tidy-old": false, "tidy-runs": true, "tidy-young": true, fresh: true} {
		if _, err := api.ImageInspect(t.Context(), "fairway/script:v."+version); (err == nil) != want {
			t.Errorf("%s: %v", version, err)
		}
	}
}
