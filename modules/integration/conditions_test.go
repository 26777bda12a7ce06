package integration_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// freeAddress is a loopback address with a port that nothing listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 5000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+nextPort.Add(1)%12000)
		var lc net.ListenConfig
		l, err := lc.Listen(context.Background(), "tcp", addr)
		if err != nil {
			continue
		}
		_ = l.Close()
		return addr
	}
	t.Fatal("no free port")
	return ""
}

// fatalError ends waitFor at once.
type fatalError struct{ error }

// waitFor asks until the condition holds or patience is spent; it gives the last reason why not.
func waitFor(condition func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		if fatal, ok := errors.AsType[fatalError](err); ok {
			return fatal.error
		}
		select {
		case <-deadline:
			return fmt.Errorf("gave up after %s: %w", patience, err)
		case <-tick.C:
		}
	}
}

// lockedBuffer is a log that is written and read at once.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var _ io.Writer = (*lockedBuffer)(nil)
