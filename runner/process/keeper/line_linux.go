//go:build linux && (amd64 || arm64)

package keeper

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A keeper and who started it have a socket, the line, whose messages are whole. The first is the attempt, which may come long after the keeper was
// started; after it the keeper says when it has begun and when there is output. If the other end closes before there was an attempt the keeper ends; after
// that nothing depends on it.

// What a keeper says on its line.
const (
	SaidReady  = 'r' // it waits for its attempt
	SaidBegun  = 'b' // its state is written
	SaidOutput = 'o' // there is output since
)

// pokeEvery is how often a keeper says at most that there is output. Who waits for it looks by himself soon after.
const pokeEvery = time.Millisecond

// NewLine makes a line: the end of who starts a keeper, and the keeper's.
func NewLine() (own, keepers *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a line to the keeper: %w", err)
	}
	if err := unix.SetNonblock(pair[0], true); err != nil {
		unix.Close(pair[0])
		unix.Close(pair[1])
		return nil, nil, fmt.Errorf("make a line to the keeper: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "line"), os.NewFile(uintptr(pair[1]), "line"), nil
}

// Give gives a keeper its attempt: the directory, the locks of it and of its user, which pass to the keeper, and the file for what it has to say for
// itself. The error says that the keeper has ended.
func Give(line *os.File, directory string, lock, user, errs *os.File) error {
	conn, err := line.SyscallConn()
	if err != nil {
		return fmt.Errorf("give the keeper its attempt: %w", err)
	}
	rights := unix.UnixRights(int(lock.Fd()), int(user.Fd()), int(errs.Fd()))
	var sent error
	err = conn.Control(func(fd uintptr) {
		sent = unix.Sendmsg(int(fd), []byte(directory), rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	})
	if err = errors.Join(err, sent); err != nil {
		return fmt.Errorf("give the keeper its attempt: %w", err)
	}
	return nil
}

// given waits for the attempt. Its locks stay open as long as this process lives, which is what they are for. The error says that there will be none.
func given() (directory string, err error) {
	text := make([]byte, unix.PathMax)
	n, files, err := receive(keeperLine, text, 3)
	if err != nil {
		return "", err
	}
	errs := files[2]
	for _, fd := range []int{1, 2} {
		if err := unix.Dup3(errs, fd, 0); err != nil {
			return "", fmt.Errorf("take the file for errors: %w", err)
		}
	}
	unix.Close(errs)
	return string(text[:n]), nil
}

// receive waits for a message with so many files, which are closed on execve.
func receive(socket int, text []byte, count int) (n int, files []int, err error) {
	control := make([]byte, unix.CmsgSpace(4*count))
	var of, flags int
	for {
		n, of, flags, _, err = unix.Recvmsg(socket, text, control, unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return 0, nil, err
	}
	if n == 0 {
		return 0, nil, errors.New("the other end was closed")
	}
	messages, err := unix.ParseSocketControlMessage(control[:of])
	if err == nil && len(messages) == 1 {
		files, err = unix.ParseUnixRights(&messages[0])
	}
	if err == nil && (len(files) != count || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0) {
		err = errors.New("a part of the message is missing")
	}
	if err != nil {
		for _, fd := range files {
			unix.Close(fd)
		}
		return 0, nil, err
	}
	return n, files, nil
}

// say says something on the line, to whoever may be there.
func say(what byte) {
	_ = unix.Sendmsg(keeperLine, []byte{what}, nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}
