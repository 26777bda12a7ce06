package reply

import (
	"context"
	"runtime"

	"github.com/itchyny/gojq"
)

// machine is a program compiled for one run at a time: its functions know the meter of the run.
type machine struct {
	code  *gojq.Code
	meter *meter
	given [9]any
}

// build compiles the program.
func (p *Program) build() (*machine, error) {
	query, err := gojq.Parse(p.source)
	if err != nil {
		return nil, err
	}
	if err := define(query); err != nil {
		return nil, err
	}
	guarded(query)
	m := &machine{meter: newMeter()}
	options := append(m.meter.options(), gojq.WithVariables(p.vars))
	options = append(options, m.meter.functions()...)
	m.code, err = gojq.Compile(query, options...)
	return m, err
}

// take gives a machine that nobody uses.
func (p *Program) take() (*machine, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		m := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return m, nil
	}
	p.mu.Unlock()
	return p.build()
}

// keep takes a machine back. One whose run panicked is not to be used any more, and does no harm.
func (p *Program) keep(m *machine) {
	m.meter.forget()
	clear(m.given[:])
	if len(m.meter.patterns) > fewPatterns {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) < 2*runtime.GOMAXPROCS(0) {
		p.idle = append(p.idle, m)
	}
}

func (m *machine) run(ctx context.Context, input any, values []any) gojq.Iter {
	m.meter.begin(ctx, append(append(m.given[:0], input), values...))
	iter := m.code.RunWithContext(m.meter, input, values...) //nolint:contextcheck // the meter stands for ctx
	m.meter.watch(iter)
	return iter
}

// failed says why a value is none, or is too large to be written.
func (m *machine) failed(v any) error {
	if err, ok := v.(error); ok {
		return err
	}
	if isTree(v) {
		return m.meter.fits(v)
	}
	return nil
}
