package s3

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/minio/minio-go/v7"
	"gocloud.dev/blob/driver"
)

// NewRangeReader implements driver.Bucket, for whole objects.
func (b *bucket) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	if offset != 0 || length >= 0 {
		return nil, errUnimplemented
	}
	content, info, _, err := b.client.GetObject(ctx, b.name, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	return &reader{ReadCloser: content, said: driver.ReaderAttributes{ContentType: info.ContentType, ModTime: info.LastModified, Size: info.Size}}, nil
}

// reader is an open object.
type reader struct {
	io.ReadCloser
	said driver.ReaderAttributes
}

// Attributes implements driver.Reader.
func (r *reader) Attributes() *driver.ReaderAttributes { return &r.said }

// As implements driver.Reader.
func (*reader) As(any) bool { return false }

// partSize is how much of an object is in memory: what is not longer is one request.
const partSize = 8 << 20

// NewTypedWriter implements driver.Bucket.
func (b *bucket) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	if o.IfNotExist || o.BeforeWrite != nil || len(o.Metadata) > 0 || len(o.ContentMD5) > 0 {
		return nil, errUnimplemented
	}
	return &writer{ctx: ctx, put: func(content io.Reader, size int64) error {
		_, err := b.client.Client.PutObject(ctx, b.name, key, content, size, minio.PutObjectOptions{ContentType: contentType, PartSize: partSize})
		return err
	}}, nil
}

// writer keeps what it is given until it is a part, and then sends it while more comes. There is an object once it was closed, if its
// context lives.
type writer struct {
	ctx  context.Context //nolint:containedctx // a writer has it from who makes it, by gocloud's interface
	put  func(content io.Reader, size int64) error
	kept bytes.Buffer
	pipe *io.PipeWriter
	sent chan error // what became of what goes through the pipe
}

// Write implements driver.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.pipe == nil {
		if w.kept.Len()+len(p) <= partSize {
			return w.kept.Write(p)
		}
		w.send()
	}
	return w.pipe.Write(p)
}

// send begins to send.
func (w *writer) send() {
	from, to := io.Pipe()
	w.pipe, w.sent = to, make(chan error, 1)
	go func() { // ends when the writer is closed, or the request has failed
		const unknown = -1
		err := w.put(io.MultiReader(&w.kept, from), unknown)
		_ = from.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // never fails
		w.sent <- err
	}()
}

// Close implements driver.Writer.
func (w *writer) Close() error {
	stopped := w.ctx.Err()
	switch {
	case w.pipe == nil && stopped != nil:
		return stopped
	case w.pipe == nil:
		return w.put(&w.kept, int64(w.kept.Len()))
	}
	_ = w.pipe.CloseWithError(stopped) // nil is the end; never fails
	return errors.Join(<-w.sent, stopped)
}
