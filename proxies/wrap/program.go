package wrap

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/reply"
)

// program is a jq program of a route with what its variables are bound to.
type program struct {
	*reply.Program
	// For the trace: the kind is reply, fail_when or body, the fetch is whose it is (see Trace).
	kind, fetch string
	bind        []binding
}

// binding says where a variable's value comes from.
type binding struct {
	kind  bindingKind
	index int
}

type bindingKind int

const (
	bindPath bindingKind = iota + 1
	bindParam
	bindFetch
	bindQuery
	bindCaller
	bindNow
)

// reserved are names that no fetch and no path parameter may have.
func reserved() []string {
	return []string{"query", "header", "caller", "now", "env", "file", "http", "args", "block", "blocks", "ENV"}
}

// compileProgram compiles source for a route; fetches says whether fetched values are bound.
func (rt *route) compileProgram(kind, source string, fetches bool, at place) (*program, *ConfigError) {
	all := map[string]binding{
		"query":  {kind: bindQuery},
		"caller": {kind: bindCaller},
		"now":    {kind: bindNow},
	}
	names := []string{"query", "caller", "now"}
	for i, name := range rt.names {
		all[name] = binding{kind: bindPath, index: i}
		names = append(names, name)
	}
	for i, p := range rt.params {
		if p.In == inPath {
			all[p.Name] = binding{kind: bindParam, index: i}
		}
	}
	if fetches {
		for i, f := range rt.fetches {
			if f.Name != "" {
				all[f.Name] = binding{kind: bindFetch, index: i}
				names = append(names, f.Name)
			}
		}
	}
	used := reply.Uses(source, names)
	compiled, err := reply.Compile(source, used)
	if err != nil {
		return nil, programError(err, names, at)
	}
	p := &program{Program: compiled, kind: kind}
	for _, name := range used {
		b := all[name]
		p.bind = append(p.bind, b)
		if b.kind == bindFetch {
			rt.fetches[b.index].used, rt.fetches[b.index].tree = true, true
		}
	}
	return p, nil
}

func programError(err error, names []string, at place) *ConfigError {
	syntax, ok := errors.AsType[*reply.SyntaxError](err)
	if !ok {
		return at.errf("%v", err)
	}
	e := at.errf("%s", syntax.Msg)
	e.Offset = syntax.Offset
	if syntax.Variable != "" {
		e.Msg += Suggest(strings.TrimPrefix(syntax.Variable, "$"), names)
	}
	return e
}

// run gives the program's value over input.
func (p *program) run(ctx context.Context, x *exchange, input any) (any, error) {
	var buf [8]any
	values := buf[:0]
	for _, b := range p.bind {
		values = append(values, x.bound(b))
	}
	v, err := p.Run(ctx, input, values...)
	if x.trace != nil && x.trace.Program != nil {
		said := err
		if failed, ok := errors.AsType[*reply.RuntimeError](err); ok {
			said = failed.Err
		}
		x.trace.Program(p.fetch, p.kind, p.String(), v, said)
	}
	return v, err
}

func (x *exchange) bound(b binding) any {
	switch b.kind {
	case bindPath:
		return x.path[b.index]
	case bindParam:
		return x.params[b.index]
	case bindFetch:
		return x.results[b.index].tree
	case bindQuery:
		return x.queryValue()
	case bindCaller:
		return x.callerValue()
	case bindNow:
		return x.start.UTC().Format(time.RFC3339)
	}
	return nil
}
