package bundle

import (
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the paths in an archive: that of Linux for a name, and what nobody needs more of.
const (
	mostPath  = 1024 // bytes
	mostName  = 255  // bytes
	mostDepth = 32   // directories
)

// entry is one file of an archive, as the archive says.
type entry struct {
	path       string
	size       int64
	executable bool
	// directory says that it is none; what it has inside are entries of their own.
	directory bool
	// single says that there is no archive, but this file alone.
	single bool
}

// checks are what all files of an archive are held to.
type checks struct {
	limits Limits
	files  int
	bytes  int64
	// seen are the paths that there are: true for files, false for directories.
	seen map[string]bool
}

func newChecks(limits Limits) *checks {
	return &checks{limits: limits, seen: make(map[string]bool)}
}

// file notes a file and gives its path, clean and without "./" before it.
func (c *checks) file(e entry) (string, error) {
	name, err := clean(e.path)
	if err != nil {
		return "", err
	}
	if name == "." {
		return "", refuse(e.path, "a file has no name")
	}
	if err := c.place(name); err != nil {
		return "", err
	}
	c.files++
	if c.files > c.limits.Files {
		return "", refuse("", "there are more than %d files", c.limits.Files)
	}
	if e.size < 0 || e.size > c.limits.Unpacked-c.bytes {
		return "", refuse("", "the files have more than %d bytes together", c.limits.Unpacked)
	}
	c.bytes += e.size
	return name, nil
}

// directory notes a directory, which is only looked at: the files of a bundle bring their directories with them.
func (c *checks) directory(p string) error {
	name, err := clean(p)
	if err != nil || name == "." {
		return err
	}
	if c.seen[name] {
		return refuse(name, "it is a file and a directory")
	}
	return c.parents(name)
}

// place notes where a file is, and its directories.
func (c *checks) place(name string) error {
	file, ok := c.seen[name]
	switch {
	case ok && file:
		return refuse(name, "it is there twice")
	case ok:
		return refuse(name, "it is a file and a directory")
	}
	if err := c.parents(name); err != nil {
		return err
	}
	c.seen[name] = true
	return nil
}

func (c *checks) parents(name string) error {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		file, ok := c.seen[dir]
		if file {
			return refuse(dir, "it is a file and a directory")
		}
		if ok {
			return nil
		}
		c.seen[dir] = false
	}
	return nil
}

// clean gives a path without "./" and double slashes, if it is one that leads nowhere else.
func clean(p string) (string, error) {
	switch {
	case p == "":
		return "", refuse("", "a file has no name")
	case len(p) > mostPath:
		return "", refuse(p, "its path has more than %d bytes", mostPath)
	case !utf8.ValidString(p):
		return "", refuse(p, "its path is not UTF-8")
	case strings.ContainsFunc(p, unicode.IsControl):
		return "", refuse(p, "its path has control characters")
	case strings.Contains(p, `\`):
		return "", refuse(p, `its path has a \; directories are parted by /`)
	case strings.HasPrefix(p, "/"):
		return "", refuse(p, "its path begins with /")
	case len(p) > 1 && p[1] == ':':
		return "", refuse(p, "its path begins with a drive")
	}
	parts := strings.SplitSeq(p, "/")
	for part := range parts {
		switch {
		case part == "..":
			return "", refuse(p, "its path has ..")
		case len(part) > mostName:
			return "", refuse(p, "a name in its path has more than %d bytes", mostName)
		}
	}
	name := path.Clean(p)
	if strings.Count(name, "/") > mostDepth {
		return "", refuse(p, "it is in more than %d directories", mostDepth)
	}
	return name, nil
}

// shown is a path as an error may show it.
func shown(p string) string {
	const most = 100
	if len(p) > most {
		p = p[:most] + "…"
	}
	if quoted := strconv.Quote(p); len(quoted) != len(p)+2 || strings.Contains(p, ": ") {
		return quoted
	}
	return p
}
