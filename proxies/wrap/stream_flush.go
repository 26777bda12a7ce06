package wrap

import (
	"bufio"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	flushBuffer = 64 << 10              // bytes that are written at once
	flushDelay  = 10 * time.Millisecond // how long a row may wait for the next
)

// flusher writes rows: the first at once, further ones when the buffer is full or the oldest has waited for flushDelay.
// So a slow backend's rows come as they are, and a quick one's in large pieces.
type flusher struct {
	control *http.ResponseController

	mu      sync.Mutex // the timer has a goroutine of its own
	buf     *bufio.Writer
	timer   *time.Timer
	waiting bool
	stopped bool
	first   bool
}

func newFlusher(w http.ResponseWriter) *flusher {
	return &flusher{control: http.NewResponseController(w), buf: bufio.NewWriterSize(w, flushBuffer), first: true}
}

// write adds a row. It waits while the caller does not read: that is what slows down the backend.
func (f *flusher) write(b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.buf.Write(b); err != nil {
		return err
	}
	if f.first {
		f.first = false
		return f.now()
	}
	if f.waiting || f.buf.Buffered() == 0 {
		return nil
	}
	f.waiting = true
	if f.timer == nil {
		f.timer = time.AfterFunc(flushDelay, f.late)
	} else {
		f.timer.Reset(flushDelay)
	}
	return nil
}

// late writes what has waited; the next write tells its error.
func (f *flusher) late() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = false
	if !f.stopped {
		_ = f.now()
	}
}

func (f *flusher) now() error {
	if err := f.buf.Flush(); err != nil {
		return err
	}
	if err := f.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// flush writes everything.
func (f *flusher) flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now()
}

// stop ends it: nothing is written afterwards.
func (f *flusher) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	if f.timer != nil {
		f.timer.Stop()
	}
}
