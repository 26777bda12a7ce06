//go:build unix

package direct

import (
	"syscall"
	"time"
)

// quiet says that an idle connection is open and that nothing has come on it. It does not wait.
func (c *conn) quiet() bool {
	if c.br.Buffered() > 0 {
		return false
	}
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil || c.SetDeadline(time.Time{}) != nil {
		return false
	}
	c.timed = false
	open := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		// An idle connection gives EAGAIN: no bytes and no end. A byte that is read here is a reason not to use it.
		_, readErr := syscall.Read(int(fd), b[:])
		open = readErr == syscall.EAGAIN || readErr == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && open
}
