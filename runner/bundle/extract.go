package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
)

// Extract unpacks a bundle into an empty directory, which it cannot leave: files are made, never changed, and links are not followed. A bundle is
// one's own, and is held to all that an upload is, since what stores it may not be. If there is an error the directory is to be thrown away.
func Extract(ctx context.Context, r io.Reader, root *os.Root, limits Limits) error {
	limits = limits.complete()
	check := newChecks(limits)
	return tarFiles(&contextReader{ctx: ctx, r: r}, limits)(func(e entry, content io.Reader) error {
		if e.directory {
			return check.directory(e.path)
		}
		name, err := check.file(e)
		if err != nil {
			return err
		}
		if dir := path.Dir(name); dir != "." {
			if err := root.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("unpack the bundle: %w", err)
			}
		}
		return extractFile(root, name, e, content)
	})
}

func extractFile(root *os.Root, name string, e entry, content io.Reader) (err error) {
	perm := os.FileMode(mode(e.executable)) //nolint:gosec // one of two
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("unpack the bundle: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// The umask of whoever runs this says nothing about scripts.
	if err := f.Chmod(perm); err != nil {
		return fmt.Errorf("unpack the bundle: %w", err)
	}
	if _, err := io.Copy(f, content); err != nil {
		if _, wrote := errors.AsType[*os.PathError](err); wrote {
			return fmt.Errorf("unpack the bundle: %w", err)
		}
		return unreadable(name, err)
	}
	return nil
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context //nolint:containedctx // it is the context of the one call that reads
	r   io.Reader
}

func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read the bundle: %w", context.Cause(c.ctx))
	}
	return c.r.Read(b)
}
