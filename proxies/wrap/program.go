package wrap

import (
	"context"
	"errors"
	"slices"
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
	outer bool // of a fetch around the fan-out
}

type bindingKind int

const (
	bindPath bindingKind = iota + 1
	bindParam
	bindFetch
	bindPartial
	bindItem
	bindQuery
	bindCaller
	bindNow
	bindBody
)

// reserved are names that no fetch and no path parameter may have.
func reserved() []string {
	return []string{"query", "header", "caller", "now", "partial", "env", "file", "http", "args", "block", "blocks", "ENV"}
}

// compileProgram compiles source. It may use the values of the steps that it sees; of is the step that then waits for them,
// nil for a program of the route.
func (rt *route) compileProgram(kind, source string, of *step, sees []*step, at place) (*program, *ConfigError) {
	all := map[string]binding{
		"query":  {kind: bindQuery},
		"caller": {kind: bindCaller},
		"now":    {kind: bindNow},
	}
	names := []string{"query", "caller", "now"}
	if rt.body != nil {
		all[bodyName] = binding{kind: bindBody}
		names = append(names, bodyName)
	}
	for i, name := range rt.names {
		all[name] = binding{kind: bindPath, index: i}
		names = append(names, name)
	}
	for i, p := range rt.params {
		if p.In == inPath {
			all[p.Name] = binding{kind: bindParam, index: i}
		}
	}
	for _, s := range sees {
		if s.name != "" {
			all[s.name] = binding{kind: bindFetch, index: s.index, outer: of != nil && s.plan != of.plan}
			names = append(names, s.name)
		}
	}
	if of != nil && of.plan.owner != nil {
		all[itemName] = binding{kind: bindItem}
		names = append(names, itemName)
	}
	if of == nil && sees != nil {
		all[partialMember] = binding{kind: bindPartial}
		names = append(names, partialMember)
	}
	used := reply.Uses(source, names)
	compiled, err := reply.Compile(source, used)
	if err != nil {
		return nil, rt.withoutBody(programError(err, names, at))
	}
	p := &program{Program: compiled, kind: kind}
	for _, name := range used {
		b := all[name]
		p.bind = append(p.bind, b)
		if b.kind == bindCaller && of != nil {
			of.caller = true
		}
		if b.kind == bindFetch {
			of.need(sees[slices.IndexFunc(sees, func(s *step) bool { return s.name == name })])
		}
	}
	return p, nil
}

// withoutBody says what is missing where a program wants a body that the route does not take.
func (rt *route) withoutBody(e *ConfigError) *ConfigError {
	if rt.body == nil && strings.Contains(e.Msg, "nothing binds the variable $"+bodyName) {
		e.Msg += "; the route takes no body: add a line: body json"
	}
	return e
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
func (p *program) run(ctx context.Context, fr *frame, input any) (any, error) {
	var buf [8]any
	values := buf[:0]
	for _, b := range p.bind {
		values = append(values, fr.bound(b))
	}
	v, err := p.Run(programTime{Context: ctx, end: fr.deadline}, input, values...) //nolint:contextcheck // it inherits
	if fr.trace != nil && fr.trace.Program != nil {
		said := err
		if failed, ok := errors.AsType[*reply.RuntimeError](err); ok {
			said = failed.Err
		}
		fr.trace.Program(p.fetch, p.kind, p.String(), v, said)
	}
	return v, err
}

// leastTime is what a program has in any case: that of a reply may begin when the fetches have spent the budget.
const leastTime = time.Second

// programTime is a context that has a deadline without a clock of its own: a running program looks at the time itself.
type programTime struct {
	context.Context //nolint:containedctx // it is one
	end             time.Time
}

// Deadline implements context.Context.
func (t programTime) Deadline() (time.Time, bool) {
	end := t.end
	if least := time.Now().Add(leastTime); end.Before(least) {
		end = least
	}
	return end, true
}

func (fr *frame) bound(b binding) any {
	switch b.kind {
	case bindPath:
		return fr.path[b.index]
	case bindParam:
		return fr.params[b.index]
	case bindFetch:
		if b.outer {
			fr = fr.outer
		}
		return fr.results[b.index].tree
	case bindItem:
		return fr.item
	case bindPartial:
		return fr.partial()
	case bindQuery:
		return fr.queryValue()
	case bindCaller:
		return fr.callerValue()
	case bindBody:
		return fr.body
	case bindNow:
		return fr.start.UTC().Format(time.RFC3339)
	}
	return nil
}
