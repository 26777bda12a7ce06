package patch

import (
	"context"
	"maps"
	"slices"
)

// Rules say what of a document a caller may change. The zero Rules let everything be changed.
type Rules struct {
	// Fields are the members of the document. What is in a member is the member's. With nil there are no rules; else a patch is
	// about a member, and not about the document as a whole.
	Fields map[string]Field
	// Guards are places that the document does not have, and that are only tested: "/current_password". In a merge patch they
	// are members. Each is asked at most once for a patch. Default none.
	Guards map[string]Guard
	// GuardFirst says that nothing is written before one of the guards has held. Default false.
	GuardFirst bool
	// RemoveByValue gives the operation remove Houston's optional value: an array loses the first element that is equal to it,
	// and anything else is removed only if it is equal. Default false: a value is not looked at, as RFC 6902 says.
	RemoveByValue bool
	// IgnoreUnknown has members of a merge patch that Fields does not have be left alone, as older clients expect it. Default
	// false: they are errors.
	IgnoreUnknown bool
}

// Field is what may be done to a member.
type Field struct {
	// Access says whether it is read and written. Default ReadWrite.
	Access Access
	// NotNull says that it may be neither null nor absent when all is done. Default false.
	NotNull bool
}

// Access is whether a member is read and written.
type Access int

// What may be done to a member.
const (
	ReadWrite Access = iota
	// ReadOnly members may be tested and copied. In a merge patch they may be what they are.
	ReadOnly
	// WriteOnly members, passwords, are no part of the document before, and of the one after only if they were written. They can
	// be neither tested nor copied nor moved.
	WriteOnly
)

// Guard says whether a value is right. Its error goes to the caller: one with a method Status has that status, any other is a 403.
type Guard func(ctx context.Context, value any) error

// unwritten is what a write-only member is before it is written.
type unwritten struct{}

// open adds places to a document for what is only written.
func (r *Rules) open(doc any) any {
	object, ok := doc.(map[string]any)
	if !ok {
		return doc
	}
	for name, f := range r.Fields {
		if f.Access == WriteOnly {
			object[name] = unwritten{}
		}
	}
	return object
}

// close takes them away where nothing was written.
func (r *Rules) close(doc any) any {
	if object, ok := doc.(map[string]any); ok && r.Fields != nil {
		maps.DeleteFunc(object, func(_ string, v any) bool { return v == unwritten{} })
	}
	return doc
}

// checkNulls looks for members that are null and must not be.
func (r *Rules) checkNulls(doc any) error {
	object, ok := doc.(map[string]any)
	if !ok {
		return nil
	}
	for _, name := range r.known() {
		if f := r.Fields[name]; f.NotNull && object[name] == nil {
			if _, there := object[name]; there || f.Access != WriteOnly {
				return &FieldError{Field: name, Reason: "it may not be null"}
			}
		}
	}
	return nil
}

// known gives the names of the members.
func (r *Rules) known() []string { return slices.Sorted(maps.Keys(r.Fields)) }

// guards gives the pointers of the guards.
func (r *Rules) guards() []string { return slices.Sorted(maps.Keys(r.Guards)) }

// checkPaths says whether operations are about members that there are, and that may be written.
func (r *Rules) checkPaths(operations []Operation) error {
	var denied []string
	deny := func(name string) {
		if !slices.Contains(denied, name) {
			denied = append(denied, name)
		}
	}
	for i := range operations {
		o := &operations[i]
		if _, ok := r.Guards[o.Path]; ok {
			if o.writes() {
				return &PathError{Index: i, Path: cut(o.Path), Reason: quote(o.Path) + " can only be tested"}
			}
			continue
		}
		if r.Fields == nil {
			continue
		}
		if err := r.checkPath(i, o, deny); err != nil {
			return err
		}
	}
	if len(denied) > 0 {
		return &ReadOnlyError{Fields: denied}
	}
	return nil
}

func (r *Rules) checkPath(i int, o *Operation, deny func(name string)) error {
	paths := []struct {
		text           string
		p              pointer
		reads, written bool
	}{{o.Path, o.path, !o.writes(), o.writes()}, {o.From, o.from, true, o.Op == Move}}
	if o.Op != Move && o.Op != Copy {
		paths = paths[:1]
	}
	for _, one := range paths {
		if len(one.p) == 0 {
			return &PathError{Index: i, Known: r.known(), Reason: "a path is about a member, and not about the whole"}
		}
		f, ok := r.Fields[one.p.field()]
		switch {
		case !ok:
			return &PathError{Index: i, Path: cut(one.text), Known: r.known()}
		case one.reads && f.Access == WriteOnly:
			return &PathError{Index: i, Path: cut(one.text), Reason: quote(one.text) + " can only be written"}
		case one.written && f.Access == ReadOnly:
			deny(one.p.field())
		}
	}
	return nil
}

// checkMembers says whether a merge patch is about members that may be written, and gives what is left of it without those that
// are to be ignored, or are what they are.
func (r *Rules) checkMembers(doc any, over map[string]any) (map[string]any, error) {
	if r.Fields == nil {
		return over, nil
	}
	object, _ := doc.(map[string]any)
	left, denied := map[string]any{}, []string{}
	for _, name := range slices.Sorted(maps.Keys(over)) {
		f, ok := r.Fields[name]
		is, there := object[name]
		switch {
		case !ok && r.IgnoreUnknown:
		case !ok:
			return nil, &PathError{Index: -1, Path: cut(name), Known: r.known()}
		case f.Access != ReadOnly:
			left[name] = over[name]
		case there && equal(is, over[name]), !there && over[name] == nil:
		default:
			denied = append(denied, name)
		}
	}
	if len(denied) > 0 {
		return nil, &ReadOnlyError{Fields: denied}
	}
	return left, nil
}
