package fairway

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/runner/blobs"
)

// blobPlace is a place for blobs in the usage pool, which is opened when it is first needed.
type blobPlace struct {
	address, directory string

	mu   sync.Mutex
	open *blobs.Blobs
}

// key is that of the place in the pool.
func (p *blobPlace) key() string { return "blobs " + p.address + " " + p.directory }

// get gives the place, open. Where that fails it is tried again the next time.
func (p *blobPlace) get(ctx context.Context) (*blobs.Blobs, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open != nil {
		return p.open, nil
	}
	b, err := blobs.Open(ctx, p.address, p.directory)
	if err != nil {
		return nil, err
	}
	p.open = b
	return b, nil
}

// Destruct ends the use of the place.
func (p *blobPlace) Destruct() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		return nil
	}
	return p.open.Close()
}

// openBlobs finds or makes the place for blobs. One that a configuration names has to be right when it is loaded; that of all others
// is not made before somebody needs it.
func (a *App) openBlobs() error {
	address, err := Resolve(a.BlobsAt)
	if err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	directory := filepath.Join(caddy.AppDataDir(), "blobs")
	place := &blobPlace{address: address, directory: directory}
	v, err := a.take(place.key(), func() (caddy.Destructor, error) { return place, nil })
	if err != nil {
		return err
	}
	a.blobs = v.(*blobPlace)
	if address != "" {
		_, err = a.blobs.get(a.ctx)
	}
	return err
}

// Blobs gives the place for scripts and large results. It is opened when it is first asked for. Whoever closes it is the app: it is
// there as long as a configuration with the same place is.
func (a *App) Blobs(ctx context.Context) (*blobs.Blobs, error) { return a.blobs.get(ctx) }

// parseBlobs reads: blobs file:///<directory> | s3://<bucket>.
func parseBlobs(d *caddyfile.Dispenser, app *App) error {
	const usage = "blobs s3://scripts?region=eu-central-1"
	if app.BlobsAt != "" {
		return d.Err("blobs is there twice")
	}
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Errf("blobs takes one address: %s", usage)
	}
	if at := args[0]; !strings.HasPrefix(at, "file:///") && !strings.HasPrefix(at, "s3://") && !strings.HasPrefix(at, "{") {
		return d.Errf("blobs takes file:///directory or s3://bucket, and not %q", at)
	}
	app.BlobsAt = args[0]
	if d.NextBlock(1) {
		return d.Errf("blobs takes no block; write: %s", usage)
	}
	return nil
}
