// Package gateway runs the fairway that is built from the source beside this module.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/process"
)

// patience is how long a gateway may take to start, and an answer to come.
const patience = time.Minute

// Options say how a gateway is started.
type Options struct {
	// Global are lines for the block of global options; Fairway for that of the option fairway in it.
	Global, Fairway string
	// Site is what is in the site's block.
	Site string
	// Env is added to its environment.
	Env []string
	// Caddyfile is the whole file, which names {$SITE_ADDRESS}, in the place of Global, Fairway and Site.
	Caddyfile string
	// Data is the directory of its data. Default: one of its own.
	Data string
	// Stays says that it has the same ports when it runs again, as somebody else's configuration has them.
	Stays bool
}

// Gateway is a running fairway.
type Gateway struct {
	// URL is the origin of its site, Admin that of its admin endpoint.
	URL, Admin string
	// Data is the directory where it keeps what it must not forget.
	Data string

	t       testing.TB
	path    string
	config  string
	env     []string
	port    string // for Caddy's redirects, where a file names one
	stays   bool
	process *process.Process
	client  *http.Client
}

// Answer is what the gateway answered.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// NewSecret makes the secret of a gateway, or of those that share a store: 32 bytes in base64, as openssl would print them.
func NewSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	return base64.StdEncoding.EncodeToString(secret)
}

// Start runs a gateway until the test ends. It must then end in order, without a panic or a race.
func Start(t testing.TB, b *build.Builder, o Options) *Gateway {
	t.Helper()
	g := prepare(t, b, o)
	g.Run()
	t.Cleanup(func() {
		g.client.CloseIdleConnections()
		if g.process != nil && g.process.Running() {
			g.Stop()
		}
		if t.Failed() && g.process != nil {
			log := g.process.Log()
			t.Logf("end of the gateway's log:\n%s", log[max(0, len(log)-12000):])
		}
	})
	return g
}

func prepare(t testing.TB, b *build.Builder, o Options) *Gateway {
	t.Helper()
	path, err := b.Fairway()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	g := &Gateway{t: t, path: path, config: filepath.Join(dir, "Caddyfile"), Data: o.Data, stays: o.Stays}
	if g.Data == "" {
		g.Data = filepath.Join(dir, "data")
	}
	g.client = &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 600},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	state, err := os.MkdirTemp("", "fairway-state-")
	if err == nil {
		err = os.Chmod(state, 0o711) //nolint:gosec // users of scripts have to be able to enter it
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(state); err != nil {
			t.Error(err)
		}
	})
	g.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_DATA_HOME=" + g.Data, "XDG_CONFIG_HOME=" + filepath.Join(dir, "config"), "STATE_DIRECTORY=" + state,
	}, o.Env...)
	g.write(o)
	return g
}

// write writes its Caddyfile.
func (g *Gateway) write(o Options) {
	g.t.Helper()
	if o.Caddyfile != "" {
		g.writeFile(o.Caddyfile)
		return
	}
	fairway := ""
	if o.Fairway != "" {
		fairway = "\tfairway {\n" + o.Fairway + "\n\t}\n"
	}
	text := "{\n\tskip_install_trust\n" + o.Global + "\n" + fairway + "}\n\n{$SITE_ADDRESS} {\n\thealth\n" + o.Site + "\n}\n"
	g.writeFile(text)
}

func (g *Gateway) writeFile(text string) {
	g.t.Helper()
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// Run starts it again after Kill or Stop, on other ports unless it stays.
func (g *Gateway) Run() {
	g.t.Helper()
	const attempts = 3 // another program may take a port between its choice and its use
	var err error
	for range attempts {
		if err = g.run(); err == nil {
			return
		}
	}
	g.t.Fatal(err)
}

func (g *Gateway) run() error {
	if !g.stays || g.process == nil {
		if err := g.place(); err != nil {
			return err
		}
	}
	var err error
	g.process, err = process.Start(process.Spec{
		Path: g.path, Args: []string{"run", "--config", g.config, "--adapter", "caddyfile"}, Dir: filepath.Dir(g.config),
		Env: g.environment(), Log: filepath.Join(filepath.Dir(g.config), "log"),
	})
	if err != nil {
		return err
	}
	if err := g.process.Await(context.Background(), g.URL+"/", patience); err != nil {
		g.process.Kill()
		return err
	}
	return nil
}

// place chooses ports.
func (g *Gateway) place() error {
	var ports [3]string
	for i := range ports {
		var err error
		if ports[i], err = process.FreePort(); err != nil {
			return err
		}
	}
	g.port = ports[2]
	g.URL, g.Admin = "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	return nil
}

func (g *Gateway) environment() []string {
	return append([]string{"SITE_ADDRESS=" + g.URL, "HTTP_PORT=" + g.port, "CADDY_ADMIN=" + strings.TrimPrefix(g.Admin, "http://")}, g.env...)
}

// Stop ends it as an operator would.
func (g *Gateway) Stop() {
	g.t.Helper()
	if err := g.process.Stop(); err != nil {
		g.t.Errorf("the gateway: %v", err)
	}
	if log := g.process.Log(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
		g.t.Errorf("the log tells of a panic or a race")
	}
}

// Leave asks it to end, as an operator would, and waits for nothing.
func (g *Gateway) Leave() error { return syscall.Kill(g.process.PID(), syscall.SIGTERM) }

// Ended waits until it has ended, in order, after Leave.
func (g *Gateway) Ended(within time.Duration) {
	g.t.Helper()
	select {
	case <-g.process.Ended():
	case <-time.After(within):
		g.t.Fatalf("the gateway goes on")
	}
	if log := g.process.Log(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") || !strings.Contains(log, "shutdown complete") {
		g.t.Errorf("it did not end in order: %s", log[max(0, len(log)-3000):])
	}
}

// Kill ends it as a crash would.
func (g *Gateway) Kill() { g.process.Kill() }

// Reload gives it another Caddyfile.
func (g *Gateway) Reload(o Options) {
	g.t.Helper()
	g.write(o)
	cmd := exec.CommandContext(context.Background(), g.path, "reload", "--force", "--config", g.config, "--adapter", "caddyfile", "--address", strings.TrimPrefix(g.Admin, "http://")) //nolint:gosec // ours
	cmd.Env = g.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		g.t.Fatalf("reload: %v\n%s", err, out)
	}
}

// Log is all that it wrote.
func (g *Gateway) Log() string { return g.process.Log() }

// PID is the id of its process.
func (g *Gateway) PID() int { return g.process.PID() }

// Request makes a request of a path, with credentials unless the user is empty.
func (g *Gateway) Request(method, path, user, password string, body io.Reader) *http.Request {
	g.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, g.URL+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	return req
}

// Do sends a request. It may be called from any goroutine.
func (g *Gateway) Do(req *http.Request) (Answer, error) {
	resp, err := g.client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}, nil
}

// Get asks for a path, with credentials unless the user is empty.
func (g *Gateway) Get(path, user, password string) Answer {
	g.t.Helper()
	a, err := g.Do(g.Request(http.MethodGet, path, user, password, nil))
	if err != nil {
		g.t.Fatal(err)
	}
	return a
}

// AdminText asks the admin endpoint.
func (g *Gateway) AdminText(path string) string {
	g.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, g.Admin+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	a, err := g.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	if a.Status != http.StatusOK {
		g.t.Fatalf("%s: %d %.300s", path, a.Status, a.Body)
	}
	return a.Body
}

// String is the answer, for messages.
func (a Answer) String() string { return fmt.Sprintf("%d %.600s", a.Status, a.Body) }
