package gateway

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/process"
)

// Runner is a process of `fairway runner`.
type Runner struct {
	// URL is where its health and its metrics are.
	URL string

	t       testing.TB
	path    string
	dir     string
	env     []string
	process *process.Process
	killed  bool
}

// StartRunner runs one by a block of the option fairway, until the test ends. It must then end in order.
func StartRunner(t testing.TB, b *build.Builder, block string, env []string) *Runner {
	t.Helper()
	path, err := b.Fairway()
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{t: t, path: path, dir: t.TempDir()}
	r.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "XDG_DATA_HOME=" + filepath.Join(r.dir, "data"), "XDG_CONFIG_HOME=" + filepath.Join(r.dir, "config"),
	}, env...)
	if err := os.WriteFile(r.config(), []byte("{\n\tfairway {\n"+block+"\n\t}\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Run()
	t.Cleanup(func() {
		if r.killed {
			return
		}
		if err := r.process.Stop(); err != nil {
			t.Error(err)
		}
		if log := r.process.Log(); t.Failed() {
			t.Logf("end of the runner's log:\n%s", log[max(0, len(log)-12000):])
		}
	})
	return r
}

func (r *Runner) config() string { return filepath.Join(r.dir, "Caddyfile") }

// Run starts it again after Kill.
func (r *Runner) Run() {
	r.t.Helper()
	const attempts = 3 // another program may take a port between its choice and its use
	var err error
	for range attempts {
		var port string
		if port, err = process.FreePort(); err != nil {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", port)
		r.process, err = process.Start(process.Spec{
			Path: r.path, Args: []string{"runner", "--config", r.config(), "--adapter", "caddyfile", "--listen", address}, Env: r.env, Dir: r.dir, Log: filepath.Join(r.dir, "log"),
		})
		if err != nil {
			continue
		}
		r.URL = "http://" + address
		if err = r.process.Await(r.t.Context(), r.URL+"/", patience); err == nil {
			r.killed = false
			return
		}
		r.process.Kill()
	}
	r.t.Fatalf("%v\n%s", err, r.process.Log())
}

// Kill ends it as a crash would.
func (r *Runner) Kill() {
	r.process.Kill()
	r.killed = true
}

// Log is all that it wrote.
func (r *Runner) Log() string { return r.process.Log() }

// PID is the id of its process.
func (r *Runner) PID() int { return r.process.PID() }
