package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long the tests wait for a process before they call it stuck.
const patience = 60 * time.Second

// build compiles the binary once, as `make build` does but for the stripping, so that they share the compile cache.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "fairway-binary")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "fairway")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nobadger,nomysql,nopgx,grpcnotrace,nopgxregisterdefaulttypes", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("go build: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if bin, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(code)
}

// site is a folder with a Caddyfile whose listeners are sockets in the same folder: no port is taken, so tests can
// run at once and beside a Fairway in use.
type site struct {
	bin, dir string
}

func newSite(t *testing.T, body string) *site {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	// t.TempDir is too long for the name of a socket.
	dir, err := os.MkdirTemp("", "fw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &site{bin: bin, dir: dir}
	s.write(t, body)
	return s
}

func (s *site) write(t *testing.T, body string) {
	t.Helper()
	text := fmt.Sprintf("{\n\tadmin unix/%s\n}\n\nhttp://fairway.test {\n\tbind unix/%s\n\trespond %q\n}\n",
		s.socket("admin"), s.socket("http"), body)
	if err := os.WriteFile(filepath.Join(s.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *site) socket(name string) string { return filepath.Join(s.dir, name+".sock") }

func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.bin, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir, "XDG_DATA_HOME="+s.dir)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// must runs the binary in the site's folder and returns what it printed.
func (s *site) must(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	// Not t.Context: it has ended when a cleanup stops the server.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// Files, not buffers: `fairway start` leaves its output to the server it starts, and a pipe would wait for that.
	var outputs [2]*os.File
	for i := range outputs {
		f, err := os.CreateTemp(s.dir, "output")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		outputs[i] = f
	}
	cmd := s.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = outputs[0], outputs[1]
	runErr := cmd.Run()
	var texts [2]string
	for i, f := range outputs {
		raw, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(raw)
	}
	if runErr != nil {
		t.Fatalf("fairway %s: %v\n%s%s", strings.Join(args, " "), runErr, texts[0], texts[1])
	}
	return texts[0], texts[1]
}

// get asks the site for its page.
func (s *site) get(ctx context.Context) (body string, header http.Header, err error) {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.socket("http"))
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://fairway.test/", nil)
	if err != nil {
		return "", nil, err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return "", nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return string(raw), res.Header, err
}

// await asks until the site answers with body.
func (s *site) await(t *testing.T, want string) http.Header {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, header, err := s.get(ctx)
		if err == nil && got == want {
			return header
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the site never answered %q; last: %q, %v", want, got, err)
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	s := newSite(t, "one")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var log bytes.Buffer
	cmd := s.command(ctx, "run") // without flags it takes ./Caddyfile
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waited := false
	defer func() {
		if !waited {
			cancel()
			_ = cmd.Wait()
			t.Logf("log of fairway run:\n%s", &log)
		}
	}()

	if got := s.await(t, "one").Values("Server"); len(got) != 1 || got[0] != "Fairway" {
		t.Errorf("header Server is %q, want Fairway alone", got)
	}
	s.write(t, "two")
	s.must(t, "reload")
	s.await(t, "two")
	s.must(t, "stop", "--config", "Caddyfile")
	if err := cmd.Wait(); err != nil {
		t.Errorf("fairway run ended with %v after fairway stop", err)
	}
	waited = true
}

func TestStartStop(t *testing.T) {
	t.Parallel()
	s := newSite(t, "started")
	s.must(t, "start", "--pidfile", "pid")
	t.Cleanup(func() { s.killLeftOver(t) })
	s.await(t, "started")
	s.must(t, "stop", "--config", "Caddyfile")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := s.get(ctx); err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		t.Fatal("the site still answers after fairway stop")
	}
}

// killLeftOver ends the server whose process ID is in the file pid, which a server that stopped by itself has removed.
func (s *site) killLeftOver(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err := errors.Join(err, convErr); err != nil {
		t.Errorf("reading the process ID: %v", err)
		return
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	t.Logf("killed the server %d that fairway start left: %v", pid, err)
}

func TestConfigCommands(t *testing.T) {
	t.Parallel()
	s := newSite(t, "hello")
	if out, _ := s.must(t, "adapt", "--validate"); !strings.Contains(out, `"handler":"static_response"`) {
		t.Errorf("fairway adapt printed no handler:\n%s", out)
	}
	s.must(t, "validate")
	s.must(t, "fmt", "--diff", "Caddyfile")

	untidy := filepath.Join(s.dir, "untidy")
	if err := os.WriteFile(untidy, []byte("http://fairway.test   {\nrespond hello\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must(t, "fmt", "--overwrite", "untidy")
	if got, err := os.ReadFile(untidy); err != nil || string(got) != "http://fairway.test {\n\trespond hello\n}\n" {
		t.Errorf("fairway fmt made %q, %v", got, err)
	}

	wrong := filepath.Join(s.dir, "wrong")
	if err := os.WriteFile(wrong, []byte("http://fairway.test {\n\trespnod hello\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := s.command(ctx, "validate", "--adapter", "caddyfile", "--config", "wrong").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "wrong:2") {
		t.Errorf("fairway validate of a misspelt directive: %v, want an error with file and line:\n%s", err, out)
	}
}

func TestWhatItSaysOfItself(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	caddyVersion := readGoMod(t).version(caddyModule)
	tests := []struct {
		args   []string
		want   []string
		refuse []string
	}{
		{args: []string{"version"}, want: []string{"fairway 0.1.0, caddy " + caddyVersion + " "}},
		{args: []string{"--version"}, want: []string{"fairway 0.1.0, caddy " + caddyVersion + " "}},
		{
			args:   []string{"--help"},
			want:   []string{"Fairway puts a clean front", "Usage:\n  fairway [command]", "$ fairway run", "$ fairway stop"},
			refuse: []string{"caddy run", "$ caddy", "about  "},
		},
		{args: []string{"help", "start"}, want: []string{"fairway start [--config", "'fairway run'"}, refuse: []string{"caddy run"}},
		{args: []string{"list-modules"}, want: []string{"\nhttp.handlers.reverse_proxy\n", "\ntls.issuance.acme\n", "\nhttp.handlers.templates\n"}},
		{args: []string{"build-info"}, want: []string{fairwayModule + "/caddy", "-tags=nobadger,nomysql,nopgx,grpcnotrace,nopgxregisterdefaulttypes"}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			out, _ := s.must(t, tt.args...)
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
			for _, word := range tt.refuse {
				if strings.Contains(out, word) {
					t.Errorf("the output has %q:\n%s", word, out)
				}
			}
		})
	}
}

// TestOverriddenVersion builds with the flag that `make build` uses.
func TestOverriddenVersion(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "fairway")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "nobadger,nomysql,nopgx,grpcnotrace,nopgxregisterdefaulttypes",
		"-ldflags", "-X "+fairwayModule+"/caddy/identity.version=v7.8.9-test", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), bin, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "fairway 7.8.9-test, caddy v2.") {
		t.Errorf("fairway version printed %q, %v", out, err)
	}
}

// TestNoCommandIsMissing names every command a user may have in a script.
func TestNoCommandIsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	for _, name := range []string{
		"adapt", "build-info", "completion", "db", "environ", "file-server", "fmt", "hash-password", "list-modules", "manpage",
		"reload", "respond", "reverse-proxy", "run", "start", "stop", "storage", "trust", "untrust", "validate", "version",
	} {
		if out, _ := s.must(t, name, "--help"); !strings.Contains(out, "fairway "+name) {
			t.Errorf("fairway %s --help does not name the command:\n%s", name, out)
		}
	}
	if _, err := os.Stat(s.socket("admin")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("asking for help opened the admin socket: %v", err)
	}
}
