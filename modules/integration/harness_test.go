// Package integration_test runs the real binary as a process, with a Caddyfile, against backends of every kind.
package integration_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// root is the top of the module, seen from this package.
const root = "../.."

// patience is how long a test waits for a condition before it gives up. Nothing asserts how long a thing took.
const patience = 60 * time.Second

var (
	// binary is the path of the fairway that TestMain built.
	binary string
	// started counts gateways, so that a run in which nothing ran does not pass for a good one.
	started atomic.Int64
	// nextPort hands out ports below the ephemeral range, where no outgoing connection takes them meanwhile.
	nextPort atomic.Int64
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fairway-integration")
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		return 1
	}
	nextPort.Store(20000 + int64(os.Getpid()%10)*1000)
	code := m.Run()
	if err := onePostgres.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
	}
	selected := flag.Lookup("test.run").Value.String() + flag.Lookup("test.list").Value.String()
	if code == 0 && started.Load() == 0 && selected == "" {
		fmt.Fprintln(os.Stderr, "integration: no test started a gateway")
		return 1
	}
	return code
}

// build makes the binary that all tests share.
func build(dir string) error {
	binary = filepath.Join(dir, "fairway")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-tags", "nobadger,nomysql,nopgx,grpcnotrace,nopgxregisterdefaulttypes", "-o", binary, "./caddy")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return nil
}

// dependOnSources looks at every source file, because go test caches a result by what the test binary imports and
// by the files that the tests look at (what TestMain looks at before it runs them does not count). It imports nothing
// of the binary, so without this a change of the gateway would be answered with yesterday's "ok (cached)".
var dependOnSources = sync.OnceValue(func() error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if name := d.Name(); strings.HasSuffix(name, ".go") || name == "go.mod" || name == "go.sum" {
			_, err = os.Stat(path)
		}
		return err
	})
})

// gateway is one running fairway.
type gateway struct {
	t testing.TB
	// url is the site's origin, addr its host and port.
	url, addr string
	// admin is host and port of the admin endpoint.
	admin string
	// config is the file that it was started with; reload reads it again.
	config string
	env    []string
	cmd    *exec.Cmd
	log    lockedBuffer
	// ended is closed when the process is gone and err is set.
	ended chan struct{}
	err   error
}

// site puts the body into a site block at the address that startGateway chooses.
func site(body string) string { return siteWith("", body) }

// siteWith is site with global options.
func siteWith(options, body string) string {
	return "{\n\tskip_install_trust\n" + options + "\n}\n\n{$SITE_ADDRESS} {\n" + body + "\n}\n"
}

// startGateway runs the binary with a Caddyfile and waits until it answers. The file takes its site address from
// {$SITE_ADDRESS}; the admin endpoint's comes from the environment. The test fails if the process ends early, does
// not end on SIGTERM, or ends badly.
func startGateway(t testing.TB, caddyfile string, env ...string) *gateway {
	t.Helper()
	const attempts = 3 // another program may take a port between its choice and its use
	for n := 1; ; n++ {
		g := launch(t, caddyfile, env)
		err := g.waitUntilItAnswers()
		if err == nil {
			started.Add(1)
			t.Cleanup(g.stop)
			return g
		}
		if n == attempts || !strings.Contains(g.log.String(), "address already in use") {
			g.kill()
			t.Fatalf("the gateway did not start: %v\n%s", err, g.log.String())
		}
		g.kill()
	}
}

func launch(t testing.TB, caddyfile string, env []string) *gateway {
	t.Helper()
	if err := dependOnSources(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	g := &gateway{
		t: t, addr: freeAddress(t), admin: freeAddress(t), config: filepath.Join(dir, "Caddyfile"),
		ended: make(chan struct{}),
	}
	g.url = "http://" + g.addr
	g.env = append(isolated(dir), "SITE_ADDRESS="+g.url, "SITE_PORT="+g.addr[strings.LastIndexByte(g.addr, ':')+1:], "CADDY_ADMIN="+g.admin, "STATE_DIRECTORY="+stateDirectory(t))
	g.env = append(g.env, env...)
	if err := os.WriteFile(g.config, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	g.cmd = exec.CommandContext(context.Background(), binary, "run", "--config", g.config, "--adapter", "caddyfile")
	g.cmd.Env, g.cmd.Dir = g.env, dir
	g.cmd.Stdout, g.cmd.Stderr = &g.log, &g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		g.err = g.cmd.Wait()
		close(g.ended)
	}()
	return g
}

// isolated is an environment in which the binary finds nothing of the user who runs the tests.
func isolated(dir string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir,
		"XDG_DATA_HOME=" + filepath.Join(dir, "data"), "XDG_CONFIG_HOME=" + filepath.Join(dir, "config"),
	}
}

// stateDirectory is where the runner of a gateway of root keeps what it has to: users of scripts have to be able to enter it.
func stateDirectory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fairway-state-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (g *gateway) waitUntilItAnswers() error {
	return waitFor(func() error {
		select {
		case <-g.ended:
			return fatalError{fmt.Errorf("the process ended: %w", g.err)}
		default:
		}
		resp, err := client.Get(g.url + "/")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// stop ends the process as an operator would and checks that it went in order.
func (g *gateway) stop() {
	g.t.Helper()
	defer func() {
		wantDocumented(g.t, g.log.String())
		if g.t.Failed() {
			g.t.Logf("log of the gateway:\n%s", g.log.String())
		}
	}()
	select {
	case <-g.ended:
		g.t.Errorf("the gateway ended before it was told to: %v", g.err)
		return
	default:
	}
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		g.t.Errorf("SIGTERM: %v", err)
	}
	select {
	case <-g.ended:
	case <-time.After(patience):
		g.kill()
		g.t.Error("the gateway did not end on SIGTERM")
		return
	}
	if g.err != nil {
		g.t.Errorf("the gateway ended badly: %v", g.err)
	}
	if log := g.log.String(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
		g.t.Error("the log tells of a panic or a race")
	}
}

// restart ends the process as an operator would, and starts it again.
func (g *gateway) restart(t *testing.T) {
	t.Helper()
	g.stop()
	g.ended = make(chan struct{})
	old := g.cmd
	g.cmd = exec.CommandContext(context.Background(), old.Path, old.Args[1:]...)
	g.cmd.Env, g.cmd.Dir, g.cmd.Stdout, g.cmd.Stderr = old.Env, old.Dir, old.Stdout, old.Stderr
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		g.err = cmd.Wait()
		close(ended)
	}(g.cmd, g.ended)
	if err := g.waitUntilItAnswers(); err != nil {
		t.Fatal(err)
	}
}

func (g *gateway) kill() {
	_ = g.cmd.Process.Kill() // it may be gone already
	<-g.ended
}

// reload writes the Caddyfile anew and tells the running process of it.
func (g *gateway) reload(caddyfile string) error {
	if err := os.WriteFile(g.config, []byte(caddyfile), 0o600); err != nil {
		return err
	}
	out, err := g.command("reload", "--config", g.config, "--adapter", "caddyfile", "--address", g.admin)
	if err != nil {
		return fmt.Errorf("reload: %w\n%s", err, out)
	}
	return nil
}

// command runs another command of the binary in the gateway's environment and gives all it printed.
func (g *gateway) command(args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), binary, args...)
	cmd.Env, cmd.Dir = g.env, filepath.Dir(g.config)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// validate says what the binary thinks of a Caddyfile, without running it.
func validate(t testing.TB, caddyfile string) (string, error) {
	t.Helper()
	if err := dependOnSources(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	g := &gateway{t: t, config: filepath.Join(dir, "Caddyfile")}
	g.env = append(isolated(dir), "SITE_ADDRESS=http://127.0.0.1:1", "DATABASE_URL=sqlite:"+filepath.Join(dir, "any.db"), "PGPASSWORD=any", "FAIRWAY_SECRET="+someSecret, "FAIRWAY_OLD_SECRET="+olderSecret)
	g.env = append(g.env, pageSecrets()...)
	if strings.Contains(caddyfile, "/etc/fairway/") {
		caddyfile = strings.ReplaceAll(caddyfile, "/etc/fairway/", operatorFiles(t)+"/")
	}
	if err := os.WriteFile(g.config, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	return g.command("validate", "--config", g.config, "--adapter", "caddyfile")
}

// someSecret is 32 bytes that look random.
const someSecret = "984ca5162200734c592148f1820b71057f098573d138666b48663e4e30cd8d3a"

// olderSecret is another one.
const olderSecret = "5c1b77a0e3d24f689b0c3fa7126de0458e91b2c4d7f6a83015ce29b4487dfa60"

// client neither follows redirects nor adds an Accept-Encoding, and keeps no connection that would count as ours
// in the gateway.
var client = &http.Client{
	Timeout:       patience,
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
