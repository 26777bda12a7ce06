package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func files(t target) {
	for _, name := range t.Files {
		_, err := os.ReadFile(name)
		try("read "+name, err)
		// Through links of its own.
		link := filepath.Join(os.TempDir(), "link")
		os.Remove(link)
		check(os.Symlink(name, link))
		_, err = os.ReadFile(link)
		try("read "+name+" by a link", err)
		try("hard link to "+name, os.Link(name, filepath.Join(os.TempDir(), "hard")))
		if t.Pid > 0 {
			_, err = os.ReadFile(fmt.Sprintf("/proc/%d/root%s", t.Pid, name))
			try("read "+name+" by the gateway's root", err)
		}
		_, err = os.ReadFile("/proc/self/root" + name)
		try("read "+name+" by its own root", err)
		try("execute "+name, syscall.Exec(name, []string{name}, nil))
	}
	for _, name := range t.Dirs {
		_, err := os.ReadDir(name)
		try("list "+name, err)
		watch, err := unix.InotifyInit()
		if err == nil {
			_, err = unix.InotifyAddWatch(watch, name, unix.IN_CREATE)
		}
		try("watch "+name, err)
		handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, name, 0)
		if err == nil {
			var mount int
			if mount, err = unix.Open("/", unix.O_RDONLY, 0); err == nil {
				_, err = unix.OpenByHandleAt(mount, handle, unix.O_RDONLY)
			}
		}
		try("open "+name+" by its handle", err)
	}
}

// environment looks for the gateway's environment and memory.
func environment(t target) {
	for _, name := range []string{"environ", "mem", "maps", "cmdline", "fd", "cwd", "auxv", "stack", "io"} {
		path := fmt.Sprintf("/proc/%d/%s", t.Pid, name)
		var err error
		if name == "cwd" || name == "fd" {
			_, err = os.ReadDir(path + "/")
		} else {
			var file *os.File
			if file, err = os.Open(path); err == nil {
				_, err = file.Read(make([]byte, 10))
				if name == "mem" && errors.Is(err, syscall.EIO) {
					err = nil // nothing is at 0, but it is open
				}
			}
		}
		try("read "+path, err)
	}
	// All processes there are.
	entries, err := os.ReadDir("/proc")
	try("list /proc", err)
	for _, entry := range entries {
		if text, err := os.ReadFile("/proc/" + entry.Name() + "/environ"); err == nil && strings.Contains(string(text), t.Secret) {
			try("find the secret in "+entry.Name(), nil)
		}
	}
	for _, variable := range os.Environ() {
		if strings.Contains(variable, t.Secret) {
			try("find the secret in its own environment", nil)
		}
	}
}

// outside tries to change what is not its own.
func outside(t target) {
	for _, dir := range append(t.Dirs, "/tmp", "/var/tmp", "/dev/shm", "/run", "/proc/self", os.Getenv("FAIRWAY_SCRIPT_DIR"), filepath.Dir(os.Getenv("FAIRWAY_SCRIPT_DIR")), "../..") {
		name := filepath.Join(dir, fmt.Sprintf("made-by-attack-%d", os.Getpid()))
		err := os.WriteFile(name, []byte("x"), 0o666)
		try("write to "+dir, err)
		os.Remove(name)
		err = os.Mkdir(name, 0o777)
		try("make a directory in "+dir, err)
		os.Remove(name)
		err = syscall.Mknod(name, syscall.S_IFIFO|0o666, 0)
		try("make a pipe in "+dir, err)
		os.Remove(name)
		own := filepath.Join(os.TempDir(), "own")
		check(os.WriteFile(own, []byte("x"), 0o666))
		err = os.Rename(own, name)
		try("rename to "+dir, err)
		os.Remove(name)
	}
	for _, name := range t.Files {
		try("truncate "+name, os.Truncate(name, 0))
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		try("append to "+name, err)
		file.Close()
		try("remove "+name, os.Remove(name))
		try("change the mode of "+name, os.Chmod(name, 0o777))
		try("change the owner of "+name, os.Chown(name, os.Getuid(), os.Getgid()))
		try("set an attribute of "+name, unix.Setxattr(name, "user.x", []byte("x"), 0))
	}
	try("make a device", syscall.Mknod(filepath.Join(os.TempDir(), "null"), syscall.S_IFCHR|0o666, 1<<8|3))
}

// modes tries to change modes in every way there is, of files of others and of its own.
func modes(t target) {
	own := filepath.Join(os.TempDir(), "own")
	check(os.WriteFile(own, nil, 0o600))
	link := filepath.Join(os.TempDir(), "to-other")
	for _, name := range t.Files {
		try("chmod "+name, unix.Chmod(name, 0o777))
		try("fchmodat "+name, unix.Fchmodat(unix.AT_FDCWD, name, 0o777, 0))
		dir, err := unix.Open("/", unix.O_PATH, 0)
		check(err)
		try("fchmodat from / "+name, unix.Fchmodat(dir, strings.TrimPrefix(name, "/"), 0o777, 0))
		os.Remove(link)
		check(os.Symlink(name, link))
		try("chmod by a link "+name, unix.Chmod(link, 0o777))
		try("chmod by way of its own root "+name, unix.Chmod("/proc/self/root"+name, 0o777))
		if fd, err := unix.Open(name, unix.O_PATH, 0); err == nil {
			try("fchmod of a path "+name, unix.Fchmod(fd, 0o777))
			try("fchmodat of an open path "+name, unix.Fchmodat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), 0o777, 0))
			try("fchmodat2 of an open path "+name, unix.Fchmodat(fd, "", 0o777, unix.AT_EMPTY_PATH))
		}
		try("chmod with dots "+name, unix.Chmod(own+"/../../../../../../../../../.."+name, 0o777))
		climb := filepath.Join(os.TempDir(), strings.Repeat("../", 20)+strings.TrimPrefix(name, "/"))
		try("chmod with more dots "+name, unix.Chmod(climb, 0o777))
	}
	// What is its own it can change.
	for what, err := range map[string]error{
		"chmod":                  unix.Chmod(own, 0o640),
		"chmod of nothing":       invert(unix.Chmod(own+"x", 0o640), unix.ENOENT),
		"fchmodat":               unix.Fchmodat(unix.AT_FDCWD, own, 0o640, 0),
		"chmod of a link to own": func() error { os.Remove(link); check(os.Symlink(own, link)); return unix.Chmod(link, 0o600) }(),
		"chmod relative":         func() error { check(os.WriteFile("here", nil, 0o600)); return unix.Chmod("here", 0o700) }(),
		"fchmod":                 func() error { file, err := os.Open(own); check(err); return file.Chmod(0o600) }(),
	} {
		if err != nil {
			fmt.Println("BROKEN:", what, err)
		}
	}
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o600 {
		fmt.Println("BROKEN: the mode is", info.Mode(), err)
	}
}

func invert(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("got %w, want %w", err, want)
}

// results puts something else in the place of its results.
func results(t target) {
	path := os.Getenv("FAIRWAY_RESULTS")
	switch t.Secret {
	case "link":
		check(os.Symlink(t.Files[0], path))
	case "pipe":
		check(syscall.Mkfifo(path, 0o666))
	case "directory":
		check(os.Mkdir(path, 0o777))
	case "big":
		check(os.WriteFile(path, make([]byte, t.MiB<<20), 0o666))
	case "sparse":
		check(os.WriteFile(path, nil, 0o666))
		check(os.Truncate(path, int64(t.MiB)<<20))
	case "unreadable":
		check(os.WriteFile(path, []byte("{}"), 0))
	case "locked":
		check(os.MkdirAll("a/b/c", 0o700))
		check(os.WriteFile("a/b/c/d", nil, 0))
		check(os.Chmod("a/b", 0))
		check(os.Chmod(".", 0))
	}
}

func bigFile(t target) {
	file, err := os.Create("big")
	check(err)
	fill(file, t.MiB)
	time.Sleep(time.Hour)
}

func manyFiles(t target) {
	for i := range t.MiB {
		file, err := os.Create(fmt.Sprint("many", i))
		check(err)
		fill(file, 1)
		file.Close()
	}
	time.Sleep(time.Hour)
}

// namelessFiles are removed while they are open.
func namelessFiles(t target) {
	for i := range t.MiB {
		file, err := os.Create(fmt.Sprint("many", i))
		check(err)
		os.Remove(file.Name())
		fill(file, 1)
		keep = append(keep, file)
	}
	time.Sleep(time.Hour)
}

var keep []any

// lockedAway are in a directory that nobody may enter.
func lockedAway(t target) {
	check(os.Mkdir("away", 0o700))
	file, err := os.Create("away/file")
	check(err)
	check(os.Chmod("away", 0))
	fill(file, t.MiB)
	time.Sleep(time.Hour)
}

func deepDirectories(t target) {
	for range t.Count {
		check(os.Mkdir("d", 0o700))
		check(os.Chdir("d"))
	}
	time.Sleep(time.Hour)
}

func fill(file *os.File, mib int) {
	block := make([]byte, 1<<20)
	for range mib {
		if _, err := file.Write(block); err != nil {
			fmt.Println("refused: write:", err)
			return
		}
	}
}
