package controltest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-gateway/fairway/runner/blobs"
)

// Blobs are those of a test.
type Blobs struct {
	*blobs.Blobs
	// Away says that they cannot be reached.
	Away bool

	dir string
}

// NewBlobs makes Blobs in a directory of the test.
func NewBlobs(t testing.TB) *Blobs {
	t.Helper()
	b := &Blobs{dir: t.TempDir()}
	var err error
	b.Blobs, err = blobs.Open(t.Context(), "", b.dir)
	Must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// Open gives them to an API, unless they are away.
func (b *Blobs) Open(context.Context) (*blobs.Blobs, error) {
	if b.Away {
		return nil, errors.New("they are away")
	}
	return b.Blobs, nil
}

// Kept counts them.
func (b *Blobs) Kept(t testing.TB) (n int) {
	t.Helper()
	Must(t, filepath.WalkDir(b.dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	}))
	return n
}
