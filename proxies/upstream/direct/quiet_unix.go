//go:build unix

package direct

import "syscall"

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
	if err != nil {
		return false
	}
	open := false
	// Control and not Read: the deadline of the request before may be over, which says nothing of the connection.
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		// An idle connection gives EAGAIN: no bytes and no end. A byte that is read here is a reason not to use it.
		_, readErr := syscall.Read(int(fd), b[:])
		open = readErr == syscall.EAGAIN || readErr == syscall.EWOULDBLOCK
	})
	return err == nil && open
}
