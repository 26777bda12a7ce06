package bundle

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// walk tells of every file of an upload in its order, and ends with the first error.
type walk func(add func(entry, io.Reader) error) error

// open looks at the first bytes of an upload, which say what it is.
func open(r io.ReaderAt, up Upload, limits Limits) (walk, error) {
	head := make([]byte, min(4, max(0, up.Size)))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the upload: %w", err)
	}
	switch {
	case len(head) == 0:
		return nil, refuse("", "the file is empty")
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return tarFiles(io.NewSectionReader(r, 0, up.Size), limits), nil
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return zipFiles(r, up.Size, limits), nil
	case bytes.HasPrefix(head, []byte("#!")):
		return func(add func(entry, io.Reader) error) error {
			return add(entry{path: singleName, size: up.Size, executable: true, single: true}, io.NewSectionReader(r, 0, up.Size))
		}, nil
	}
	return nil, refuse("", "it is neither a .tar.gz, nor a .zip, nor a script that begins with #!")
}

// tarFiles are the files of a .tar.gz.
func tarFiles(r io.Reader, limits Limits) walk {
	return func(add func(entry, io.Reader) error) error {
		z, err := gzip.NewReader(r)
		if err != nil {
			return unreadable("", err)
		}
		// What is between files is limited, too: headers without end, and zeros behind the last file.
		inflated := &limited{r: z, left: limits.Unpacked + int64(limits.Files)*4096 + 1<<20}
		t := tar.NewReader(inflated)
		for entries := 0; ; entries++ {
			h, err := t.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return unreadable("", err)
			}
			if entries > 2*limits.Files {
				return refuse("", "there are more than %d files and directories", 2*limits.Files)
			}
			e := entry{path: h.Name, size: h.Size, executable: h.Mode&0o111 != 0}
			switch h.Typeflag {
			case tar.TypeReg:
			case tar.TypeDir:
				e.directory = true
			case tar.TypeXGlobalHeader: // what git archive writes
				continue
			default:
				return refuse(h.Name, "%s", kindOf(h.Typeflag))
			}
			if err := add(e, t); err != nil {
				return err
			}
		}
		// The check sum stands behind the last byte.
		if _, err := io.Copy(io.Discard, inflated); err != nil {
			return unreadable("", err)
		}
		return nil
	}
}

func kindOf(typeflag byte) string {
	switch typeflag {
	case tar.TypeSymlink, tar.TypeLink:
		return "it is a link"
	case tar.TypeChar, tar.TypeBlock:
		return "it is a device"
	case tar.TypeFifo:
		return "it is a named pipe"
	}
	return "it is neither a file nor a directory"
}

// zipFiles are the files of a .zip.
func zipFiles(r io.ReaderAt, size int64, limits Limits) walk {
	return func(add func(entry, io.Reader) error) error {
		z, err := zip.NewReader(r, size)
		// Paths are looked at for each file, with a better reason.
		if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
			return unreadable("", err)
		}
		if len(z.File) > 2*limits.Files {
			return refuse("", "there are more than %d files and directories", 2*limits.Files)
		}
		for _, f := range z.File {
			if err := zipFile(f, add); err != nil {
				return err
			}
		}
		return nil
	}
}

func zipFile(f *zip.File, add func(entry, io.Reader) error) error {
	const encrypted = 1
	mode := f.Mode()
	switch {
	case f.Flags&encrypted != 0:
		return refuse(f.Name, "it is encrypted")
	case mode.Type()&fs.ModeSymlink != 0:
		return refuse(f.Name, "it is a link")
	case mode.Type()&(fs.ModeDevice|fs.ModeCharDevice) != 0:
		return refuse(f.Name, "it is a device")
	case !mode.IsRegular() && !mode.IsDir():
		return refuse(f.Name, "it is neither a file nor a directory")
	case f.UncompressedSize64 > 1<<62:
		return refuse(f.Name, "it is not as long as the archive says")
	}
	e := entry{path: f.Name, size: int64(f.UncompressedSize64), executable: mode&0o111 != 0, directory: mode.IsDir()}
	if e.directory {
		return add(e, nil)
	}
	content, err := f.Open()
	if err != nil {
		return unreadable(f.Name, err)
	}
	defer content.Close()
	return add(e, content)
}

// limited reads up to a limit, and is an error past it.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, refuse("", "the archive is larger than it may be when it is unpacked")
	}
	n, err := l.r.Read(b[:min(int64(len(b)), l.left)])
	l.left -= int64(n)
	return n, err
}

// unreadable tells an archive that is broken from one that could not be read.
func unreadable(path string, err error) error {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, zip.ErrAlgorithm):
		return refuse(path, "it is compressed by something else than deflate")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(path, "the archive ends too early")
	}
	return refuse(path, "the archive is broken (%v)", err)
}
