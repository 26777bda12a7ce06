//go:build linux && (amd64 || arm64)

package process_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/process"
)

// secret is what nobody may find.
const secret = "SECRET-d41d8cd98f00b204"

// target is what the attacker is told; see testdata/attack.
type target struct {
	Files  []string `json:"files,omitempty"`
	Dirs   []string `json:"dirs,omitempty"`
	Pid    int      `json:"pid,omitempty"`
	Unix   []string `json:"unix,omitempty"`
	TCP    []string `json:"tcp,omitempty"`
	UDP    []string `json:"udp,omitempty"`
	MiB    int      `json:"mib,omitempty"`
	Count  int      `json:"count,omitempty"`
	Secret string   `json:"secret,omitempty"`
}

// victim is a gateway with all that it has: a process with secrets in its environment, a data directory, a Caddyfile, a database's socket and
// services on loopback, none of them kept from others by their modes.
type victim struct {
	target
	dir     string
	process *exec.Cmd
	ended   chan error
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{dir: home(t), ended: make(chan error, 1)}
	v.Secret = secret
	data := filepath.Join(v.dir, "data")
	for _, err := range []error{
		os.Chmod(v.dir, 0o777), os.Mkdir(data, 0o777), os.Chmod(data, 0o777),
		os.WriteFile(filepath.Join(data, "fairway.db"), []byte(secret), 0o666),
		os.WriteFile(filepath.Join(v.dir, "Caddyfile"), []byte(secret), 0o666),
		os.Chmod(filepath.Join(data, "fairway.db"), 0o666), os.Chmod(filepath.Join(v.dir, "Caddyfile"), 0o666),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	v.Files = []string{filepath.Join(data, "fairway.db"), filepath.Join(v.dir, "Caddyfile")}
	v.Dirs = []string{data, v.dir}
	v.listen(t)

	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	v.process = exec.Command(bin, "wait", "{}")
	v.process.Env = []string{"DATABASE_URL=postgres://fairway:" + secret + "@localhost"}
	stdout, err := v.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.process.Start(); err != nil {
		t.Fatal(err)
	}
	v.Pid = v.process.Process.Pid
	// It is there when it has said something.
	if _, err := io.ReadFull(stdout, make([]byte, 7)); err != nil {
		t.Fatal(err)
	}
	go func() { v.ended <- v.process.Wait() }()
	t.Cleanup(func() {
		_ = v.process.Process.Kill()
		t.Logf("the gateway: %v", <-v.ended)
	})
	return v
}

// listen makes the sockets.
func (v *victim) listen(t *testing.T) {
	t.Helper()
	var config net.ListenConfig
	for _, kind := range []string{"unix", "unixpacket", "tcp", "tcp6"} {
		address := map[string]string{"unix": filepath.Join(v.dir, ".s.PGSQL.5432"), "unixpacket": filepath.Join(v.dir, "packets"), "tcp": "127.0.0.1:0", "tcp6": "[::1]:0"}[kind]
		listener, err := config.Listen(t.Context(), kind, address)
		if err != nil && kind == "tcp6" {
			continue // not every machine has it
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		if strings.HasPrefix(kind, "unix") {
			v.Unix = append(v.Unix, address)
			if err := os.Chmod(address, 0o777); err != nil {
				t.Fatal(err)
			}
		} else {
			v.TCP = append(v.TCP, listener.Addr().String())
		}
	}
	for kind, address := range map[string]string{"unixgram": filepath.Join(v.dir, "datagrams"), "udp": "127.0.0.1:0"} {
		conn, err := config.ListenPacket(t.Context(), kind, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if kind == "udp" {
			v.UDP = append(v.UDP, conn.LocalAddr().String())
			continue
		}
		v.Unix = append(v.Unix, address)
		if err := os.Chmod(address, 0o777); err != nil {
			t.Fatal(err)
		}
	}
}

// unharmed says whether all is as it was.
func (v *victim) unharmed(t *testing.T) {
	t.Helper()
	for _, name := range v.Files {
		if text, err := os.ReadFile(name); err != nil || string(text) != secret {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o666 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	entries, err := os.ReadDir(v.Dirs[0])
	if err != nil || len(entries) != 1 {
		t.Errorf("the data directory has %d files, %v", len(entries), err)
	}
	select {
	case err := <-v.ended:
		t.Errorf("the gateway has ended: %v", err)
		v.ended <- err
	default:
	}
	priority, err := unix.Getpriority(unix.PRIO_PROCESS, v.Pid)
	own, ownErr := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil || ownErr != nil || priority != own {
		t.Errorf("the gateway's priority is %d, not %d: %v", priority, own, err)
	}
}

// program is the attacker, which whoever runs the tests as another user has compiled.
func program() (string, error) {
	if bin := os.Getenv("FAIRWAY_TEST_ATTACKER"); bin != "" {
		return bin, nil
	}
	return attacker()
}

// hostile is the attacker as a script.
func hostile(t testing.TB) executor.Script {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return executor.Script{Version: "hostile", Slug: "hostile", Files: func(_ context.Context, dir string) error {
		text, err := os.ReadFile(bin)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "attack"), text, 0o755)
	}}
}

// attack starts one attack.
func (p *place) attack(name string, what target, limits executor.Limits) executor.Run {
	p.t.Helper()
	params, err := json.Marshal(what)
	if err != nil {
		p.t.Fatal(err)
	}
	s := hostile(p.t)
	s.Command = []string{"./attack", name}
	process.Fill(p.Executor, 1) // keeper and stage are started before
	return p.begin(executor.Attempt{ID: "attack-" + name, Execution: "x", Number: 1, Script: s, Params: params, Limits: limits})
}

// control does an attack where nothing prevents it, so that a test in which it fails can fail, too.
func control(t *testing.T, name string, what target) string {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	params, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	cmd := exec.CommandContext(ctx, bin, name, string(params))
	cmd.Dir = home(t)
	cmd.Env = []string{"TMPDIR=" + cmd.Dir, "FAIRWAY_SCRIPT_DIR=" + filepath.Join(cmd.Dir, "x", "y")}
	if err := os.MkdirAll(filepath.Join(cmd.Dir, "x", "y"), 0o777); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the control: %v\n%s", err, out)
	}
	return string(out)
}

// possible are the lines of what an attack could.
func possible(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, "POSSIBLE") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// escape does an attack inside, in which nothing must be possible, and then outside, in which each of some things must.
func escape(t *testing.T, name string, change func(*process.Options), wants ...string) {
	t.Helper()
	v := newVictim(t)
	p := open(t, change)
	exit, text := executortest.End(t, p.attack(name, v.target, executor.Limits{}))
	if exit.Outcome != executor.Succeeded || !strings.Contains(text, "done") {
		t.Errorf("the attack did not come to its end: %+v\n%s", exit, text)
	}
	for _, line := range possible(text) {
		t.Error(line)
	}
	if strings.Contains(text, secret) {
		t.Error("it has the secret")
	}
	v.unharmed(t)
	t.Logf("%s", text)
	if len(wants) == 0 {
		return
	}
	other := newVictim(t)
	could := possible(control(t, name, other.target))
	for _, want := range wants {
		if !slices.ContainsFunc(could, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("the attack cannot %q where nothing prevents it: %q", want, could)
		}
	}
}

// gone waits until a process has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	n, err := 0, error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience/time.Millisecond))
	}
	if err != nil || n != 1 {
		t.Errorf("process %d still runs: %v", pid, err)
	}
}

// processesOf counts processes that run under a keeper of ours and have a word in their arguments.
func processesOf(t *testing.T, word string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, entry := range entries {
		if text, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline"); err == nil && bytes.Contains(text, []byte(word)) {
			count++
		}
	}
	return count
}
