package bundle_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/bundle"
)

const (
	config = `{"name": "Land Productivity 2_3_2", "cpu_limit": 500000000.0}`
	main   = "def run(params, logger):\n    return {}\n"
)

// file is one of an archive; kind is its type in a tar, 0 for a plain file.
type file struct {
	name, text string
	kind       byte
	mode       int64
}

func tarball(t testing.TB, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Size: int64(len(f.text)), Mode: max(f.mode, 0o644), Typeflag: f.kind, ModTime: time.Unix(1, 0)}
		if f.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		switch f.kind {
		case tar.TypeSymlink, tar.TypeLink:
			h.Linkname = "/etc/passwd"
		case tar.TypeXGlobalHeader:
			h = &tar.Header{Typeflag: f.kind, Name: f.name, PAXRecords: map[string]string{"comment": "x"}}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(t testing.TB, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		h.SetMode(fs.FileMode(max(f.mode, 0o644)))
		switch f.kind {
		case tar.TypeSymlink:
			h.SetMode(fs.ModeSymlink | 0o777)
		case tar.TypeChar:
			h.SetMode(fs.ModeDevice | fs.ModeCharDevice | 0o666)
		case tar.TypeFifo:
			h.SetMode(fs.ModeNamedPipe | 0o666)
		case 'e':
			h.Flags |= 1
		}
		c, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func pack(t testing.TB, name string, content []byte, limits bundle.Limits) (*bundle.Bundle, []byte, error) {
	t.Helper()
	var out bytes.Buffer
	b, err := bundle.Pack(t.Context(), &out, bundle.Upload{Name: name, Content: bytes.NewReader(content), Size: int64(len(content))}, limits)
	return b, out.Bytes(), err
}

// unpacked is what is in a directory: paths with x before those that may be executed, and their texts.
func unpacked(t testing.TB, packed []byte) map[string]string {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := bundle.Extract(t.Context(), bytes.NewReader(packed), root, bundle.Limits{}); err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // of the test's own directory
		name, _ := filepath.Rel(dir, path)
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o111 != 0 {
			name = "x " + name
		}
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestPack(t *testing.T) {
	t.Parallel()
	want := map[string]string{"configuration.json": config, "src/main.py": main, "requirements.txt": "", "x src/deep/er/tool": "#!/bin/sh\n"}
	files := []file{{name: "configuration.json", text: config}, {name: "src/main.py", text: main}, {name: "requirements.txt"}, {name: "src/deep/er/tool", text: "#!/bin/sh\n", mode: 0o755}}
	dotted := []file{{name: "./", kind: tar.TypeDir}, {name: "./src/", kind: tar.TypeDir, mode: 0o755}}
	for _, f := range files {
		f.name = "./" + f.name
		dotted = append(dotted, f)
	}
	var digest string
	for name, content := range map[string][]byte{
		"tar":          tarball(t, files...),
		"dotted":       tarball(t, dotted...),
		"git":          tarball(t, append([]file{{name: "pax_global_header", kind: tar.TypeXGlobalHeader}}, files...)...),
		"zip":          zipped(t, files...),
		"zip with dir": zipped(t, append([]file{{name: "src/"}}, files...)...),
	} {
		b, packed, err := pack(t, "any", content, bundle.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, unpacked(t, packed)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if b.Configuration.Slug() != "land-productivity-2-3-2" || b.Files != 4 || b.Size != int64(len(packed)) || b.Unpacked != int64(len(config)+len(main)+10) {
			t.Errorf("%s: %+v", name, b)
		}
		if digest == "" {
			digest = b.SHA256
		}
		if b.SHA256 != digest || len(digest) != 64 {
			t.Errorf("%s: the same files have the digest %s and %s", name, b.SHA256, digest)
		}
	}
}

func TestSingleFile(t *testing.T) {
	t.Parallel()
	const text = "#!/usr/bin/env bash\necho hi\n"
	b, packed, err := pack(t, `C:\mine\Say hi.sh`, []byte(text), bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Say hi", "say-hi", "./script"}, append([]string{b.Configuration.Name, b.Configuration.Slug()}, b.Configuration.Command...)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"x script": text, "configuration.json": `{"command":["./script"],"name":"Say hi"}`}, unpacked(t, packed)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"", "/", "???", "\x00"} {
		if _, _, err := pack(t, name, []byte(text), bundle.Limits{}); err == nil {
			t.Errorf("a file named %q makes a script", name)
		}
	}
	// What is packed can be uploaded again: a script that was downloaded and changed.
	again, _, err := pack(t, "x.tar.gz", packed, bundle.Limits{})
	if err != nil || again.SHA256 != b.SHA256 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	ok := []file{{name: "configuration.json", text: config}, {name: "src/main.py", text: main}}
	with := func(more ...file) []byte { return tarball(t, append(more, ok...)...) }
	zipWith := func(more ...file) []byte { return zipped(t, append(more, ok...)...) }
	deep := strings.Repeat("a/", 40) + "b"
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"nothing":              {nil, "the file is empty"},
		"half a byte of magic": {[]byte{0x1f}, "it is neither a .tar.gz, nor a .zip"},
		"text":                 {[]byte("print(1)"), "nor a script that begins with #!"},
		"gzip of nothing":      {[]byte{0x1f, 0x8b}, "the archive ends too early"},
		"cut":                  {with()[:100], "the archive ends too early"},
		"cut zip":              {zipWith()[:100], "the archive is broken"},
		"check sum":            {func() []byte { b := with(); b[len(b)-6] ^= 1; return b }(), "the archive is broken (gzip: invalid checksum)"},
		"plain gzip":           {gzipped(t, "hello, this is no tar"), "the archive ends too early"},
		"empty tar":            {tarball(t), "there is no file in the archive"},
		"empty zip":            {zipped(t), "there is no file in the archive"},
		"no configuration":     {tarball(t, ok[1]), "there is no configuration.json at the root"},
		"configuration below":  {tarball(t, file{name: "x/configuration.json", text: config}, ok[1]), "there is no configuration.json at the root"},
		"nothing to run":       {tarball(t, ok[0]), "neither src/main.py nor a command"},
		"zip slip":             {zipWith(file{name: "../../etc/cron.d/x"}), "../../etc/cron.d/x: its path has .."},
		"tar slip":             {with(file{name: "src/../../x"}), "src/../../x: its path has .."},
		"slip that stays":      {with(file{name: "src/../x"}), "its path has .."},
		"absolute":             {with(file{name: "/etc/passwd"}), "/etc/passwd: its path begins with /"},
		"drive":                {zipWith(file{name: "C:/x"}), "its path begins with a drive"},
		"backslash":            {zipWith(file{name: `..\x`}), `its path has a \`},
		"symbolic link":        {with(file{name: "a", kind: tar.TypeSymlink}), "a: it is a link"},
		"hard link":            {with(file{name: "a", kind: tar.TypeLink}), "a: it is a link"},
		"link in a zip":        {zipWith(file{name: "a", kind: tar.TypeSymlink, text: "/etc/passwd"}), "a: it is a link"},
		"device":               {with(file{name: "null", kind: tar.TypeChar}), "null: it is a device"},
		"block device":         {with(file{name: "sda", kind: tar.TypeBlock}), "sda: it is a device"},
		"device in a zip":      {zipWith(file{name: "null", kind: tar.TypeChar}), "null: it is a device"},
		"pipe":                 {with(file{name: "p", kind: tar.TypeFifo}), "p: it is a named pipe"},
		"pipe in a zip":        {zipWith(file{name: "p", kind: tar.TypeFifo}), "p: it is neither a file"},
		"encrypted":            {zipWith(file{name: "p", text: "x", kind: 'e'}), "p: it is encrypted"},
		"twice":                {with(file{name: "src/main.py"}), "src/main.py: it is there twice"},
		"twice, dotted":        {with(file{name: "./src//main.py"}), "src/main.py: it is there twice"},
		"file and directory":   {with(file{name: "src"}), "src: it is a file and a directory"},
		"directory and file":   {tarball(t, append(ok[:2:2], file{name: "src"})...), "src: it is a file and a directory"},
		"directory of a file":  {tarball(t, append(ok[:2:2], file{name: "src/main.py/", kind: tar.TypeDir})...), "src/main.py: it is a file and a directory"},
		"no name":              {with(file{name: "."}), "a file has no name"},
		"control characters":   {zipWith(file{name: "a\nb"}), `"a\nb": its path has control characters`},
		"NUL":                  {zipWith(file{name: "a\x00b"}), "its path has control characters"},
		"not UTF-8":            {zipWith(file{name: "a\xff"}), "its path is not UTF-8"},
		"deep":                 {with(file{name: deep}), "it is in more than 32 directories"},
		"long name":            {with(file{name: strings.Repeat("a", 300)}), "has more than 255 bytes"},
		"long path":            {with(file{name: strings.Repeat("abcdefg/", 200) + "x"}), "more than 1024 bytes"},
		"big":                  {with(file{name: "zeros", text: strings.Repeat("\x00", 1<<20)}), "the files have more than 1000000 bytes together"},
		"big zip":              {zipWith(file{name: "zeros", text: strings.Repeat("\x00", 1<<20)}), "the files have more than 1000000 bytes together"},
		"many":                 {with(many(30)...), "there are more than 20 files"},
		"many in a zip":        {zipWith(many(30)...), "there are more than 20 files"},
		"many directories":     {with(directories(50)...), "more than 40 files and directories"},
		"zeros behind":         {gzipped(t, strings.Repeat("\x00", 10<<20)), "larger than it may be when it is unpacked"},
		"no JSON":              {tarball(t, file{name: "configuration.json", text: `{"name":}`}, ok[1]), "configuration.json: it is no JSON object (invalid character"},
		"large configuration":  {tarball(t, file{name: "configuration.json", text: strings.Repeat(" ", 1_000_001)}), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := pack(t, "x", c.content, bundle.Limits{Unpacked: 1e6, Files: 20})
			if _, ok := errors.AsType[*bundle.RefusedError](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want a refusal with %q", err, c.want)
			}
		})
	}
}

// TestZipBomb holds a .zip whose entries share their bytes, and one that lies about its lengths, to what is really unpacked.
func TestZipBomb(t *testing.T) {
	t.Parallel()
	honest := zipped(t, file{name: "configuration.json", text: config}, file{name: "src/main.py", text: strings.Repeat("\x00", 1<<20)})
	// Both places that say how long the file is when it is unpacked, in the directory at the end and behind the file.
	lying := bytes.ReplaceAll(honest, []byte{0, 0, 0x10, 0}, []byte{1, 0, 0, 0})
	_, _, err := pack(t, "x", lying, bundle.Limits{Unpacked: 1e5})
	if refused, ok := errors.AsType[*bundle.RefusedError](err); !ok || !strings.Contains(refused.Error(), "src/main.py") {
		t.Errorf("%v", err)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	_, _, err := pack(t, "x", make([]byte, 101), bundle.Limits{Archive: 100})
	if tooLarge, ok := errors.AsType[*bundle.TooLargeError](err); !ok || tooLarge.Most != 100 {
		t.Errorf("%v", err)
	}
}

// TestFailuresAreNoRefusals tells what is wrong here from what is wrong with an upload.
func TestFailuresAreNoRefusals(t *testing.T) {
	t.Parallel()
	content := tarball(t, file{name: "configuration.json", text: config}, file{name: "src/main.py", text: main}, file{name: "noise", text: noise(1 << 20)})
	up := bundle.Upload{Content: bytes.NewReader(content), Size: int64(len(content))}
	full := errors.New("the disk is full")
	_, err := bundle.Pack(t.Context(), failing{full}, up, bundle.Limits{})
	if !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the user has left")
	cancel(gone)
	if _, err := bundle.Pack(ctx, io.Discard, up, bundle.Limits{}); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	up.Content = unreadable{full}
	if _, err := bundle.Pack(t.Context(), io.Discard, up, bundle.Limits{}); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

// TestExtractTrustsNobody has what stores bundles give back another archive.
func TestExtractTrustsNobody(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"slip": tarball(t, file{name: "../x"}), "link": tarball(t, file{name: "x", kind: tar.TypeSymlink}, file{name: "x/y"}),
		"twice": tarball(t, file{name: "x"}, file{name: "x"}), "cut": tarball(t, file{name: "x", text: noise(1 << 16)})[:1<<15],
		"directory": tarball(t, file{name: "../d", kind: tar.TypeDir}),
	} {
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if _, ok := errors.AsType[*bundle.RefusedError](bundle.Extract(t.Context(), bytes.NewReader(content), root, bundle.Limits{})); !ok {
			t.Errorf("%s was unpacked", name)
		}
	}
}
