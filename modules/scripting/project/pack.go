// Package project is the directory in which somebody writes a script: it is begun, packed, checked as the gateway does, and unpacked.
package project

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/fairway-gateway/fairway/runner/bundle"
)

// IgnoreName is the file whose lines say what is left out.
const IgnoreName = ".fairwayignore"

// Packed is a script as it is uploaded.
type Packed struct {
	*bundle.Bundle
	// File is how the upload is called, and Upload what it is; Content is the bundle that the gateway makes of it.
	File            string
	Upload, Content []byte
	// ID is the id that configuration.json names, under which it was published before; empty: none.
	ID string
}

// refusedError is why something is no script.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

func refuse(format string, args ...any) error { return &refusedError{fmt.Sprintf(format, args...)} }

// Refused says whether an error is about the script, not about reading it.
func Refused(err error) bool {
	_, own := errors.AsType[*refusedError](err)
	_, theirs := errors.AsType[*bundle.RefusedError](err)
	_, large := errors.AsType[*bundle.TooLargeError](err)
	return own || theirs || large
}

// Pack packs a directory, or one file that begins with #!, and checks it as the gateway does. What begins with a dot is left out, and
// __pycache__, *.pyc, and what the file .fairwayignore says. Links and other things that are no files are refused.
func Pack(ctx context.Context, name string, limits bundle.Limits) (*Packed, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return packFile(ctx, name, limits)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	rules, err := readRules(root)
	if err != nil {
		return nil, err
	}
	if _, err := root.Lstat(bundle.ConfigurationName); errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("there is no %s in %s: fairway script create makes one", bundle.ConfigurationName, name)
	}
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	p := &packing{ctx: ctx, root: root, rules: rules, tar: tar.NewWriter(z), limits: limits}
	if err := fs.WalkDir(root.FS(), ".", p.add); err != nil {
		return nil, err
	}
	if err := errors.Join(p.tar.Close(), z.Close()); err != nil {
		return nil, err
	}
	out, err := check(ctx, "script.tar.gz", archive.Bytes(), limits)
	if err != nil {
		return nil, err
	}
	out.File = out.Configuration.Slug() + ".tar.gz"
	out.ID = idOf(out.Configuration.Raw)
	return out, nil
}

// packFile takes one file.
func packFile(ctx context.Context, name string, limits bundle.Limits) (*Packed, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, mostArchive(limits)+1))
	if err != nil {
		return nil, err
	}
	out, err := check(ctx, filepath.Base(name), content, limits)
	if err == nil {
		out.File, out.Upload = filepath.Base(name), content
	}
	return out, err
}

func mostArchive(l bundle.Limits) int64 {
	if l.Archive > 0 {
		return l.Archive
	}
	return 10 << 20
}

func mostUnpacked(l bundle.Limits) int64 {
	if l.Unpacked > 0 {
		return l.Unpacked
	}
	return 100 << 20
}

func check(ctx context.Context, name string, content []byte, limits bundle.Limits) (*Packed, error) {
	var out bytes.Buffer
	b, err := bundle.Pack(ctx, &out, bundle.Upload{Name: name, Content: bytes.NewReader(content), Size: int64(len(content))}, limits)
	if err != nil {
		return nil, err
	}
	return &Packed{Bundle: b, Upload: out.Bytes(), Content: out.Bytes()}, nil
}

// packing is a directory that is being packed.
type packing struct {
	ctx    context.Context //nolint:containedctx // it is the context of the one call
	root   *os.Root
	rules  rules
	tar    *tar.Writer
	limits bundle.Limits
	size   int64
}

func (p *packing) add(name string, d fs.DirEntry, err error) error {
	switch {
	case err != nil:
		return err
	case p.ctx.Err() != nil:
		return context.Cause(p.ctx)
	case name == ".":
		return nil
	case p.rules.leaveOut(name, d.IsDir()):
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	case d.IsDir():
		return nil
	case d.Type()&fs.ModeSymlink != 0:
		return refuse("%s is a link, and scripts are made of files: leave it out by a line of %s", name, IgnoreName)
	case !d.Type().IsRegular():
		return refuse("%s is no file: leave it out by a line of %s", name, IgnoreName)
	}
	f, err := p.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // it is another one by now
		return refuse("%s is no file", name)
	}
	if p.size += info.Size(); p.size > mostUnpacked(p.limits) {
		return refuse("the files have more than %d MiB together; what is not the script's can be left out by lines of %s", mostUnpacked(p.limits)>>20, IgnoreName)
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o644}
	if info.Mode()&0o111 != 0 {
		header.Mode = 0o755
	}
	if err := p.tar.WriteHeader(header); err != nil {
		return err
	}
	n, err := io.Copy(p.tar, io.LimitReader(f, info.Size()))
	if err == nil && n < info.Size() {
		err = fmt.Errorf("%s became shorter while it was read", name)
	}
	return err
}

// rules say what is left out.
type rules []rule

type rule struct {
	pattern string
	path    bool // of the whole path, not of the last part
	dir     bool // directories alone
}

// mostRules is how long the file may be, in bytes, and how many lines it may have.
const mostRules, mostLines = 64 << 10, 1000

func readRules(root *os.Root) (rules, error) {
	info, err := root.Lstat(IgnoreName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for
		return nil, refuse("%s is no file", IgnoreName)
	}
	f, err := root.Open(IgnoreName)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostRules+1))
	if err != nil {
		return nil, err
	}
	if len(text) > mostRules {
		return nil, refuse("%s has more than %d bytes", IgnoreName, mostRules)
	}
	return parseRules(string(text))
}

// parseRules reads lines: a pattern for names, as *.tif, or, with a / inside, for paths from the top, as data/raw; with a / at its end it is
// for directories alone. Empty lines and those that begin with # say nothing.
func parseRules(text string) (rules, error) {
	var out rules
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '!' || strings.Contains(line, "**") {
			return nil, refuse("%s, line %d: neither ! nor ** is known", IgnoreName, i+1)
		}
		r := rule{dir: strings.HasSuffix(line, "/")}
		r.pattern = strings.TrimSuffix(line, "/")
		r.path = strings.Contains(r.pattern, "/")
		r.pattern = strings.TrimPrefix(r.pattern, "/")
		if _, err := path.Match(r.pattern, ""); err != nil || r.pattern == "" {
			return nil, refuse("%s, line %d: %.40q is no pattern", IgnoreName, i+1, line)
		}
		if out = append(out, r); len(out) > mostLines {
			return nil, refuse("%s has more than %d patterns", IgnoreName, mostLines)
		}
	}
	return out, nil
}

// leaveOut says whether a file or directory is.
func (r rules) leaveOut(name string, dir bool) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, ".") || base == "__pycache__" || strings.HasSuffix(base, ".pyc") {
		return true
	}
	for _, one := range r {
		what := base
		if one.path {
			what = name
		}
		if ok, _ := path.Match(one.pattern, what); ok && (dir || !one.dir) {
			return true
		}
	}
	return false
}

// Unpack puts a bundle into a directory that is not there yet, or is empty. Where it cannot be, nothing of it stays.
func Unpack(ctx context.Context, r io.Reader, directory string, limits bundle.Limits) (err error) {
	made := false
	switch found, err := os.ReadDir(directory); {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(directory, 0o755); err != nil { //nolint:gosec // as a directory of sources is
			return err
		}
		made = true
	case err != nil:
		return err
	case len(found) > 0:
		return refuse("%s is not empty", directory)
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer root.Close()
	err = bundle.Extract(ctx, r, root, limits)
	if err == nil {
		return nil
	}
	found, left := fs.ReadDir(root.FS(), ".")
	for _, entry := range found {
		left = errors.Join(left, root.RemoveAll(entry.Name()))
	}
	if made && left == nil {
		left = os.Remove(directory)
	}
	return errors.Join(err, left)
}
