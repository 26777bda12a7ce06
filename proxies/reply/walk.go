package reply

import "github.com/itchyny/gojq"

// walker goes through a program; what it visits may be changed in place, parts before the whole.
type walker struct {
	query func(*gojq.Query)
	term  func(*gojq.Term)
	part  func(*gojq.Query) *gojq.Query // of a text; gives what stands there instead
}

func (w *walker) visit(qs ...*gojq.Query) {
	for _, q := range qs {
		if q == nil {
			continue
		}
		for _, def := range q.FuncDefs {
			w.visit(def.Body)
		}
		w.visitTerm(q.Term)
		w.visit(q.Left, q.Right)
		w.patterns(q.Patterns)
		w.query(q)
	}
}

func (w *walker) visitTerm(t *gojq.Term) {
	if t == nil {
		return
	}
	w.index(t.Index)
	if t.Func != nil {
		w.visit(t.Func.Args...)
	}
	if t.Object != nil {
		for _, member := range t.Object.KeyVals {
			w.text(member.KeyString)
			w.visit(member.KeyQuery, member.Val)
		}
	}
	if t.Array != nil {
		w.visit(t.Array.Query)
	}
	if t.Unary != nil {
		w.visitTerm(t.Unary.Term)
	}
	w.text(t.Str)
	w.control(t)
	w.visit(t.Query)
	for _, s := range t.SuffixList {
		w.index(s.Index)
	}
	w.term(t)
}

func (w *walker) control(t *gojq.Term) {
	if t.If != nil {
		w.visit(t.If.Cond, t.If.Then, t.If.Else)
		for _, e := range t.If.Elif {
			w.visit(e.Cond, e.Then)
		}
	}
	if t.Try != nil {
		w.visit(t.Try.Body, t.Try.Catch)
	}
	if t.Reduce != nil {
		w.visit(t.Reduce.Query, t.Reduce.Start, t.Reduce.Update)
		w.patterns(t.Reduce.Patterns)
	}
	if t.Foreach != nil {
		w.visit(t.Foreach.Query, t.Foreach.Start, t.Foreach.Update, t.Foreach.Extract)
		w.patterns(t.Foreach.Patterns)
	}
	if t.Label != nil {
		w.visit(t.Label.Body)
	}
}

func (w *walker) patterns(ps []*gojq.Pattern) {
	for _, p := range ps {
		if p == nil {
			continue
		}
		w.patterns(p.Array)
		for _, member := range p.Object {
			w.text(member.KeyString)
			w.visit(member.KeyQuery)
			w.patterns([]*gojq.Pattern{member.Val})
		}
	}
}

func (w *walker) index(x *gojq.Index) {
	if x != nil {
		w.text(x.Str)
		w.visit(x.Start, x.End)
	}
}

// text visits the parts of a text that are programs.
func (w *walker) text(s *gojq.String) {
	if s == nil {
		return
	}
	for i, q := range s.Queries {
		if q.Term != nil && q.Term.Str != nil && q.Term.Type == gojq.TermTypeString {
			continue
		}
		w.visit(q)
		s.Queries[i] = w.part(q)
	}
}
