package integration_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLocalAuthority holds that who uses a gateway of his own on the same machine needs no certificate of its authority, and that others name it, once.
func TestLocalAuthority(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
	newUser(t, dsn, "ann@example.org", goodPassword, "ADMIN")
	port := strings.TrimPrefix(freeAddress(t), "127.0.0.1:")
	url := "https://localhost:" + port
	g := startGateway(t, siteWith("\tauto_https disable_redirects\n\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\trunner off\n\t}", "\thealth")+"\n"+url+" {\n\tcontrol\n}\n", "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
	data := filepath.Join(filepath.Dir(g.config), "data")
	ca := filepath.Join(data, "caddy", "pki", "authorities", "local", "root.crt")
	if err := waitFor(func() error { _, err := os.Stat(ca); return err }); err != nil {
		t.Fatal(err)
	}
	s := userShell(t)
	// The certificate may come a moment later than its authority's.
	if err := waitFor(func() error {
		if c := s.call(t, goodPassword+"\n", "login", "--url", url, "--email", "ann@example.org"); strings.Contains(c.err, "tls: internal error") {
			return errors.New(c.err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if c := s.call(t, goodPassword+"\n", "login", "--url", url, "--email", "ann@example.org"); c.code != 1 || !strings.Contains(c.err, "can be given by --ca") || strings.Contains(c.err, goodPassword) {
		t.Errorf("%+v", c)
	}
	s.write(t, "ca.pem", read(t, ca))
	if c := s.call(t, goodPassword+"\n", "login", "--url", url, "--email", "ann@example.org", "--ca", "ca.pem"); c.code != 0 {
		t.Errorf("%+v", c)
	}
	s.wantSaid(t, 0, `{"scripts":[]}`, "script", "list", "--json")
	own := userShell(t, "XDG_DATA_HOME="+data)
	if c := own.call(t, goodPassword+"\n", "login", "--url", url, "--email", "ann@example.org"); c.code != 0 {
		t.Errorf("%+v", c)
	}
	own.wantSaid(t, 0, `{"scripts":[]}`, "script", "list", "--json")
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFollowAcrossReloads holds that who follows an execution sees each line once, whatever the gateway does meanwhile.
func TestFollowAcrossReloads(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
	newUser(t, dsn, "ann@example.org", goodPassword, "ADMIN")
	site := scriptSite(filepath.Join(openDirectory(t), "runner"))
	g := startGateway(t, site, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
	s := userShell(t, "FAIRWAY_URL="+g.url)
	if c := s.call(t, goodPassword+"\n", "login", "--email", "ann@example.org"); c.code != 0 {
		t.Fatal(c)
	}
	s.write(t, "counts.sh", "#!/bin/sh\ni=0\nwhile :; do i=$((i+1)); echo \"line $i\"; sleep 0.05; done\n")
	if c := s.call(t, "", "script", "publish", "counts.sh"); c.code != 0 {
		t.Fatal(c)
	}
	cmd := exec.CommandContext(t.Context(), binary, "script", "run", "counts", "--follow", "--json")
	cmd.Dir, cmd.Env = s.dir, s.env
	var out, failed lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(2*patience, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer kill.Stop()
	for _, more := range []int{3, 20, 40} {
		soon(t, "lines come", func() bool { return strings.Count(out.String(), `"event":"log"`) >= more })
		if err := g.reload(site + "# " + strings.Repeat("x", more) + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	soon(t, "more lines come", func() bool { return strings.Count(out.String(), `"event":"log"`) >= 60 })
	var list struct{ Executions []struct{ ID string } }
	if c := s.call(t, "", "execution", "list", "--json"); json.Unmarshal([]byte(c.out), &list) != nil || len(list.Executions) != 1 {
		t.Fatal(c)
	}
	s.wantSaid(t, 0, "execution ID is CANCELLING", "execution", "cancel", list.Executions[0].ID)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("%v: %s", err, failed.String())
	}
	next := int64(1)
	for line := range strings.Lines(out.String()) {
		var e struct {
			Event string
			Log   struct {
				ID   int64
				Text string
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Event != "log" {
			continue
		}
		if e.Log.ID != next {
			t.Errorf("line %d comes where %d should", e.Log.ID, next)
		}
		next = e.Log.ID + 1
	}
}
