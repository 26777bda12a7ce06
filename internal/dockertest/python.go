//go:build linux

package dockertest

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Python writes an archive as Busybox does, with the machine's /usr/bin/python3: its libraries, its standard library and pip. Certificates, PEM, are
// those that pip trusts; without any it trusts none.
func Python(to io.Writer, certificates []byte) error {
	const program = "/usr/bin/python3"
	// Debian's own places, whatever the path or the user's environment say.
	out, err := exec.CommandContext(context.Background(), program, "-I", "-c", `
import sysconfig, pip, os.path, pip._vendor.certifi
print(sysconfig.get_path("stdlib")); print(os.path.dirname(pip.__file__)); print(pip._vendor.certifi.where())`).Output()
	if err != nil {
		return fmt.Errorf("%s with pip: %w", program, err)
	}
	places := strings.Fields(string(out))
	if len(places) != 3 {
		return fmt.Errorf("%s says %q of its places", program, out)
	}
	var failed error
	err = Busybox(to, func(a *Archive) {
		libraries := []string{program}
		for _, place := range places[:2] {
			failed = filepath.WalkDir(place, func(path string, entry fs.DirEntry, err error) error {
				switch {
				case err != nil:
					return err
				case entry.IsDir() && slices.Contains([]string{"__pycache__", "test", "tests", "idlelib", "lib2to3", "tkinter"}, entry.Name()):
					return fs.SkipDir
				case entry.IsDir(), path == places[2]:
					return nil
				case strings.HasSuffix(path, ".so"):
					libraries = append(libraries, path)
				}
				return a.copy(path)
			})
			if failed != nil {
				return
			}
		}
		needed, err := linked(libraries)
		if err != nil {
			failed = err
			return
		}
		for _, path := range append(needed, program) {
			if failed = a.copy(path); failed != nil {
				return
			}
		}
		a.Add(tar.Header{Name: strings.TrimPrefix(places[2], "/"), Mode: 0o644}, certificates)
	})
	if failed != nil {
		return fmt.Errorf("an image of %s: %w", program, failed)
	}
	return err
}

// copy adds a file of the machine in its place, itself in the place of a link to it. A link to nowhere is left out.
func (a *Archive) copy(path string) error {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	a.Add(tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: int64(info.Mode().Perm())}, text)
	return a.err
}

// linked are the libraries that programs and libraries are linked to, by their places, with what loads them.
func linked(files []string) ([]string, error) {
	out, err := exec.CommandContext(context.Background(), "ldd", files...).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd: %w", err)
	}
	var found []string
	for _, match := range regexp.MustCompile(`(?m)(/\S+) \(0x`).FindAllStringSubmatch(string(out), -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}
