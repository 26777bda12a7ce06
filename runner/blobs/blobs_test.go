package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/blobs/blobstest"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "there yet")
	blobstest.Conformance(t, func(t *testing.T) *blobs.Blobs {
		t.Helper()
		return open(t, "", dir)
	})
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v: others can read what is in it", info.Mode(), err)
	}
	blobstest.Conformance(t, func(t *testing.T) *blobs.Blobs {
		t.Helper()
		return open(t, "file://"+filepath.ToSlash(dir), "")
	})
}

func open(t *testing.T, address, dir string) *blobs.Blobs {
	t.Helper()
	b, err := blobs.Open(t.Context(), address, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// TestNothingIsLeft looks at the files themselves after writes that failed.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, "", dir)
	broken := errors.New("broken")
	for _, fill := range []func(io.Writer) error{
		func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Repeat("x", 100))
			return errors.Join(err, broken)
		},
		func(w io.Writer) error { _, err := io.Copy(w, strings.NewReader(strings.Repeat("x", 101))); return err },
	} {
		if _, err := b.Write(t.Context(), "a/b", "text/plain", 100, fill); err == nil {
			t.Error("a write that failed was none")
		}
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s was left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"x", "gs://a", "file://host/x", "file:x", "file:///x?create_dir=1", "s3:///x", "s3://b/x", "s3://u:p@b", "\x00", "mem://"} {
		if b, err := blobs.Open(t.Context(), address, t.TempDir()); err == nil {
			t.Errorf("%q was opened: %s", address, b)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blobs.Open(t.Context(), "", file); err == nil {
		t.Error("a file was opened as a directory")
	}
}

// TestS3AddressesHaveNoCredentials looks at what is said of where blobs are.
func TestS3AddressesHaveNoCredentials(t *testing.T) {
	t.Parallel()
	b := open(t, "s3://bucket?region=eu-central-1&prefix=here&endpoint=http://127.0.0.1:1", "")
	if b.String() != "s3://bucket/here/" {
		t.Error(b)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Ready(ctx); err == nil {
		t.Error("nothing is ready")
	}
}

func FuzzKey(f *testing.F) {
	dir := f.TempDir()
	for _, key := range []string{"a", "a/b", "../a", "a//b", "/a", "a/", ".", "a/../b", "a.../b", "A", "a b", "\x00"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		b := open(t, "", filepath.Join(dir, "in"))
		_, err := b.Write(t.Context(), key, "text/plain", 10, func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err })
		if err != nil {
			return
		}
		text, err := os.ReadFile(filepath.Join(dir, "in", filepath.FromSlash(key)))
		if err != nil || !bytes.Equal(text, []byte("x")) {
			t.Fatalf("%q: %q, %v", key, text, err)
		}
		if err := b.Remove(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	})
}
