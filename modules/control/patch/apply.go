package patch

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
)

// Apply changes a document, JSON text, and gives the text of what came of it, its members sorted, and which members of it
// differ, sorted. The error is a *PathError, *ReadOnlyError, *TestError, *GuardError, *UnguardedError, *FieldError or *LimitError.
// The zero Rules let everything be written.
func (p *Patch) Apply(ctx context.Context, document []byte, r Rules) (next []byte, changed []string, err error) {
	doc, err := decode(document, ownDepth)
	if err != nil {
		return nil, nil, errors.New("the document to be patched: " + err.Error()) // no fault of the caller's
	}
	before := clone(doc)
	doc = r.open(doc)
	if p.IsMerge() {
		doc, err = p.mergeInto(ctx, doc, r)
	} else {
		doc, err = p.operate(ctx, doc, r)
	}
	if err != nil {
		return nil, nil, err
	}
	doc = r.close(doc)
	if err := r.checkNulls(doc); err != nil {
		return nil, nil, err
	}
	next, err = json.Marshal(doc)
	return next, differences(before, doc), err
}

// ownDepth is how deep a document of ours may be.
const ownDepth = 1000

// differences gives the members that are not the same; of what is no object, none.
func differences(before, after any) (out []string) {
	a, _ := before.(map[string]any)
	b, _ := after.(map[string]any)
	for name, v := range a {
		if w, ok := b[name]; !ok || !equal(v, w) {
			out = append(out, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// operate does the operations to a document that is nobody else's.
func (p *Patch) operate(ctx context.Context, doc any, r Rules) (any, error) {
	if err := r.checkPaths(p.operations); err != nil {
		return nil, err
	}
	run := run{limits: p.limits, rules: r, guards: map[string]any{}}
	for i := range p.operations {
		o := &p.operations[i]
		if guard, ok := r.Guards[o.Path]; ok {
			if err := run.guard(ctx, i, o.Path, o.Value, guard); err != nil {
				return nil, err
			}
			continue
		}
		if o.writes() && r.GuardFirst && len(run.guards) == 0 {
			return nil, &UnguardedError{Index: i, Guards: r.guards()}
		}
		next, err := run.do(doc, o)
		switch {
		case errors.Is(err, errNowhere):
			return nil, &PathError{Index: i, Path: cut(o.nowhere(doc))}
		case errors.Is(err, errDiffers):
			return nil, &TestError{Index: i, Path: cut(o.Path)}
		case err != nil:
			return nil, err
		}
		doc = next
	}
	return doc, nil
}

// nowhere is the pointer that points to nothing.
func (o *Operation) nowhere(doc any) string {
	if o.Op == Move || o.Op == Copy {
		if _, err := at(doc, o.from); err != nil {
			return o.From
		}
	}
	return o.Path
}

// run is one run of a patch.
type run struct {
	limits Limits
	rules  Rules
	copied int            // bytes
	guards map[string]any // what has held, by pointer
}

// guard asks a guard, once: who tries several passwords has to send several requests.
func (r *run) guard(ctx context.Context, i int, path string, v any, g Guard) error {
	if held, ok := r.guards[path]; ok {
		if equal(held, v) {
			return nil
		}
		return &TestError{Index: i, Path: cut(path)}
	}
	if err := g(ctx, v); err != nil {
		return &GuardError{Index: i, Path: path, Err: err}
	}
	r.guards[path] = v
	return nil
}

// errDiffers says that something is not what it is expected to be.
var errDiffers = errors.New("it differs")

func (r *run) do(doc any, o *Operation) (any, error) {
	switch o.Op {
	case Test:
		if v, err := at(doc, o.path); err != nil || !equal(v, o.Value) {
			return nil, errDiffers
		}
		return doc, nil
	case Add:
		return r.add(doc, o.path, clone(o.Value))
	case Replace:
		if err := r.fits(o.path, o.Value); err != nil {
			return nil, err
		}
		return put(doc, o.path, clone(o.Value))
	case Remove:
		return r.remove(doc, o)
	case Move, Copy:
	}
	v, err := at(doc, o.from)
	if err != nil {
		return nil, err
	}
	if slices.Equal(o.from, o.path) {
		return doc, nil
	}
	size, _ := measure(v)
	if r.copied += size; r.copied > r.limits.Copied {
		return nil, &LimitError{What: "what it copies and moves", Most: r.limits.Copied, Unit: "bytes"}
	}
	if o.Op == Move {
		// RFC 6902: as if it were removed, and then added.
		if doc, err = remove(doc, o.from); err != nil {
			return nil, err
		}
	} else {
		v = clone(v)
	}
	return r.add(doc, o.path, v)
}

func (r *run) add(doc any, p pointer, v any) (any, error) {
	if err := r.fits(p, v); err != nil {
		return nil, err
	}
	return insert(doc, p, v)
}

// fits says that a value is not too deep for its place.
func (r *run) fits(p pointer, v any) error {
	if _, depth := measure(v); depth+len(p) > r.limits.Depth {
		return &LimitError{What: "the nesting", Most: r.limits.Depth, Unit: "levels"}
	}
	return nil
}

// remove takes something away. With Houston's value it takes that value out of an array, or it is a test, too.
func (r *run) remove(doc any, o *Operation) (any, error) {
	if !o.HasValue || !r.rules.RemoveByValue {
		return remove(doc, o.path)
	}
	v, err := at(doc, o.path)
	if err != nil {
		return nil, err
	}
	if equal(v, o.Value) {
		return remove(doc, o.path)
	}
	list, _ := v.([]any)
	i := slices.IndexFunc(list, func(e any) bool { return equal(e, o.Value) })
	if i < 0 {
		return nil, errDiffers
	}
	return put(doc, o.path, slices.Delete(list, i, i+1))
}

// mergeInto lays the patch over a document.
func (p *Patch) mergeInto(ctx context.Context, doc any, r Rules) (any, error) {
	over := maps.Clone(p.merge)
	run := run{limits: p.limits, rules: r, guards: map[string]any{}}
	for path, guard := range r.Guards {
		name := path[1:]
		if v, ok := over[name]; ok {
			delete(over, name)
			if err := run.guard(ctx, -1, path, v, guard); err != nil {
				return nil, err
			}
		}
	}
	over, err := r.checkMembers(doc, over)
	if err != nil {
		return nil, err
	}
	if len(over) > 0 && r.GuardFirst && len(run.guards) == 0 {
		return nil, &UnguardedError{Index: -1, Guards: r.guards()}
	}
	return merge(doc, over), nil
}

// merge is MergePatch of RFC 7396.
func merge(target any, over map[string]any) any {
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, v := range over {
		switch v := v.(type) {
		case nil:
			delete(object, name)
		case map[string]any:
			object[name] = merge(object[name], v)
		default:
			object[name] = clone(v)
		}
	}
	return object
}
