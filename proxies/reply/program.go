// Package reply compiles and runs the jq programs of a configuration: reply, fail_when, request bodies.
package reply

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/itchyny/gojq"
)

// Program is a compiled jq program. It is used concurrently. Its runs have the limits of Longest and Memory.
type Program struct {
	source string
	vars   []string // with dollar sign
	mu     sync.Mutex
	idle   []*machine
}

// SyntaxError says why a program does not compile.
type SyntaxError struct {
	// Offset is where in the source, in bytes; -1: unknown.
	Offset int
	// Variable is the name, with its dollar sign, of a variable that nothing binds; empty for any other mistake.
	Variable string
	Msg      string
}

func (e *SyntaxError) Error() string { return e.Msg }

// Run-time errors beside those of jq itself.
var (
	ErrNoValue    = errors.New("the program gave no value")
	ErrManyValues = errors.New("the program gave more than one value; put it in [ ] to make a list of them")
)

// Compile compiles source. Vars are the names, without dollar sign, of the variables that Run gives it, in Run's order.
// The error is a *SyntaxError.
func Compile(source string, vars []string) (*Program, error) {
	p := &Program{source: source, vars: make([]string, len(vars))}
	for i, v := range vars {
		p.vars[i] = "$" + v
	}
	m, err := p.build()
	if err != nil {
		return nil, syntaxError(source, err)
	}
	p.idle = []*machine{m}
	return p, nil
}

// undefined is how gojq words a variable that nothing binds; it has no exported type for it. A test holds it to gojq's.
const undefined = "variable not defined: "

func syntaxError(source string, err error) *SyntaxError {
	e := &SyntaxError{Offset: -1, Msg: "jq: " + err.Error()}
	if parse, ok := errors.AsType[*gojq.ParseError](err); ok {
		e.Offset = max(parse.Offset-len(parse.Token), 0)
		return e
	}
	if _, name, ok := strings.Cut(err.Error(), undefined); ok {
		e.Variable = name
		e.Offset = strings.Index(source, name)
		e.Msg = fmt.Sprintf("jq: nothing binds the variable %s", name)
	}
	return e
}

// Run gives the one value of the program for input. Values are those of Compile's vars, in the same order; the
// program does not change them nor input. An error is ErrNoValue, ErrManyValues
// or a *RuntimeError, of ctx's end and of a limit (see Limited) too.
func (p *Program) Run(ctx context.Context, input any, values ...any) (any, error) {
	m, err := p.take()
	if err != nil {
		return nil, &RuntimeError{Err: err}
	}
	defer p.keep(m)
	iter := m.run(ctx, input, values)
	v, ok := iter.Next()
	if !ok {
		return nil, ErrNoValue
	}
	if err := m.failed(v); err != nil {
		return nil, &RuntimeError{Err: err}
	}
	second, ok := iter.Next()
	if !ok {
		return v, nil
	}
	if err, ok := second.(error); ok {
		return nil, &RuntimeError{Err: err}
	}
	return nil, ErrManyValues
}

// Each gives every value of the program for input to yield, in their order; there may be none. It stops at an error of
// yield, which it gives back unchanged. Other errors, and values, are those of Run. The time limit is for each value.
func (p *Program) Each(ctx context.Context, input any, yield func(any) error, values ...any) error {
	m, err := p.take()
	if err != nil {
		return &RuntimeError{Err: err}
	}
	defer p.keep(m)
	iter := m.run(ctx, input, values)
	for {
		m.meter.again()
		v, ok := iter.Next()
		if !ok {
			return nil
		}
		if err := m.failed(v); err != nil {
			return &RuntimeError{Err: err}
		}
		if err := yield(v); err != nil {
			return err
		}
	}
}

// RuntimeError is a program that failed on its input. What jq says of it holds pieces of the input, which no log and no
// caller may see: Error leaves them out, Err is for whoever runs the program by hand.
type RuntimeError struct {
	Err error
}

// Error is jq's message up to the first value in it.
func (e *RuntimeError) Error() string {
	msg := e.Err.Error()
	if i := strings.IndexAny(msg, "(\"[{"); i >= 0 {
		msg = strings.TrimRight(msg[:i], " :")
	}
	if own, _, ok := strings.Cut(msg, "error:"); ok { // the program's own error(...)
		msg = own + "error"
	}
	return "jq: " + msg
}

// Unwrap gives jq's error.
func (e *RuntimeError) Unwrap() error { return e.Err }

// String gives the source.
func (p *Program) String() string { return p.source }

// Marshal writes a program's value as JSON: keys sorted, numbers of the input exact.
func Marshal(v any) ([]byte, error) {
	out, err := gojq.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("jq: %w", err)
	}
	return out, nil
}

// Uses tells which of the names occur as variables in source. It may name one too many (in a string or a comment),
// never one too few.
func Uses(source string, names []string) []string {
	var used []string
	for _, name := range names {
		if regexp.MustCompile(`\$` + regexp.QuoteMeta(name) + `\b`).MatchString(source) {
			used = append(used, name)
		}
	}
	return used
}
