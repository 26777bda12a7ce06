package upstream

import (
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"
)

const (
	firstBuffer = 4 << 10   // bytes of a new buffer
	largestKept = 256 << 10 // bytes of the largest buffer that goes back to the pool
	idleReads   = 100       // reads in a row that may bring nothing
)

var (
	errTooLarge = errors.New("the body is longer than the limit")
	errMemory   = errors.New("the budget for buffered bytes is spent")
)

// Memory is the budget for buffered bytes of the whole process, and the pool of their buffers. It is used
// concurrently and never waits.
type Memory struct {
	limit atomic.Int64
	inUse atomic.Int64
	pool  sync.Pool
}

// NewMemory makes a budget of limit bytes; 0 or less is no limit.
func NewMemory(limit int64) *Memory {
	m := new(Memory)
	m.limit.Store(limit)
	return m
}

// SetLimit changes the size; what is taken already stays so.
func (m *Memory) SetLimit(limit int64) { m.limit.Store(limit) }

// Acquire takes n bytes of the budget, or nothing and gives false when they are not there.
func (m *Memory) Acquire(n int64) bool {
	if n <= 0 {
		return n == 0
	}
	for {
		used, limit := m.inUse.Load(), m.limit.Load()
		if limit > 0 && n > limit-used || n > math.MaxInt64-used {
			return false
		}
		if m.inUse.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Release gives back n bytes that were acquired.
func (m *Memory) Release(n int64) {
	if n > 0 {
		m.inUse.Add(-n)
	}
}

// InUse gives the bytes that are taken.
func (m *Memory) InUse() int64 { return m.inUse.Load() }

// Limit gives the size of the budget in bytes; 0 or less is no limit.
func (m *Memory) Limit() int64 { return m.limit.Load() }

// buffer is what the pool holds.
type buffer struct{ bytes []byte }

// lease is one body in memory: its buffer and what the budget was charged for it.
type lease struct {
	answer  Answer
	memory  *Memory
	buffer  *buffer
	charged int64
	ended   atomic.Bool
}

func (m *Memory) lease() *lease {
	l := &lease{memory: m, buffer: m.buffer()}
	l.answer.lease = l
	return l
}

func (m *Memory) buffer() *buffer {
	if b, ok := m.pool.Get().(*buffer); ok {
		return b
	}
	return &buffer{bytes: make([]byte, 0, firstBuffer)}
}

// keep takes back a buffer that nobody uses any more.
func (m *Memory) keep(b *buffer) {
	if cap(b.bytes) <= largestKept {
		b.bytes = b.bytes[:0]
		m.pool.Put(b)
	}
}

// end gives everything back; only the first time does something.
func (l *lease) end() bool {
	if l.ended.Swap(true) {
		return false
	}
	l.memory.Release(l.charged)
	l.memory.keep(l.buffer)
	l.buffer = nil
	return true
}

// read reads r to its end or to limit bytes and charges the budget with factor for each byte as they come.
// Past the limit the error is errTooLarge, past the budget errMemory; what was read until then stays.
func (l *lease) read(r io.Reader, limit int64, factor float64) error {
	data := l.buffer.bytes
	defer func() { l.buffer.bytes = data }()
	idle := 0
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		// One byte past the limit is enough to know.
		room := int64(cap(data))
		if limit < room {
			room = limit + 1
		}
		n, err := r.Read(data[len(data):room])
		data = data[:len(data)+n]
		if int64(len(data)) > limit {
			data = data[:limit]
			return errTooLarge
		}
		if !l.charge(len(data), factor) {
			return errMemory
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n > 0 {
			idle = 0
		} else if idle++; idle == idleReads {
			return io.ErrNoProgress
		}
	}
}

func (l *lease) charge(n int, factor float64) bool {
	want := math.Ceil(float64(n) * max(1, factor))
	if !(want < math.MaxInt64) { // also what is not a number
		return false
	}
	more := int64(want) - l.charged
	if more <= 0 {
		return true
	}
	if !l.memory.Acquire(more) {
		return false
	}
	l.charged += more
	return true
}
