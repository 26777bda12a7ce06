// Package bundle reads what users upload as a script, checks it, and unpacks it where it is to run.
//
// A script is uploaded as a .tar.gz, as a .zip, or as a single file that begins with #!. What is stored is one format, a bundle: a
// .tar.gz with plain files alone, which Pack wrote itself. So who downloads or runs a script has one kind of archive before him,
// and nothing of what an archive can be beside files.
//
// An archive is refused whole, with the first reason that is met, a *RefusedError: nothing of it is skipped or mended.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// ConfigurationName is the file at the root of an archive that says what the script is.
const ConfigurationName = "configuration.json"

// MainName is the file with the function run(params, logger) of a script in Python.
const MainName = "src/main.py"

// Limits of an upload. A zero is the default.
type Limits struct {
	// Archive is how long an upload may be, in bytes. Default 10 MiB.
	Archive int64
	// Unpacked is how long all files of it may be together, in bytes. Default 100 MiB.
	Unpacked int64
	// Files is how many files there may be. Default 2,000.
	Files int
}

func (l Limits) complete() Limits {
	if l.Archive <= 0 {
		l.Archive = 10 << 20
	}
	if l.Unpacked <= 0 {
		l.Unpacked = 100 << 20
	}
	if l.Files <= 0 {
		l.Files = 2000
	}
	return l
}

// RefusedError says why something that was uploaded is no script.
type RefusedError struct {
	// Path is the file in the archive that it is about; empty: the archive.
	Path string
	// Reason is a sentence without its full stop, for the user.
	Reason string
}

func (e *RefusedError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return shown(e.Path) + ": " + e.Reason
}

func refuse(path, format string, args ...any) error {
	return &RefusedError{Path: path, Reason: fmt.Sprintf(format, args...)}
}

// TooLargeError says that an upload is longer than it may be, before anything of it was looked at.
type TooLargeError struct {
	// Most is how many bytes there may be.
	Most int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("an upload has at most %d bytes", e.Most)
}

// Upload is what somebody sent.
type Upload struct {
	// Name is what he called the file, such as report.py. It names a script that is a single file, and is nothing else.
	Name string
	// Content is the file.
	Content io.ReaderAt
	// Size is its length in bytes.
	Size int64
}

// Bundle is what is known of a script that was packed.
type Bundle struct {
	// Configuration is what the script says of itself.
	Configuration Configuration
	// Files are how many there are, and Unpacked their bytes.
	Files    int
	Unpacked int64
	// Size is the length of the bundle in bytes, SHA256 its digest in hexadecimal letters. They depend on the files of the upload
	// and their order alone, so the same script has the same.
	Size   int64
	SHA256 string
}

// Pack reads what was uploaded, checks it, and writes it to w as a bundle. If there is an error, what was written is worth nothing: a *RefusedError or *TooLargeError is
// about the upload, every other about reading and writing. An upload costs a few megabytes of memory, and one of 10 MiB that is nothing but names in a .zip about 80: let few be read at once.
func Pack(ctx context.Context, w io.Writer, up Upload, limits Limits) (*Bundle, error) {
	limits = limits.complete()
	if up.Size > limits.Archive {
		return nil, &TooLargeError{Most: limits.Archive}
	}
	content := &contextReaderAt{ctx: ctx, r: up.Content}
	walk, err := open(content, up, limits)
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	out := &counted{w: io.MultiWriter(w, digest)}
	p := packing{check: newChecks(limits), out: out, zip: gzip.NewWriter(out)}
	p.tar = tar.NewWriter(p.zip)
	if err := walk(p.add); err != nil {
		return nil, err
	}
	c, err := p.configuration(up.Name)
	if err != nil {
		return nil, err
	}
	if p.single {
		e := entry{path: ConfigurationName, size: int64(len(c.Raw))}
		if err := p.add(e, bytes.NewReader(c.Raw)); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(p.tar.Close(), p.zip.Close()); err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	return &Bundle{
		Configuration: c, Files: p.check.files, Unpacked: p.check.bytes,
		Size: out.n, SHA256: hex.EncodeToString(digest.Sum(nil)),
	}, nil
}

// packing is one run of Pack.
type packing struct {
	check  *checks
	out    *counted
	zip    *gzip.Writer
	tar    *tar.Writer
	config []byte
	single bool
	main   bool
}

// add takes the next file of an upload.
func (p *packing) add(e entry, content io.Reader) error {
	if e.directory {
		return p.check.directory(e.path)
	}
	name, err := p.check.file(e)
	if err != nil {
		return err
	}
	// The length in front of a file has to be right, so it is that which the archive says, and the file is held to it.
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: e.size, Mode: mode(e.executable), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	if err := p.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	var kept *keeper
	if name == ConfigurationName {
		if e.size > mostConfiguration {
			return refuse(name, "it has more than %d bytes", mostConfiguration)
		}
		kept = new(keeper)
		content = io.TeeReader(content, kept)
	}
	n, err := io.Copy(p.tar, content)
	switch {
	case p.out.err != nil:
		return fmt.Errorf("write the bundle: %w", p.out.err)
	case errors.Is(err, tar.ErrWriteTooLong) || err == nil && n != e.size:
		return refuse(name, "it is not as long as the archive says")
	case err != nil:
		return unreadable(name, err)
	}
	if kept != nil {
		p.config = append([]byte{}, kept.b...) // not nil, even if it is empty
	}
	p.main = p.main || name == MainName
	p.single = p.single || e.single
	return nil
}

// configuration is what the files say of the script, or the name of the one file.
func (p *packing) configuration(name string) (Configuration, error) {
	if p.check.files == 0 {
		return Configuration{}, refuse("", "there is no file in the archive")
	}
	if p.single {
		return ofFile(name)
	}
	if p.config == nil {
		return Configuration{}, refuse("", "there is no %s at the root of the archive", ConfigurationName)
	}
	c, err := parse(p.config)
	if err != nil {
		return Configuration{}, err
	}
	if len(c.Command) == 0 && !p.main {
		return Configuration{}, refuse("", "there is neither %s nor a command in %s: nothing says what is to run", MainName, ConfigurationName)
	}
	return c, nil
}

func mode(executable bool) int64 {
	if executable {
		return 0o755
	}
	return 0o644
}

// keeper keeps what passes; whoever uses it sees to its length.
type keeper struct{ b []byte }

func (k *keeper) Write(b []byte) (int, error) {
	k.b = append(k.b, b...)
	return len(b), nil
}

// counted counts what is written, and remembers why nothing more was: an archive that is broken and a disk that is full are both
// errors of one copy.
type counted struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}

// contextReaderAt ends when its context does.
type contextReaderAt struct {
	ctx context.Context //nolint:containedctx // it is the context of the one call that reads
	r   io.ReaderAt
}

func (c *contextReaderAt) ReadAt(b []byte, off int64) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read the upload: %w", context.Cause(c.ctx))
	}
	return c.r.ReadAt(b, off)
}
