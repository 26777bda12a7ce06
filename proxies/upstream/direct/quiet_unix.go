//go:build unix

package direct

import "syscall"

// quiet says that an idle connection is open and that nothing has come on it. It does not wait.
func (c *conn) quiet() bool {
	if c.br.Buffered() > 0 {
		return false
	}
	if c.look.raw == nil {
		sc, ok := c.Conn.(syscall.Conn)
		if !ok {
			return true
		}
		raw, err := sc.SyscallConn()
		if err != nil {
			return false
		}
		c.look.raw, c.look.peek = raw, c.look.read
	}
	c.look.open = false
	// Control and not Read: the deadline of the request before may be over, which says nothing of the connection.
	err := c.look.raw.Control(c.look.peek)
	return err == nil && c.look.open
}

// look is what quiet needs, made once for a connection.
type look struct {
	raw  syscall.RawConn
	peek func(fd uintptr)
	b    [1]byte
	open bool
}

func (l *look) read(fd uintptr) {
	// An idle connection gives EAGAIN: no bytes and no end. A byte that is read here is a reason not to use it.
	_, err := syscall.Read(int(fd), l.b[:])
	l.open = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
}
