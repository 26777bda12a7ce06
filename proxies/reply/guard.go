package reply

import (
	"math"
	"slices"
	"strconv"

	"github.com/itchyny/gojq"
)

// guard changes a program so that what could explode in a single step is looked at before: operators are our own, and functions
// of jq's have a check before them. Functions that the program defines itself are left alone.
type guard struct {
	checks    map[string]check
	operators map[gojq.Operator]string
	own       map[string]bool // name/arity
}

// hidden is what a guarded argument is bound to; programs cannot say such a name.
const hidden = "$__"

func arity(name string, n int) string { return name + "/" + strconv.Itoa(n) }

func guarded(q *gojq.Query) {
	g := &guard{checks: map[string]check{}, operators: operators(), own: map[string]bool{}}
	for _, c := range checks() {
		g.checks[arity(c.name, c.arity)] = c
	}
	look := &walker{
		query: func(q *gojq.Query) {
			for _, def := range q.FuncDefs {
				g.own[arity(def.Name, len(def.Args))] = true
				for _, arg := range def.Args {
					g.own[arity(arg, 0)] = true
				}
			}
		},
		term: func(*gojq.Term) {},
		part: func(q *gojq.Query) *gojq.Query { return q },
	}
	look.visit(q)
	change := &walker{query: g.query, term: g.term, part: func(q *gojq.Query) *gojq.Query {
		return brackets(pipe(q, call("__part")))
	}}
	change.visit(q)
}

func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

func dot() *gojq.Query { return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}} }

func pipe(l, r *gojq.Query) *gojq.Query { return &gojq.Query{Left: l, Op: gojq.OpPipe, Right: r} }

// bind is: v as $name | body.
func bind(v *gojq.Query, name string, body *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: brackets(v), Op: gojq.OpPipe, Right: body, Patterns: []*gojq.Pattern{{Name: name}}}
}

func brackets(q *gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeQuery, Query: q}}
}

// operators are those with the names of our own; gojq's others do no harm.
func operators() map[gojq.Operator]string {
	return map[gojq.Operator]string{
		gojq.OpAdd: "__add", gojq.OpUpdateAdd: "__add",
		gojq.OpSub: "__subtract", gojq.OpUpdateSub: "__subtract",
		gojq.OpMul: "__multiply", gojq.OpUpdateMul: "__multiply",
		gojq.OpDiv: "__divide", gojq.OpUpdateDiv: "__divide",
		gojq.OpEq: "__equal", gojq.OpNe: "__notequal",
		gojq.OpLt: "__less", gojq.OpLe: "__lesseq",
		gojq.OpGt: "__greater", gojq.OpGe: "__greatereq",
	}
}

// query guards the operator of a query whose parts are guarded already.
func (g *guard) query(q *gojq.Query) {
	name := g.operators[q.Op]
	if name == "" || q.Left == nil {
		return
	}
	switch q.Op {
	case gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv:
		// l += r is r as $r | l |= . + $r.
		value := hidden + "r"
		update := &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: call(name, dot(), call(value))}
		*q = gojq.Query{Meta: q.Meta, Imports: q.Imports, FuncDefs: q.FuncDefs, Term: brackets(bind(q.Right, value, update)).Term}
		return
	case gojq.OpMul, gojq.OpDiv:
	default: // with a number or a text of the program's own nothing grows much
		if isLiteral(q.Left) || isLiteral(q.Right) {
			if q.Op != gojq.OpAdd || isNumber(q.Left) || isNumber(q.Right) {
				return
			}
		}
	}
	*q = gojq.Query{Meta: q.Meta, Imports: q.Imports, FuncDefs: q.FuncDefs, Term: call(name, q.Left, q.Right).Term}
}

func isNumber(q *gojq.Query) bool {
	return q.Term != nil && q.Term.Type == gojq.TermTypeNumber && len(q.Term.SuffixList) == 0
}

func isLiteral(q *gojq.Query) bool {
	if q.Term == nil || len(q.Term.SuffixList) > 0 || len(q.FuncDefs) > 0 {
		return false
	}
	switch q.Term.Type { //nolint:exhaustive // the others are no literals
	case gojq.TermTypeNumber, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse:
		return true
	case gojq.TermTypeString:
		return len(q.Term.Str.Queries) == 0
	}
	return false
}

// term guards a term whose parts are guarded already.
func (g *guard) term(t *gojq.Term) {
	g.index(t.Index)
	for _, s := range t.SuffixList {
		g.index(s.Index)
	}
	var inside *gojq.Query
	switch {
	case t.Type == gojq.TermTypeFunc:
		inside = g.call(t.Func)
	case t.Type == gojq.TermTypeFormat && t.Str == nil:
		inside = pipe(call("__whole"), &gojq.Query{Term: &gojq.Term{Type: t.Type, Format: t.Format}})
	}
	if inside != nil {
		*t = gojq.Term{Type: gojq.TermTypeQuery, Query: inside, SuffixList: t.SuffixList}
	}
}

// index guards what stands in [ ].
func (g *guard) index(x *gojq.Index) {
	if x == nil || x.Start == nil || x.IsSlice {
		return
	}
	if isLiteral(x.Start) {
		n, err := strconv.ParseFloat(x.Start.Term.Number, 64)
		if x.Start.Term.Number == "" || err == nil && math.Abs(n) <= nearIndex {
			return
		}
	}
	x.Start = pipe(brackets(x.Start), call("__index"))
}

// call guards a call; nil: it may stay as it is.
func (g *guard) call(f *gojq.Func) *gojq.Query {
	key := arity(f.Name, len(f.Args))
	c, ok := g.checks[key]
	if !ok || g.own[key] {
		return nil
	}
	name := checkName(c)
	inner := &gojq.Func{Name: f.Name, Args: slices.Clone(f.Args)}
	if c.each {
		for _, i := range c.args {
			inner.Args[i] = pipe(brackets(f.Args[i]), call(name))
		}
		return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: inner}}
	}
	values := make([]*gojq.Query, len(c.args))
	for n, i := range c.args {
		values[n] = call(hidden + itoa(n))
		inner.Args[i] = values[n]
	}
	out := pipe(call(name, values...), &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: inner}})
	for n, i := range c.args {
		out = bind(f.Args[i], hidden+itoa(n), out)
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }

func checkName(c check) string { return "__" + c.name + "_" + itoa(c.arity) }

// options are the functions that guarded programs call.
func (m *meter) options() []gojq.CompilerOption {
	identity := func(name string, args int, fits func(v any, args []any) error) gojq.CompilerOption {
		return gojq.WithFunction(name, args, args, func(v any, args []any) any {
			if err := fits(v, args); err != nil {
				return err
			}
			return v
		})
	}
	out := []gojq.CompilerOption{
		identity("__index", 0, func(v any, _ []any) error { return m.index(v) }),
		identity("__whole", 0, func(v any, _ []any) error { return m.fits(v) }),
		identity("__part", 0, func(v any, _ []any) error { return m.part(v) }),
	}
	for name, op := range m.operators() {
		out = append(out, gojq.WithFunction(name, 2, 2, func(_ any, args []any) any { return op(args[0], args[1]) }))
	}
	for _, c := range checks() {
		args := len(c.args)
		if c.each {
			args = 0
		}
		out = append(out, identity(checkName(c), args, func(v any, args []any) error { return c.fits(m, v, args) }))
	}
	return out
}

// part looks at what is about to be put into a text, of which there may be some.
func (m *meter) part(v any) error {
	if s, ok := v.(string); ok {
		return m.make(4 * int64(len(s)))
	}
	return m.fits(v)
}
