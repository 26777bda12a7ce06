//go:build linux

// Package image_test builds the images of Fairway with a real Docker Engine, from the Dockerfile as it is, and runs what docs/docker.md tells, word by word: alone, by
// docker-compose and on a swarm.
//
// Nothing is fetched: the images that the Dockerfile and deploy/compose.yaml name are made of this machine's Go, Python and PostgreSQL.
//
//	FAIRWAY_TEST_IMAGE=1 go test ./image
package image_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/process"
	"github.com/fairway-gateway/fairway/internal/dockertest"
	"github.com/fairway-gateway/fairway/internal/required"
)

const (
	repository = "../.."
	patience   = 5 * time.Minute
	version    = "0.1.0"
)

// bench is an engine with all images that others make, a copy of the source, and the docker of the path as its client.
type bench struct {
	t      *testing.T
	engine *dockertest.Engine
	env    []string
	// directory is the copy, in which nothing is that is not of the source.
	directory string
	// program is what make build makes in the source itself; home is that of who calls it.
	program, home string
	// port is the machine's port, in the place of 8080.
	port string
}

// start starts an engine and builds what is to be tested.
func start(t *testing.T) *bench {
	t.Helper()
	if os.Getenv("FAIRWAY_TEST_IMAGE") == "" {
		required.Absent(t, "image", errors.New("FAIRWAY_TEST_IMAGE is not set"))
	}
	required.Program(t, "docker")
	required.Program(t, "make")
	engine, err := dockertest.StartBridged()
	if err != nil {
		required.Absent(t, "image", err)
	}
	b := &bench{t: t, engine: engine, directory: t.TempDir(), home: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := b.sh("docker ps -a; for id in $(docker ps -aq); do docker inspect -f '{{.Name}} {{json .State}}' $id; docker logs --tail 40 $id; done")
			t.Log(out)
		}
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	if b.port, err = process.FreePort(); err != nil {
		t.Fatal(err)
	}
	// The builder of Docker 20.10, also where the client is newer.
	b.env = append(os.Environ(), "DOCKER_HOST="+engine.Host(), "DOCKER_CONFIG="+t.TempDir(), "DOCKER_BUILDKIT=0", "COMPOSE_DOCKER_CLI_BUILD=0", "FAIRWAY_PORT="+b.port)
	b.copy()
	b.bases()
	return b
}

// copy copies the source, as a clone would be.
func (b *bench) copy() {
	b.t.Helper()
	line := "git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do [ ! -e \"$file\" ] || printf '%s\\0' \"$file\"; done | tar -c --null -T - | tar -x -C " + b.directory
	cmd := exec.CommandContext(b.t.Context(), "bash", "-euo", "pipefail", "-c", line) //nolint:gosec // ours
	cmd.Dir = repository
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("a copy of the source: %v\n%s", err, out)
	}
}

// bases makes the images that the Dockerfile and compose.yaml begin with, under their names.
func (b *bench) bases() {
	b.t.Helper()
	graph := filepath.Join(b.home, "actions")
	b.program = filepath.Join(b.home, "fairway")
	cmd := exec.CommandContext(b.t.Context(), "make", "build", "BIN="+b.program, "VERSION="+version) //nolint:gosec // ours
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false -debug-actiongraph="+graph)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("make build: %v\n%s", err, out)
	}
	tags, err := exec.CommandContext(b.t.Context(), "sed", "-n", "s/^TAGS := //p", repository+"/Makefile").Output()
	if err != nil {
		b.t.Fatal(err)
	}
	g := &golang{graph: graph, tags: strings.TrimSpace(string(tags))}
	b.load("golang:1.26-alpine", g.write, g.settings)
	b.load("python:3.13-slim-bookworm", func(to io.Writer) error { return dockertest.Python(to, nil) }, nil)
	var changes []string
	b.load("postgres:17-alpine", func(to io.Writer) (err error) {
		changes, err = dockertest.Postgres(to)
		return err
	}, func() []string { return changes })
}

// load makes an image of what write writes.
func (b *bench) load(name string, write func(io.Writer) error, changes func() []string) {
	b.t.Helper()
	began := time.Now()
	file, err := os.Create(filepath.Join(b.t.TempDir(), "image.tar"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it is of this test
	defer file.Close()           //nolint:errcheck // as above
	err = write(file)
	var lines []string
	if changes != nil {
		lines = changes()
	}
	if _, seeked := file.Seek(0, io.SeekStart); errors.Join(err, seeked) != nil {
		b.t.Fatalf("%s: %v", name, errors.Join(err, seeked))
	}
	if err := b.engine.Load(name, file, lines...); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("%s is made in %v", name, time.Since(began).Round(time.Second))
}

// sh runs a line as a shell would, in the copy of the source.
func (b *bench) sh(line string) (string, error) {
	cmd := exec.CommandContext(context.WithoutCancel(b.t.Context()), "bash", "-euo", "pipefail", "-c", line) //nolint:gosec // ours
	cmd.Dir, cmd.Env = b.directory, b.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out)), err
}

// must is sh that has to go well.
func (b *bench) must(line string) string {
	b.t.Helper()
	out, err := b.sh(line)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// changing is what is never the same twice.
var changing = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// await runs a line until it says what is wanted.
func (b *bench) await(line, want string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, err := b.sh(line)
		if err == nil && strings.Contains(changing.ReplaceAllString(out, "T"), changing.ReplaceAllString(want, "T")) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s says %s, %v, want %s", line, out, err, want)
		}
	}
}
