package project_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/scripting/project"
	"github.com/fairway-gateway/fairway/runner/bundle"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files writes them into a new directory; those whose name ends in / are directories, and those whose text begins with -> links.
func files(t testing.TB, all map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range all {
		path := filepath.Join(directory, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if to, link := strings.CutPrefix(text, "->"); link {
			must(t, os.Symlink(to, path))
			continue
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		must(t, os.WriteFile(path, []byte(text), mode))
	}
	return directory
}

// names are those in a bundle, with * where they can be run.
func names(t testing.TB, content []byte) (out []string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(content))
	must(t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(out)
			return out
		}
		must(t, err)
		if h.Mode&0o111 != 0 {
			h.Name += "*"
		}
		out = append(out, h.Name)
	}
}

const named = `{"name":"Land 2_3","id":"i-1"}`

// TestPack holds what is packed and what is left out.
func TestPack(t *testing.T) {
	t.Parallel()
	directory := files(t, map[string]string{
		"configuration.json": named, "requirements.txt": "", "src/main.py": "def run(params, logger): pass", "src/run.sh": "#!/bin/sh", "src/data/a.tif": "a", "src/data/b.csv": "b",
		".git/config": "secret", ".env": "SECRET=1", "src/.venv/x": "", "src/__pycache__/main.pyc": "", "src/old.pyc": "", ".fairwayignore": "# images\n*.tif\n/raw\nsrc/tmp/\nbuild/\n\n",
		"raw/a": "", "src/raw/b": "", "src/tmp/c": "", "tmp": "kept", "deep/build/x": "", "build.txt": "", "deep/link": "->/etc/passwd", "deep/.hidden": "->/etc/passwd",
	})
	if _, err := project.Pack(t.Context(), directory, bundle.Limits{}); err == nil || !project.Refused(err) || !strings.Contains(err.Error(), "deep/link is a link") {
		t.Fatalf("%v", err)
	}
	must(t, os.Remove(filepath.Join(directory, "deep", "link")))
	p, err := project.Pack(t.Context(), directory, bundle.Limits{})
	must(t, err)
	want := []string{"build.txt", "configuration.json", "requirements.txt", "src/data/b.csv", "src/main.py", "src/raw/b", "src/run.sh*", "tmp"}
	if got := names(t, p.Upload); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	if p.ID != "i-1" || p.File != "land-2-3.tar.gz" || p.Configuration.Name != "Land 2_3" || !bytes.Equal(p.Upload, p.Content) {
		t.Errorf("%+v", p)
	}
	again, err := project.Pack(t.Context(), directory, bundle.Limits{})
	must(t, err)
	if again.SHA256 != p.SHA256 {
		t.Error("the same directory is packed otherwise")
	}
	// What was packed is unpacked as it was, and nowhere else than where nothing is.
	to := filepath.Join(t.TempDir(), "new", "land")
	must(t, project.Unpack(t.Context(), bytes.NewReader(p.Content), to, bundle.Limits{}))
	back, err := project.Pack(t.Context(), to, bundle.Limits{})
	must(t, err)
	if back.SHA256 != p.SHA256 {
		t.Error("it is not what was packed")
	}
	if err := project.Unpack(t.Context(), bytes.NewReader(p.Content), to, bundle.Limits{}); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("%v", err)
	}
	if err := project.Unpack(t.Context(), strings.NewReader("no bundle"), filepath.Join(to, "x"), bundle.Limits{}); err == nil {
		t.Error("it is one")
	} else if _, err := os.Stat(filepath.Join(to, "x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}

func TestPackFile(t *testing.T) {
	t.Parallel()
	directory := files(t, map[string]string{"hello.sh": "#!/bin/sh\necho", "notes.txt": "no script"})
	p, err := project.Pack(t.Context(), filepath.Join(directory, "hello.sh"), bundle.Limits{})
	must(t, err)
	if p.File != "hello.sh" || string(p.Upload) != "#!/bin/sh\necho" || p.ID != "" || len(names(t, p.Content)) == 0 {
		t.Errorf("%+v", p)
	}
	if _, err := project.Pack(t.Context(), filepath.Join(directory, "notes.txt"), bundle.Limits{}); err == nil || !project.Refused(err) {
		t.Errorf("%v", err)
	}
}

// TestPackRefuses holds that what is no script is refused with a reason before anything is sent.
func TestPackRefuses(t *testing.T) {
	t.Parallel()
	main := "src/main.py"
	for want, all := range map[string]map[string]string{
		"there is no configuration.json": {main: ""},
		"name is missing":                {main: "", "configuration.json": "{}"},
		"it is no JSON object":           {main: "", "configuration.json": "{"},
		"neither src/main.py nor":        {"configuration.json": named},
		"neither ! nor ** is known":      {main: "", "configuration.json": named, ".fairwayignore": "\n!src"},
		"is no pattern":                  {main: "", "configuration.json": named, ".fairwayignore": "[a"},
		"has more than 65536 bytes":      {main: "", "configuration.json": named, ".fairwayignore": strings.Repeat("#", 65537)},
		".fairwayignore is no file":      {main: "", "configuration.json": named, ".fairwayignore": "->configuration.json"},
		"configuration.json is a link":   {main: "", "configuration.json": "->/etc/hostname"},
		"more than 0 MiB together":       {main: strings.Repeat("x", 5000), "configuration.json": named},
	} {
		limits := bundle.Limits{}
		if strings.Contains(want, "0 MiB") {
			limits.Unpacked = 4000
		}
		if _, err := project.Pack(t.Context(), files(t, all), limits); err == nil || !project.Refused(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := project.Pack(t.Context(), filepath.Join(t.TempDir(), "absent"), bundle.Limits{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	for _, language := range project.Languages() {
		directory, err := project.Create(in, ` My "first" 2_3 in `+language, language)
		must(t, err)
		p, err := project.Pack(t.Context(), directory, bundle.Limits{})
		must(t, err)
		if p.Configuration.Name != `My "first" 2_3 in `+language || filepath.Base(directory) != "my-first-2-3-in-"+language || p.ID != "" {
			t.Errorf("%s: %+v", directory, p.Configuration)
		}
		if language == "shell" && !slices.Contains(names(t, p.Content), "main.sh*") {
			t.Errorf("%v", names(t, p.Content))
		}
	}
	for _, c := range []struct{ name, language string }{
		{"", "python"}, {" ", "python"}, {"--", "python"}, {"a\x1b[2J", "python"}, {strings.Repeat("a", 121), "python"}, {"a\xff", "python"}, {"a", "cobol"}, {`my first 2_3 in python`, "python"}, {"../../x", "cobol"},
	} {
		if _, err := project.Create(in, c.name, c.language); err == nil || !project.Refused(err) {
			t.Errorf("%q: %v", c.name, err)
		}
	}
	if directory, err := project.Create(in, "../../x", "python"); err != nil || filepath.Dir(directory) != in {
		t.Errorf("%s %v", directory, err)
	}
}

func TestKeepID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n  \"name\": \"a\"\n}\n":                       "{\n  \"id\": \"X\",\n  \"name\": \"a\"\n}\n",
		`{"name":"a","n":1.50}`:                           `{"id": "X", "name":"a","n":1.50}`,
		`{"name":"a","id":"old","z":1}`:                   `{"name":"a","id":"X","z":1}`,
		"\ufeff{\"a\":{\"id\":\"inner\"},\"id\" :  null}": "\ufeff{\"a\":{\"id\":\"inner\"},\"id\" :  \"X\"}",
		`{}`:  `{"id": "X"}`,
		`[]`:  "",
		`{"a`: "",
		``:    "",
	} {
		directory := t.TempDir()
		path := filepath.Join(directory, "configuration.json")
		must(t, os.WriteFile(path, []byte(text), 0o640))
		err := project.KeepID(directory, "X")
		got, read := os.ReadFile(path)
		must(t, read)
		if want == "" {
			if err == nil || string(got) != text {
				t.Errorf("%s: %s %v", text, got, err)
			}
			continue
		}
		if err != nil || string(got) != want {
			t.Errorf("%s: %q %v", text, got, err)
		}
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		if id, err := project.ID(directory); err != nil || id != "X" {
			t.Errorf("%s %v", id, err)
		}
	}
	for _, text := range []string{`{"name":"a"}`, `{"id":7}`, `{"id":""}`} {
		directory := files(t, map[string]string{"configuration.json": text})
		if _, err := project.ID(directory); err == nil || !project.Refused(err) {
			t.Errorf("%v", err)
		}
	}
	if _, err := project.ID(t.TempDir()); err == nil || !project.Refused(err) {
		t.Errorf("%v", err)
	}
}
