package process

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(Spec{Name: "shell", Path: "/bin/sh", Args: []string{"-c", script}, Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStopEndsDescendants(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	p, err := Start(Spec{Name: "shell", Path: "/bin/sh", Args: []string{"-c", "sleep 1000 & sleep 1000"}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for syscall.Kill(-p.PID(), 0) == nil { // the group exists as long as one of its processes does
		if time.Now().After(deadline) {
			t.Fatal("the process group is still there")
		}
	}
}

func TestAwaitOK(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/fine" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte("body"))
	}))
	t.Cleanup(server.Close)

	p := shell(t, "sleep 1000")
	body, err := p.AwaitOK(t.Context(), server.URL+"/fine", 10*time.Second)
	if err != nil || string(body) != "body" {
		t.Errorf("AwaitOK = %q, %v", body, err)
	}
	if _, err := p.AwaitOK(t.Context(), server.URL+"/other", 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("AwaitOK of a 404: error %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestAProcessThatEnds(t *testing.T) {
	t.Parallel()
	p := shell(t, "echo out of memory; exit 3")
	_, err := p.AwaitOK(t.Context(), "http://127.0.0.1:1/", 10*time.Second)
	if !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("AwaitOK: error %v; want %v with what it wrote", err, ErrEnded)
	}
	if size, err := p.LogSize(); err != nil || size != int64(len("out of memory\n")) {
		t.Errorf("LogSize = %d, %v", size, err)
	}
	if err := p.Stop(); !errors.Is(err, ErrEnded) {
		t.Errorf("Stop: error %v; want %v", err, ErrEnded)
	}
}

func TestStartOfNothing(t *testing.T) {
	t.Parallel()
	_, err := Start(Spec{Name: "nothing", Path: "/nonexistent", Log: filepath.Join(t.TempDir(), "log")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Start: error %v; want %v", err, os.ErrNotExist)
	}
}

func TestFreePorts(t *testing.T) {
	t.Parallel()
	ports, err := FreePorts(20)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ports)
	if got := slices.Compact(slices.Clone(ports)); len(got) != 20 {
		t.Errorf("FreePorts(20) = %v; want twenty different ones", ports)
	}
}
