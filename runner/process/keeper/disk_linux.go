package keeper

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// disk adds up what is in a directory.
type disk struct {
	bytes, files int64
	seen         map[inode]bool // files that have several names, or none any more
	most         int64          // how many files are looked at: more are too many
}

type inode struct{ device, number uint64 }

// measureDisk adds up files of a directory, and those which processes hold open that have no name any more. It gives up when there
// are more files than allowed.
func measureDisk(directory string, pids []int, most int64) (disk, error) {
	d := disk{seen: map[inode]bool{}, most: most}
	fd, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return d, fmt.Errorf("open the directory of the attempt: %w", err)
	}
	root := os.NewFile(uintptr(fd), directory)
	defer root.Close()
	var here unix.Stat_t
	if err := unix.Fstat(fd, &here); err != nil {
		return d, fmt.Errorf("look at the directory of the attempt: %w", err)
	}
	if err := d.walk(root, 0); err != nil {
		return d, err
	}
	for _, pid := range pids {
		d.nameless(pid, uint64(here.Dev)) //nolint:unconvert // not the same everywhere
	}
	return d, nil
}

// walk adds what is in a directory. It follows no links, so it stays where it is whatever the script does meanwhile.
func (d *disk) walk(directory *os.File, depth int) error {
	const deepest = 200
	if depth > deepest {
		return errors.New("it made directories in each other more than 200 deep")
	}
	fd := int(directory.Fd())
	for {
		names, err := directory.Readdirnames(512)
		if err != nil || len(names) == 0 {
			return nil //nolint:nilerr // the end, or it was removed
		}
		for _, name := range names {
			d.files++
			if d.files > d.most {
				return nil
			}
			var s unix.Stat_t
			if err := unix.Fstatat(fd, name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				continue
			}
			d.add(&s)
			if s.Mode&unix.S_IFMT != unix.S_IFDIR {
				continue
			}
			inner, err := enter(fd, name)
			if err != nil {
				continue
			}
			err = d.walk(inner, depth+1)
			inner.Close()
			if err != nil {
				return err
			}
		}
	}
}

// enter opens a directory, also one that its owner has locked himself, and so us, out of.
func enter(parent int, name string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(parent, name, flags, 0)
	if errors.Is(err, unix.EACCES) {
		var path int
		if path, err = unix.Openat(parent, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err != nil {
			return nil, err
		}
		err = unix.Chmod("/proc/self/fd/"+strconv.Itoa(path), 0o700)
		unix.Close(path)
		if err != nil {
			return nil, err
		}
		fd, err = unix.Openat(parent, name, flags, 0)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// add counts a file once, however many names it has.
func (d *disk) add(s *unix.Stat_t) {
	if s.Nlink != 1 && s.Mode&unix.S_IFMT == unix.S_IFREG {
		id := inode{uint64(s.Dev), s.Ino} //nolint:unconvert // not the same everywhere
		if d.seen[id] {
			return
		}
		d.seen[id] = true
	}
	d.bytes += s.Blocks * 512
}

// nameless adds files that a process holds open and that were removed.
func (d *disk) nameless(pid int, device uint64) {
	directory := "/proc/" + strconv.Itoa(pid) + "/fd"
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, entry := range entries {
		var s unix.Stat_t
		if err := unix.Stat(directory+"/"+entry.Name(), &s); err != nil {
			continue
		}
		if s.Mode&unix.S_IFMT == unix.S_IFREG && s.Nlink == 0 && uint64(s.Dev) == device { //nolint:unconvert // not the same everywhere
			d.add(&s)
		}
	}
}
