package main

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/caddy/identity"
)

const (
	caddyModule   = "github.com/caddyserver/caddy/v2"
	fairwayModule = "github.com/fairway-gateway/fairway"
)

// recipe is the part of xcaddy's Builder that xcaddy.json may use: anything else in the file is a mistake.
type recipe struct {
	CaddyVersion string   `json:"caddy_version"`
	Plugins      []plugin `json:"plugins"`
	BuildFlags   string   `json:"build_flags"`
}

type plugin struct {
	Package string `json:"module_path"`
	Version string `json:"version"`
}

func readRecipe(t *testing.T) recipe {
	t.Helper()
	raw, err := os.ReadFile("../xcaddy.json")
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var r recipe
	if err := dec.Decode(&r); err != nil {
		t.Fatalf("xcaddy.json: %v", err)
	}
	return r
}

// goMod is the part of `go mod edit -json` that matters here.
type goMod struct {
	Module  struct{ Path string }
	Require []struct{ Path, Version string }
	Replace []struct{ Old, New struct{ Path string } }
}

func readGoMod(t *testing.T) goMod {
	t.Helper()
	raw, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", "../go.mod").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod goMod
	if err := json.Unmarshal(raw, &mod); err != nil {
		t.Fatal(err)
	}
	return mod
}

// version returns the version that go.mod asks for of the module that holds the package.
func (m goMod) version(pkg string) string {
	best, version := "", ""
	for _, r := range m.Require {
		if (pkg == r.Path || strings.HasPrefix(pkg, r.Path+"/")) && len(r.Path) > len(best) {
			best, version = r.Path, r.Version
		}
	}
	return version
}

func TestRecipeAgreesWithGoMod(t *testing.T) {
	t.Parallel()
	r, mod := readRecipe(t), readGoMod(t)
	if mod.Module.Path != fairwayModule {
		t.Errorf("go.mod is of module %s, want %s", mod.Module.Path, fairwayModule)
	}
	if want := mod.version(caddyModule); r.CaddyVersion != want {
		t.Errorf("xcaddy.json builds on Caddy %s, go.mod on %s", r.CaddyVersion, want)
	}
	for _, p := range r.Plugins {
		want := mod.version(p.Package)
		if strings.HasPrefix(p.Package, fairwayModule+"/") {
			want = "v" + identity.Version()
		}
		if p.Version == "" || p.Version != want {
			t.Errorf("xcaddy.json takes %s at %q, this source is built with %q", p.Package, p.Version, want)
		}
	}
	// A replacement here would build a binary that nobody else can build.
	if len(mod.Replace) > 0 {
		t.Errorf("go.mod replaces %d modules, want none", len(mod.Replace))
	}
}

func TestRecipeAgreesWithMain(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	// xcaddy writes these two imports itself.
	want := []string{caddyModule + "/cmd", caddyModule + "/modules/standard"}
	for _, p := range readRecipe(t).Plugins {
		want = append(want, p.Package)
	}
	var got []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, path)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("imports of main.go differ from xcaddy.json (-json +main):\n%s", diff)
	}
}

func TestRecipeAgreesWithMakefile(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`(?m)^TAGS *:?= *(\S+)$`).FindSubmatch(raw)
	if tags == nil {
		t.Fatal("the Makefile sets no TAGS")
	}
	for _, flag := range []string{"-trimpath", "-tags=" + string(tags[1]), "-s -w"} {
		if flags := readRecipe(t).BuildFlags; !strings.Contains(flags, flag) {
			t.Errorf("build_flags %q of xcaddy.json lack %q of the Makefile", flags, flag)
		}
	}
}

// TestDockerfileVersion holds the version that an image has where nobody says another to that of the source.
func TestDockerfileVersion(t *testing.T) {
	raw, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^ARG VERSION=(.*)$`).FindAllStringSubmatch(string(raw), -1)
	if len(found) != 2 || found[0][1] != identity.Version() || found[1][1] != identity.Version() {
		t.Errorf("the Dockerfile says %q, the source %s", found, identity.Version())
	}
}
