//go:build linux && (amd64 || arm64)

package keeper

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A script that runs as the user of the gateway could change the modes of the gateway's files, which Landlock does not see. So its
// filter asks the keeper, who changes them for it, where the file is its own.

// question is the kernel's struct seccomp_notif.
type question struct {
	ID    uint64
	Pid   uint32
	Flags uint32
	Call  int32
	Arch  uint32
	At    uint64
	Args  [6]uint64
}

// answer is the kernel's struct seccomp_notif_resp.
type answer struct {
	ID    uint64
	Value int64
	Error int32
	Flags uint32
}

// Requests of seccomp's descriptors: _IOWR('!', 0, question), _IOWR('!', 1, answer) and _IOW('!', 2, uint64).
const (
	ioctlReceive = 0xC0502100
	ioctlSend    = 0xC0182101
	ioctlValid   = 0x40082102
)

// receiveListener takes the filter's descriptor from the stage. It is -1 if there is none.
func receiveListener(socket int) int {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 1), control, unix.MSG_CMSG_CLOEXEC) //nolint:dogsled // there is one byte of anything else
	if err != nil || n == 0 {
		return -1
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return -1
	}
	descriptors, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(descriptors) == 0 {
		return -1
	}
	return descriptors[0]
}

// answerAll answers what a filter asks, until nothing runs under it any more.
func answerAll(listener int, own string) {
	defer unix.Close(listener)
	for {
		poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}} //nolint:gosec // a file's number
		if _, err := unix.Poll(poll, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			if poll[0].Revents != 0 {
				return
			}
			continue
		}
		var q question
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), ioctlReceive, uintptr(unsafe.Pointer(&q))); errno != 0 {
			continue // who asked was interrupted or has ended
		}
		a := answer{ID: q.ID}
		if errno := decide(listener, &q, own); errno != 0 {
			a.Error = -int32(errno) //nolint:gosec // a small number
		}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), ioctlSend, uintptr(unsafe.Pointer(&a)))
	}
}

// decide does what a call asks for, or says why not.
func decide(listener int, q *question, own string) unix.Errno {
	process := "/proc/" + strconv.FormatUint(uint64(q.Pid), 10)
	var file int
	var err error
	var mode uint64
	flags := uint64(0)
	switch q.Call {
	case unix.SYS_FCHMOD:
		file, err = unix.Open(process+"/fd/"+strconv.Itoa(int(int32(q.Args[0]))), unix.O_PATH|unix.O_CLOEXEC, 0) //nolint:gosec // it is an int
		mode = q.Args[1]
	case unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2:
		if q.Call == unix.SYS_FCHMODAT2 {
			flags = q.Args[3]
		}
		file, err = locate(process, int(int32(q.Args[0])), q.Args[1], flags) //nolint:gosec // it is an int
		mode = q.Args[2]
	default: // chmod
		file, err = locate(process, unix.AT_FDCWD, q.Args[0], 0)
		mode = q.Args[1]
	}
	if err != nil {
		return number(err)
	}
	defer unix.Close(file)
	// Is it still the one who asked whom we looked at?
	id := q.ID
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), ioctlValid, uintptr(unsafe.Pointer(&id))); errno != 0 {
		return errno
	}
	self := "/proc/self/fd/" + strconv.Itoa(file)
	path, err := os.Readlink(self)
	if err != nil {
		return number(err)
	}
	if !strings.HasPrefix(path, own+"/") && path != own {
		return unix.EPERM
	}
	return number(unix.Chmod(self, uint32(mode&0o1777)))
}

// locate opens the file that a process means by a path.
func locate(process string, directory int, address, flags uint64) (int, error) {
	path, err := text(process, address)
	if err != nil {
		return -1, err
	}
	base := process + "/cwd"
	if directory != unix.AT_FDCWD {
		base = process + "/fd/" + strconv.Itoa(directory)
	}
	how := unix.O_PATH | unix.O_CLOEXEC
	if path == "" {
		if flags&unix.AT_EMPTY_PATH == 0 {
			return -1, unix.ENOENT
		}
		return unix.Open(base, how, 0)
	}
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		how |= unix.O_NOFOLLOW
	}
	if strings.HasPrefix(path, "/") {
		base = "/"
	}
	from, err := unix.Open(base, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(from)
	// The links of /proc mean the keeper's own files here, not those of who asks.
	return unix.Openat2(from, path, &unix.OpenHow{Flags: uint64(how), Resolve: unix.RESOLVE_NO_MAGICLINKS})
}

// text reads a path from the memory of a process.
func text(process string, address uint64) (string, error) {
	memory, err := os.Open(process + "/mem")
	if err != nil {
		return "", err
	}
	defer memory.Close()
	buffer := make([]byte, unix.PathMax)
	// The end may be in memory that is not there.
	n := 0
	for n < len(buffer) {
		page := 4096 - int((address+uint64(n))%4096)
		read, err := memory.ReadAt(buffer[n:min(n+page, len(buffer))], int64(address)+int64(n)) //nolint:gosec // an address
		if end := bytes.IndexByte(buffer[n:n+read], 0); end >= 0 {
			return string(buffer[:n+end]), nil
		}
		n += read
		if err != nil || read == 0 {
			return "", unix.EFAULT
		}
	}
	return "", unix.ENAMETOOLONG
}

// number is the number of an error.
func number(err error) unix.Errno {
	if err == nil {
		return 0
	}
	if errno, is := errors.AsType[unix.Errno](err); is {
		return errno
	}
	return unix.EPERM
}
