// Package blobs keeps what is too large for the store: scripts, and results of executions. They lie in a directory, or in a bucket of S3 or of a server that speaks as S3 does.
//
// What is written under a key is there whole or not at all, whoever is killed meanwhile. Nothing under a key is ever changed: keys have the id of what they belong to.
package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"github.com/fairway-gateway/fairway/runner/blobs/s3"
)

// ErrNotFound says that there is nothing under a key.
var ErrNotFound = errors.New("there is no such blob")

// LimitError says that something is longer than it may be. Nothing of it is kept.
type LimitError struct {
	// Most is how many bytes there may be.
	Most int64
}

func (e *LimitError) Error() string { return fmt.Sprintf("it has more than %d bytes", e.Most) }

// Blobs is a place for blobs. It may be used by any number of goroutines, and be opened by any number of processes.
type Blobs struct {
	bucket *blob.Bucket
	// Where says where they are, without credentials.
	where string
}

// Open opens a place: "" is the directory, which is made; file:///another/one; s3://bucket, with the parameters region, prefix, endpoint and s3ForcePathStyle in its query. Who one is to S3 the
// environment says, as it does to all programs of AWS (AWS_ACCESS_KEY_ID, or the role of the machine). Whether a bucket can be reached says Ready, since it may come back.
func Open(_ context.Context, address, directory string) (*Blobs, error) {
	if address == "" {
		return openDirectory(directory)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address of blobs", address)
	}
	switch u.Scheme {
	case fileblob.Scheme:
		if u.Host != "" && u.Host != "localhost" || u.RawQuery != "" || !filepath.IsAbs(u.Path) {
			return nil, fmt.Errorf("%q: want file:///directory", address)
		}
		return openDirectory(filepath.FromSlash(u.Path))
	case s3.Scheme:
		return openS3(u)
	}
	return nil, fmt.Errorf("%q: want file:///directory or s3://bucket", address)
}

func openDirectory(directory string) (*Blobs, error) {
	bucket, err := fileblob.OpenBucket(directory, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700,
		// A file is renamed to its name, which only works inside of one file system.
		NoTempDir: true,
		Metadata:  fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	return &Blobs{bucket: bucket, where: directory}, nil
}

func openS3(u *url.URL) (*Blobs, error) {
	q := u.Query()
	prefix := q.Get("prefix")
	q.Del("prefix")
	u.RawQuery = q.Encode()
	bucket, err := s3.Open(u)
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	if prefix != "" {
		if !strings.HasSuffix(prefix, "/") {
			prefix += "/"
		}
		bucket = blob.PrefixedBucket(bucket, prefix)
	}
	return &Blobs{bucket: bucket, where: "s3://" + u.Host + "/" + prefix}, nil
}

// String says where the blobs are.
func (b *Blobs) String() string { return b.where }

// Close ends the use of the place.
func (b *Blobs) Close() error {
	if err := b.bucket.Close(); err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	return nil
}

// Ready says whether the place can be reached.
func (b *Blobs) Ready(ctx context.Context) error {
	ok, err := b.bucket.IsAccessible(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("blobs at %s: %w", b.where, err)
	case !ok:
		return fmt.Errorf("blobs: there is no %s", b.where)
	}
	return nil
}

// HandoverKey is the key under which results lie that the script of an attempt handed over, until its runner has taken them.
func HandoverKey(attempt string) string { return handovers + attempt }

const handovers = "handover/"

// Handovers gives the attempts for which results lie under HandoverKey, as they are listed: whether they are anybody's the store says.
func (b *Blobs) Handovers(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		found := b.bucket.List(&blob.ListOptions{Prefix: handovers})
		for {
			object, err := found.Next(ctx)
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield("", fmt.Errorf("blobs %s: %w", handovers, err))
				return
			case !yield(strings.TrimPrefix(object.Key, handovers), nil):
				return
			}
		}
	}
}

// Info is what is known of a blob that was written.
type Info struct {
	// Size is its length in bytes.
	Size int64
	// SHA256 is its digest in hexadecimal letters.
	SHA256 string
}

// Write keeps what fill writes, at most so many bytes, under a key. If fill fails nothing is kept and its error is returned; a *LimitError says that it wrote too much.
func (b *Blobs) Write(ctx context.Context, key, contentType string, most int64, fill func(io.Writer) error) (Info, error) {
	if err := check(key); err != nil {
		return Info{}, err
	}
	// A writer that is closed after its context was cancelled keeps nothing.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: contentType, DisableContentTypeDetection: true})
	if err != nil {
		return Info{}, fmt.Errorf("blob %s: %w", key, err)
	}
	m := &measured{w: w, digest: sha256.New(), left: most, most: most}
	if err := fill(m); err != nil {
		cancel()
		_ = w.Close()
		return Info{}, err
	}
	if err := w.Close(); err != nil {
		return Info{}, fmt.Errorf("blob %s: %w", key, err)
	}
	return Info{Size: most - m.left, SHA256: hex.EncodeToString(m.digest.Sum(nil))}, nil
}

// Reader is an open blob.
type Reader struct {
	io.ReadCloser
	// Size is the length of the blob in bytes.
	Size int64
}

// Read opens a blob. ErrNotFound says that there is none.
func (b *Blobs) Read(ctx context.Context, key string) (*Reader, error) {
	if err := check(key); err != nil {
		return nil, err
	}
	r, err := b.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, failure(key, err)
	}
	return &Reader{ReadCloser: r, Size: r.Size()}, nil
}

// Remove removes a blob; that there is none is no error.
func (b *Blobs) Remove(ctx context.Context, key string) error {
	if err := check(key); err != nil {
		return err
	}
	if err := failure(key, b.bucket.Delete(ctx, key)); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

func failure(key string, err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound, errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return fmt.Errorf("blob %s: %w", key, err)
}

// check refuses keys that mean something else in a file system or in an address. What holds two dots in a row is none either: a bucket of files
// writes "a../b" in another way.
func check(key string) error {
	const most = 200
	letter := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./", r)
	}
	if strings.IndexFunc(key, func(r rune) bool { return !letter(r) }) >= 0 || len(key) > most || path.Clean("/"+key) != "/"+key || strings.Contains(key, "..") || key == "" {
		return fmt.Errorf("%q is no key of a blob", key)
	}
	return nil
}

// measured measures what passes, and ends past a limit.
type measured struct {
	w          io.Writer
	digest     hash.Hash
	left, most int64
}

func (m *measured) Write(p []byte) (int, error) {
	if int64(len(p)) > m.left {
		return 0, &LimitError{Most: m.most}
	}
	n, err := m.w.Write(p)
	m.left -= int64(n)
	_, _ = m.digest.Write(p[:n]) // never fails
	return n, err
}
