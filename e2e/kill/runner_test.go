package kill_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/process"
)

// runner is a process of `fairway runner`.
type runner struct {
	t       *testing.T
	dir     string
	env     []string
	process *process.Process
}

// startRunner runs one by a block of the option fairway, until the test ends. It must then end in order.
func startRunner(t *testing.T, block string, env []string) *runner {
	t.Helper()
	r := &runner{t: t, dir: t.TempDir()}
	r.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "XDG_DATA_HOME=" + filepath.Join(r.dir, "data"), "XDG_CONFIG_HOME=" + filepath.Join(r.dir, "config"),
	}, env...)
	if err := os.WriteFile(r.config(), []byte("{\n\tfairway {\n"+block+"\n\t}\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Run()
	t.Cleanup(func() {
		if err := r.process.Stop(); err != nil {
			t.Error(err)
		}
		if log := r.process.Log(); t.Failed() {
			t.Logf("end of the runner's log:\n%s", log[max(0, len(log)-12000):])
		}
	})
	return r
}

func (r *runner) config() string { return filepath.Join(r.dir, "Caddyfile") }

// Run starts it again after Kill.
func (r *runner) Run() {
	r.t.Helper()
	path, err := builder.Fairway()
	if err != nil {
		r.t.Fatal(err)
	}
	const attempts = 3 // another program may take a port between its choice and its use
	for range attempts {
		var port string
		if port, err = process.FreePort(); err != nil {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", port)
		r.process, err = process.Start(process.Spec{
			Path: path, Args: []string{"runner", "--config", r.config(), "--adapter", "caddyfile", "--listen", address}, Env: r.env, Dir: r.dir, Log: filepath.Join(r.dir, "log"),
		})
		if err != nil {
			continue
		}
		if err = r.process.Await(r.t.Context(), "http://"+address+"/", patience); err == nil {
			return
		}
		r.process.Kill()
	}
	r.t.Fatalf("%v\n%s", err, r.process.Log())
}

// Kill ends it as a crash would.
func (r *runner) Kill() { r.process.Kill() }
