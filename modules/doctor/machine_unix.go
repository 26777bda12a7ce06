//go:build !windows

package doctor

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// roomOf asks what is free for this user.
func roomOf(directory string) (room, bool) {
	var of unix.Statfs_t
	if err := unix.Statfs(directory, &of); err != nil || of.Bsize <= 0 {
		return room{}, false
	}
	return room{bytes: of.Bavail * uint64(of.Bsize), files: of.Ffree, mostFiles: of.Files}, true // types differ between systems
}

// openFiles is the limit that a process of Go gives itself.
func openFiles() (uint64, bool) {
	var of unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &of)
	return of.Max, err == nil
}

// stranger says whose a directory is, if it is another user's while root asks. Others could not write it, or were meant to.
func stranger(info fs.FileInfo) (string, bool) {
	of, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || of.Uid == 0 {
		return "", false
	}
	id := strconv.FormatUint(uint64(of.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return "the user " + u.Username, true
	}
	return "the user " + id, true
}
