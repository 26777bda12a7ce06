//go:build linux

package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/fairway-gateway/fairway/internal/dockertest"
)

// golang writes an archive of what the image golang has, from this machine: its Go, and what that would fetch and compile of others' modules, so that nothing is
// fetched and what is ours alone is compiled. graph is what go build wrote of its actions.
//
//nolint:gosec // all paths are of go
type golang struct {
	graph, tags string

	*dockertest.Archive
	env map[string]string
	err error
}

// settings are lines of a Dockerfile for the image.
func (g *golang) settings() []string {
	return []string{
		"ENV PATH=" + g.env["GOROOT"] + "/bin:/bin", "ENV GOMODCACHE=/go/pkg/mod", "ENV GOCACHE=/go/cache", "ENV GOPROXY=off", "ENV GOTOOLCHAIN=local", "ENV GOFLAGS=-mod=readonly", "ENV HOME=/tmp",
	}
}

func (g *golang) write(to io.Writer) error {
	out, err := exec.CommandContext(context.Background(), "go", "env", "-json", "GOROOT", "GOMODCACHE", "GOCACHE", "GOTOOLDIR").Output()
	if err := errors.Join(err, json.Unmarshal(out, &g.env)); err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	err = dockertest.Busybox(to, func(a *dockertest.Archive) {
		g.Archive = a
		g.file("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt")
		root := g.env["GOROOT"]
		for _, name := range []string{"bin/go", "VERSION", "go.env"} {
			g.file(filepath.Join(root, name), filepath.Join(root, name))
		}
		for _, name := range []string{"asm", "compile", "link"} {
			g.file(filepath.Join(g.env["GOTOOLDIR"], name), filepath.Join(g.env["GOTOOLDIR"], name))
		}
		g.files(filepath.Join(root, "pkg/include"), filepath.Join(root, "pkg/include"))
		g.modules()
		g.packages()
		g.compiled()
	})
	return errors.Join(g.err, err)
}

// file adds a file of this machine.
func (g *golang) file(from, to string) {
	if g.err != nil {
		return
	}
	info, err := os.Stat(from)
	if err != nil {
		g.err = err
		return
	}
	text, err := os.ReadFile(from)
	if g.err = err; err == nil {
		g.Add(tar.Header{Name: strings.TrimPrefix(to, "/"), Mode: int64(info.Mode().Perm()), ModTime: info.ModTime()}, text)
	}
}

// files adds those of a directory, and none of what is below it.
func (g *golang) files(from, to string) {
	found, err := os.ReadDir(from)
	g.err = errors.Join(g.err, err)
	for _, entry := range found {
		if entry.Type().IsRegular() && !strings.HasSuffix(entry.Name(), "_test.go") {
			g.file(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()))
		}
	}
}

// packages adds the source of those that the program is made of, but for ours.
func (g *golang) packages() {
	cmd := exec.CommandContext(context.Background(), "go", "list", "-deps", "-tags", g.tags, "-json=Dir,Standard,Module,EmbedFiles", "./caddy")
	cmd.Dir, cmd.Env = repository, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		g.err = fmt.Errorf("go list: %w", err)
		return
	}
	for lines := json.NewDecoder(bytes.NewReader(out)); lines.More(); {
		var p struct {
			Dir        string
			Standard   bool
			Module     struct{ Main bool }
			EmbedFiles []string
		}
		if err := lines.Decode(&p); err != nil {
			g.err = err
			return
		}
		if p.Module.Main {
			continue
		}
		to := p.Dir
		if !p.Standard {
			to = g.inCache(p.Dir)
		}
		g.files(p.Dir, to)
		for _, name := range p.EmbedFiles {
			if strings.Contains(name, "/") {
				g.file(filepath.Join(p.Dir, name), filepath.Join(to, name))
			}
		}
	}
}

// modules adds what go knows of each, and a directory, in which it looks for packages that others have.
func (g *golang) modules() {
	cmd := exec.CommandContext(context.Background(), "go", "list", "-m", "-f", "{{.GoMod}} {{.Dir}}", "all")
	cmd.Dir = repository
	out, err := cmd.Output()
	g.err = errors.Join(g.err, err)
	for line := range strings.Lines(string(out)) {
		file, directory, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(file, g.env["GOMODCACHE"]) {
			continue // ours
		}
		for _, kind := range []string{".mod", ".info", ".ziphash"} {
			if from := strings.TrimSuffix(file, ".mod") + kind; exists(from) {
				g.file(from, g.inCache(from))
			}
		}
		if directory != "" {
			g.Add(tar.Header{Name: strings.TrimPrefix(g.inCache(directory), "/") + "/", Typeflag: tar.TypeDir}, nil)
		}
	}
}

// inCache is where a path of the module cache is in the image.
func (g *golang) inCache(path string) string {
	return "/go/pkg/mod" + strings.TrimPrefix(path, g.env["GOMODCACHE"])
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// compiled adds what this machine has compiled of others' packages with the same flags. What is not found is compiled anew.
func (g *golang) compiled() {
	text, err := os.ReadFile(g.graph)
	var actions []struct{ Mode, Package, ActionID string }
	if err := errors.Join(err, json.Unmarshal(text, &actions)); err != nil {
		g.err = fmt.Errorf("the actions of go build: %w", err)
		return
	}
	for _, action := range actions {
		if action.Mode != "build" || action.ActionID == "" || strings.HasPrefix(action.Package, "github.com/fairway-gateway/fairway/") {
			continue
		}
		id, err := base64.RawURLEncoding.DecodeString(action.ActionID)
		if err != nil {
			continue
		}
		name := hex.EncodeToString(id)
		found, err := filepath.Glob(filepath.Join(g.env["GOCACHE"], name[:2], name+"*-a"))
		if err != nil || len(found) != 1 {
			continue
		}
		entry, err := os.ReadFile(found[0]) // v1 <action> <output> <size> <time>
		words := strings.Fields(string(entry))
		if err != nil || len(words) < 3 || len(words[2]) < 2 {
			continue
		}
		output := filepath.Join(words[2][:2], words[2]+"-d")
		if from := filepath.Join(g.env["GOCACHE"], output); exists(from) {
			g.file(found[0], filepath.Join("/go/cache", name[:2], filepath.Base(found[0])))
			g.file(from, filepath.Join("/go/cache", output))
		}
	}
}
