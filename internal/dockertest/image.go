//go:build linux

package dockertest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/moby/moby/client"
)

// Load makes an image of an archive of files. Changes are lines of a Dockerfile, as VOLUME /declared.
func (e *Engine) Load(name string, archive io.Reader, changes ...string) error {
	api, err := e.API()
	if err != nil {
		return err
	}
	defer api.Close()
	said, err := api.ImageImport(context.Background(), client.ImageImportSource{Source: archive, SourceName: "-"}, name, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return fmt.Errorf("make the image %s: %w", name, err)
	}
	_, err = io.Copy(io.Discard, said)
	if err = errors.Join(err, said.Close()); err != nil {
		return fmt.Errorf("make the image %s: %w", name, err)
	}
	return nil
}

// importBusybox makes the image that is in every engine.
func (e *Engine) importBusybox() error {
	var archive bytes.Buffer
	if err := Busybox(&archive, nil); err != nil {
		return err
	}
	return e.Load(Image, &archive, "VOLUME /declared")
}

// Busybox writes an archive of the machine's busybox, which needs nothing but itself, with its applets in /bin, and of whatever else
// more adds.
func Busybox(to io.Writer, more func(*Archive)) error {
	box, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("an image of busybox: %w", err)
	}
	program, err := os.ReadFile(box)
	if err != nil {
		return fmt.Errorf("an image of busybox: %w", err)
	}
	applets, err := exec.CommandContext(context.Background(), box, "--list").Output()
	if err != nil {
		return fmt.Errorf("an image of busybox: %w", err)
	}
	a := NewArchive(to)
	for _, name := range []string{"bin/", "etc/", "usr/", "usr/bin/", "proc/", "dev/", "sys/"} {
		a.Add(tar.Header{Name: name, Typeflag: tar.TypeDir}, nil)
	}
	a.Add(tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil)
	a.Add(tar.Header{Name: "anybody/", Typeflag: tar.TypeDir, Mode: 0o777}, nil)
	a.Add(tar.Header{Name: "etc/shadow", Mode: 0o600}, []byte("root:*::::::\n"))
	a.Add(tar.Header{Name: "bin/busybox"}, program)
	for name := range strings.FieldsSeq(string(applets)) {
		if name != "busybox" {
			a.Add(tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "/bin/busybox"}, nil)
		}
	}
	a.Add(tar.Header{Name: "usr/bin/env", Typeflag: tar.TypeSymlink, Linkname: "/bin/busybox"}, nil)
	if more != nil {
		more(a)
	}
	a.Add(tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0::/:/bin/sh\n"))
	return a.Close()
}

// Archive is a tar archive that is written; Close tells the first error.
type Archive struct {
	to    *tar.Writer
	added map[string]bool
	err   error
}

// NewArchive begins one.
func NewArchive(to io.Writer) *Archive {
	return &Archive{to: tar.NewWriter(to), added: map[string]bool{}}
}

// Add adds a file of text, or whatever else the header says, unless there is one of that name. Without a mode it is 0755.
func (a *Archive) Add(header tar.Header, text []byte) {
	if a.err != nil || a.added[header.Name] {
		return
	}
	a.added[header.Name] = true
	header.Size = int64(len(text))
	if header.Mode == 0 {
		header.Mode = 0o755
	}
	if a.err = a.to.WriteHeader(&header); a.err == nil {
		_, a.err = a.to.Write(text)
	}
}

// Close ends the archive.
func (a *Archive) Close() error {
	if err := errors.Join(a.err, a.to.Close()); err != nil {
		return fmt.Errorf("write an archive: %w", err)
	}
	return nil
}
