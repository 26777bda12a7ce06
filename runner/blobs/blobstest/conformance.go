// Package blobstest holds places for blobs to what package blobs says of them.
package blobstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/runner/blobs"
)

// Conformance holds a place to what every place is. open opens the same one each time.
func Conformance(t *testing.T, open func(*testing.T) *blobs.Blobs) {
	t.Helper()
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, s)
			return err
		}
	}
	t.Run("write, read, remove", func(t *testing.T) {
		b, other := open(t), open(t)
		const key = "scripts/0190-a/1.tar.gz"
		for _, s := range []string{"", "a", strings.Repeat("0123456789abcdef", 1<<16)} {
			info, err := b.Write(t.Context(), key, "application/gzip", 1<<20, text(s))
			digest := sha256.Sum256([]byte(s))
			if err != nil || info.Size != int64(len(s)) || info.SHA256 != hex.EncodeToString(digest[:]) {
				t.Fatalf("%+v, %v", info, err)
			}
			if got := read(t, other, key); got != s {
				t.Fatalf("%d bytes were written and %d read", len(s), len(got))
			}
		}
		if err := errors.Join(b.Remove(t.Context(), key), b.Remove(t.Context(), key)); err != nil {
			t.Error(err)
		}
		if _, err := other.Read(t.Context(), key); !errors.Is(err, blobs.ErrNotFound) {
			t.Errorf("what was removed: %v", err)
		}
		if err := b.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("handovers", func(t *testing.T) {
		b := open(t)
		want := map[string]bool{}
		for i := range 1010 { // more than a page
			want[fmt.Sprintf("attempt-%04d", i)] = true
		}
		for _, key := range []string{"handove", "handoverx", "scripts/handover/x"} {
			if _, err := b.Write(t.Context(), key, "text/plain", 10, text("x")); err != nil {
				t.Fatal(err)
			}
		}
		for name := range want {
			if _, err := b.Write(t.Context(), blobs.HandoverKey(name), "text/plain", 10, text("x")); err != nil {
				t.Fatal(err)
			}
		}
		// What is removed meanwhile changes nothing of the others.
		for name, err := range b.Handovers(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if !want[name] {
				t.Errorf("%q is none", name)
			}
			delete(want, name)
			if err := b.Remove(t.Context(), blobs.HandoverKey(name)); err != nil {
				t.Fatal(err)
			}
		}
		if len(want) > 0 {
			t.Errorf("it does not list %v", want)
		}
	})
	t.Run("all or nothing", func(t *testing.T) {
		b := open(t)
		const key = "results/all-or-nothing"
		if _, err := b.Write(t.Context(), key, "text/plain", 10, text("first")); err != nil {
			t.Fatal(err)
		}
		_, err := b.Write(t.Context(), key, "text/plain", 10, text(strings.Repeat("x", 11)))
		if limit, ok := errors.AsType[*blobs.LimitError](err); !ok || limit.Most != 10 {
			t.Errorf("11 bytes of 10: %v", err)
		}
		broken := errors.New("broken")
		if _, err := b.Write(t.Context(), key, "text/plain", 10, func(w io.Writer) error { return errors.Join(text("half")(w), broken) }); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := b.Write(ctx, key, "text/plain", 10, func(w io.Writer) error { cancel(); return text("late")(w) }); err == nil {
			t.Error("what was cancelled was kept")
		}
		if got := read(t, b, key); got != "first" {
			t.Errorf("after writes that failed: %q", got)
		}
	})
	t.Run("long", func(t *testing.T) {
		// More than any request holds of it at once, in pieces.
		b := open(t)
		const key, most = "results/long", 32 << 20
		piece := strings.Repeat("0123456789abcde\n", 1<<12)
		pieces := func(n int, end error) func(io.Writer) error {
			return func(w io.Writer) error {
				for range n {
					if _, err := io.WriteString(w, piece); err != nil {
						return err
					}
				}
				return end
			}
		}
		broken := errors.New("broken")
		if _, err := b.Write(t.Context(), key, "text/plain", most, pieces(300, broken)); !errors.Is(err, broken) {
			t.Errorf("a write that failed: %v", err)
		}
		_, err := b.Write(t.Context(), key, "text/plain", most, pieces(most/len(piece)+1, nil))
		if _, ok := errors.AsType[*blobs.LimitError](err); !ok {
			t.Errorf("too much: %v", err)
		}
		if _, err := b.Read(t.Context(), key); !errors.Is(err, blobs.ErrNotFound) {
			t.Errorf("after writes that failed: %v", err)
		}
		const n = 300
		if _, err := b.Write(t.Context(), key, "text/plain", most, pieces(n, nil)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, b, key); got != strings.Repeat(piece, n) {
			t.Errorf("%d bytes were written and %d read", n*len(piece), len(got))
		}
		if err := b.Remove(t.Context(), key); err != nil {
			t.Error(err)
		}
	})
	t.Run("at once", func(t *testing.T) {
		b := open(t)
		const key = "results/at-once"
		a, z := strings.Repeat("a", 1<<16), strings.Repeat("z", 1<<16)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if _, err := b.Write(t.Context(), key, "text/plain", 1<<20, text([]string{a, z}[i%2])); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := read(t, b, key); got != a && got != z {
			t.Error("what is there is nobody's")
		}
	})
	t.Run("keys", func(t *testing.T) {
		b := open(t)
		for _, key := range []string{"", "..", "../x", "a/../b", "/etc/passwd", "a//b", "a/", "A", "a b", "a\x00", `a\b`, strings.Repeat("a", 201)} {
			_, writeErr := b.Write(t.Context(), key, "text/plain", 1, text(""))
			_, readErr := b.Read(t.Context(), key)
			if writeErr == nil || readErr == nil || errors.Is(readErr, blobs.ErrNotFound) || b.Remove(t.Context(), key) == nil {
				t.Errorf("%q is taken for a key", key)
			}
		}
	})
}

func read(t *testing.T, b *blobs.Blobs, key string) string {
	t.Helper()
	r, err := b.Read(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var text bytes.Buffer
	if _, err := io.Copy(&text, r); err != nil || int64(text.Len()) != r.Size {
		t.Fatalf("%d of %d bytes: %v", text.Len(), r.Size, err)
	}
	return text.String()
}
