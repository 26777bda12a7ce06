package peers

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/process"
)

// patience is how long a peer may take to start.
const patience = time.Minute

// server is a peer that runs, with what is needed to start it again.
type server struct {
	t       testing.TB
	path    string
	log     string
	env     []string
	process *process.Process
}

func newServer(t testing.TB, b *build.Builder, p build.Peer) *server {
	t.Helper()
	path, err := b.Peer(p)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, path: path, log: filepath.Join(t.TempDir(), p.Module+".log")}
	t.Cleanup(func() {
		if s.process != nil {
			s.stop()
		}
		if t.Failed() {
			if content, err := os.ReadFile(s.log); err == nil {
				t.Logf("end of the log of %s:\n%s", p.Module, content[max(0, len(content)-6000):])
			}
		}
	})
	return s
}

// start runs it with these arguments on a free port and gives its origin once it answers at path.
func (s *server) start(ready string, args func(address string) []string) string {
	s.t.Helper()
	const attempts = 3 // another program may take the port between its choice and its use
	var err error
	for range attempts {
		var port string
		if port, err = process.FreePort(); err != nil {
			break
		}
		address := "127.0.0.1:" + port
		s.process, err = process.Start(process.Spec{Path: s.path, Args: args(address), Env: append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}, s.env...), Log: s.log})
		if err != nil {
			break
		}
		if err = s.process.Await(context.Background(), "http://"+address+ready, patience); err == nil {
			return "http://" + address
		}
		s.process.Kill()
		s.process = nil
	}
	s.t.Fatal(err)
	return ""
}

// stop ends it, and it is an error if it ended before.
func (s *server) stop() {
	s.t.Helper()
	// How it says goodbye is its own affair: Dex ends with 2.
	if err := s.process.Stop(); errors.Is(err, process.ErrEnded) {
		s.t.Errorf("%s: %v", filepath.Base(s.path), err)
	}
	s.process = nil
}
