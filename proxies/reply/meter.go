package reply

import (
	"context"
	"reflect"
	"runtime/metrics"
	"time"

	"github.com/itchyny/gojq"
)

// How often a running program is looked at: every so many steps, oftener while it takes memory fast.
const (
	usualSteps = 1024
	closeSteps = 32
	fastBytes  = 1 << 20 // in usualSteps steps
	weighBytes = 8 << 20 // taken by the process since the program was weighed last
)

// meter is the context of a running program: gojq asks it before each step whether it is over. So it counts the steps, and now
// and then looks at the clock and at what the program keeps. It belongs to one run at a time.
type meter struct {
	context.Context //nolint:containedctx // that of the run

	env   reflect.Value // what runs, see weigher.env
	given []any         // input and variables
	base  int64         // their size in bytes; -1: not known yet

	steps, look int
	end         time.Time
	taken       uint64 // by the process, when the program was looked at last
	weighed     uint64 // and when it was weighed last
	nodes       int    // how many there were then
	made        int64  // bytes that steps said they made, since the last look
	err         error
	over        chan struct{}
	// patterns are the regular expressions that the code has seen, in all its runs: gojq keeps them.
	patterns map[string]struct{}
	sample   [1]metrics.Sample
}

func newMeter() *meter {
	m := &meter{over: make(chan struct{}), patterns: map[string]struct{}{}}
	close(m.over)
	m.sample[0].Name = "/gc/heap/allocs:bytes"
	return m
}

// begin prepares the meter for a run.
func (m *meter) begin(ctx context.Context, given []any) {
	m.forget()
	m.Context, m.given = ctx, given
}

// forget lets go of what belonged to a run.
func (m *meter) forget() {
	m.Context, m.given, m.base = nil, nil, -1
	m.env, m.end = reflect.Value{}, time.Time{}
	m.steps, m.look, m.taken, m.weighed, m.nodes, m.made, m.err = 0, 1, 0, 0, 0, 0, nil
}

// watch names what runs.
func (m *meter) watch(iter gojq.Iter) { m.env = reflect.ValueOf(iter).Elem() }

// again gives the run time for its next value.
func (m *meter) again() { m.end = time.Time{} }

// Done is asked before every step. It gives a nil channel, which is never ready, as long as the program may go on.
func (m *meter) Done() <-chan struct{} {
	m.steps++
	if m.steps < m.look && !m.end.IsZero() {
		return nil
	}
	if m.err == nil {
		m.err = m.inspect()
	}
	if m.err != nil {
		return m.over
	}
	return nil
}

// Err says why the program is over.
func (m *meter) Err() error {
	if m.err != nil {
		return m.err
	}
	return m.Context.Err()
}

func (m *meter) inspect() error {
	if err := m.Context.Err(); err != nil {
		return err
	}
	now := time.Now()
	if m.end.IsZero() {
		m.end = now.Add(Longest)
		if end, ok := m.Context.Deadline(); ok && end.Before(m.end) {
			m.end = end
		}
	}
	if now.After(m.end) {
		return errTime()
	}
	made := m.made
	m.made = 0
	if m.steps < usualSteps && made == 0 { // most programs are over before it matters
		m.look = usualSteps
		return nil
	}
	metrics.Read(m.sample[:])
	taken := m.sample[0].Value.Uint64()
	if m.taken == 0 {
		m.taken, m.weighed = taken, taken-uint64(made) //nolint:gosec // made is not negative, and the process took it
	}
	m.look = m.steps + usualSteps
	if made > 0 || taken-m.taken > fastBytes {
		m.look = m.steps + closeSteps
	}
	m.taken = taken
	if taken-m.weighed < weighBytes+64*uint64(m.nodes) { //nolint:gosec // nodes is not negative
		return nil
	}
	m.weighed = taken
	return m.weigh()
}

// weigh looks at what the program keeps.
func (m *meter) weigh() error {
	w := weigher{most: m.allowed(), seen: map[uintptr]uintptr{}}
	for _, v := range m.given {
		w.skip(v)
	}
	err := w.env(m.env)
	m.nodes = w.nodes
	return err
}

// allowed is how much the program may keep, in bytes.
func (m *meter) allowed() int64 {
	if m.base < 0 {
		w := weigher{most: 1 << 40}
		for _, v := range m.given {
			_ = w.value(v, 0) // what is too deep is not the program's own
		}
		m.base = w.bytes
	}
	return Memory + allowance*m.base
}

// make says that a step is about to make a value of n bytes.
func (m *meter) make(n int64) error {
	if n > Memory/4 && n > m.allowed()/2 || n < 0 {
		return errValue()
	}
	m.charge(n)
	return nil
}

// charge has the program looked at before its next step, where that is worth it.
func (m *meter) charge(n int64) {
	m.made += n
	if m.made > fastBytes {
		m.look = 0
	}
}

// fits says whether a value's JSON text may be made, or the value be walked through: values may share their parts, and then
// are larger than what they take in memory.
func (m *meter) fits(v any) error {
	switch v := v.(type) {
	case string:
		return m.make(int64(len(v)))
	case []any, map[string]any:
		w := weigher{most: Memory / 4}
		err := w.value(v, 0)
		if err != nil && w.bytes > w.most {
			w = weigher{most: m.allowed()}
			err = w.value(v, 0)
		}
		if err != nil {
			return err
		}
		if w.bytes > fastBytes {
			m.charge(w.bytes)
		}
	}
	return nil
}

var _ context.Context = (*meter)(nil)
