package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fairway-gateway/fairway/runner/bundle"
)

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func many(n int) []file {
	files := make([]file, n)
	for i := range files {
		files[i].name = fmt.Sprintf("f%d", i)
	}
	return files
}

func directories(n int) []file {
	files := many(n)
	for i := range files {
		files[i].kind = tar.TypeDir
	}
	return files
}

// noise is a text that cannot be compressed.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

type unreadable struct{ err error }

func (u unreadable) ReadAt([]byte, int64) (int, error) { return 0, u.err }

func FuzzPack(f *testing.F) {
	f.Add("x.py", []byte("#!/bin/sh\n"))
	f.Add("a", tarball(f, file{name: "configuration.json", text: config}, file{name: "src/main.py", text: main}))
	f.Add("a", zipped(f, file{name: "configuration.json", text: config}, file{name: "src/main.py", text: main}))
	f.Add("a", tarball(f, file{name: "../x"}, file{name: "y", kind: tar.TypeSymlink}))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		limits := bundle.Limits{Archive: 1 << 20, Unpacked: 1 << 20, Files: 50}
		b, packed, err := pack(t, name, content, limits)
		if err != nil {
			return
		}
		// Whatever was taken is a bundle: it can be unpacked, and packed again it is the same.
		files := unpacked(t, packed)
		if len(files) != b.Files {
			t.Fatalf("%d files were packed and %d unpacked", b.Files, len(files))
		}
		again, _, err := pack(t, name, packed, bundle.Limits{})
		if err != nil || again.SHA256 != b.SHA256 {
			t.Fatalf("packed again: %v, %+v, first %+v", err, again, b)
		}
	})
}

func FuzzConfiguration(f *testing.F) {
	f.Add([]byte(config))
	f.Add([]byte(`{"name":"x","parameters":{"type":"object"},"timeout":"1h","command":["a"],"labels":["gpu"],"retries":3}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, _, err := pack(t, "x", tarball(t, file{name: "configuration.json", text: string(text)}, file{name: "src/main.py"}), bundle.Limits{})
		if err != nil {
			return
		}
		c := b.Configuration
		if c.Name == "" || c.Slug() == "" || c.CPULimit < c.CPUReservation || c.MemoryLimit < c.MemoryReservation || c.MemoryLimit <= 0 {
			t.Fatalf("%+v", c)
		}
	})
}
