package decode

import (
	"encoding/json"
	"unicode/utf8"
)

// Tree is a Sink that makes Go values as jq programs take them: map[string]any, []any, string, json.Number, bool
// and nil. Its limits and its rule on names are those of Writer; only, a name that occurs twice may be told as
// late as by EndObject.
//
// Strings and numbers share the memory of what the decoder told; nothing is copied. A Tree is for one goroutine.
type Tree struct {
	guard guard
	root  any
	open  []branch
	// names and values of all open objects and arrays wait here, so that each is made in its final size.
	names  []string
	values []any
}

// branch is one object or array that is still open.
type branch struct {
	names, values int // where its own start in Tree
	full          [][]any
	object        map[string]any
}

// treeChunk is how many members wait before they are moved out, so that a long array or object is not
// copied over and over as it grows.
const treeChunk = 4096

// NewTree makes a Tree. Limits that are 0 are the defaults.
func NewTree(lim Limits) *Tree {
	t := new(Tree)
	t.guard.reset(lim)
	return t
}

// Value is the value that was told. It is nil unless Complete.
func (t *Tree) Value() any {
	if !t.guard.complete() {
		return nil
	}
	return t.root
}

// Complete says whether exactly one whole value was told without an error.
func (t *Tree) Complete() bool { return t.guard.complete() }

// put gives a value that guard has admitted to what encloses it.
func (t *Tree) put(v any) error {
	if len(t.open) == 0 {
		t.root = v
		return nil
	}
	t.values = append(t.values, v)
	b := &t.open[len(t.open)-1]
	if len(t.values)-b.values < treeChunk {
		return nil
	}
	if t.guard.levels[len(t.guard.levels)-1].object {
		return t.fill(b)
	}
	b.full = append(b.full, append([]any(nil), t.values[b.values:]...))
	t.truncate(b)
	return nil
}

// fill moves the members that wait into the object.
func (t *Tree) fill(b *branch) error {
	waiting := t.names[b.names:]
	if b.object == nil {
		b.object = make(map[string]any, len(waiting))
	}
	for i, name := range waiting {
		before := len(b.object)
		b.object[name] = t.values[b.values+i]
		if len(b.object) == before {
			return t.guard.fail(duplicate(name))
		}
	}
	t.truncate(b)
	return nil
}

func (t *Tree) truncate(b *branch) {
	clear(t.values[b.values:])
	t.values = t.values[:b.values]
	t.names = t.names[:b.names]
}

func (t *Tree) begin(object bool) error {
	if _, err := t.guard.begin(object); err != nil {
		return err
	}
	t.open = append(t.open, branch{names: len(t.names), values: len(t.values)})
	return nil
}

// BeginObject implements Sink.
func (t *Tree) BeginObject() error { return t.begin(true) }

// Key implements Sink.
func (t *Tree) Key(name string) error {
	if _, err := t.guard.key(); err != nil {
		return err
	}
	if !utf8.ValidString(name) {
		return t.guard.fail(ErrUTF8)
	}
	t.names = append(t.names, name)
	return nil
}

// EndObject implements Sink.
func (t *Tree) EndObject() error {
	if err := t.guard.end(true); err != nil {
		return err
	}
	b := &t.open[len(t.open)-1]
	if err := t.fill(b); err != nil {
		return err
	}
	m := b.object
	t.open = t.open[:len(t.open)-1]
	return t.put(m)
}

// BeginArray implements Sink.
func (t *Tree) BeginArray() error { return t.begin(false) }

// EndArray implements Sink.
func (t *Tree) EndArray() error {
	if err := t.guard.end(false); err != nil {
		return err
	}
	b := &t.open[len(t.open)-1]
	last := t.values[b.values:]
	a := make([]any, 0, len(b.full)*treeChunk+len(last))
	for _, chunk := range b.full {
		a = append(a, chunk...)
	}
	a = append(a, last...)
	t.truncate(b)
	t.open = t.open[:len(t.open)-1]
	return t.put(a)
}

// String implements Sink.
func (t *Tree) String(s string) error {
	if _, err := t.guard.value(); err != nil {
		return err
	}
	if !utf8.ValidString(s) {
		return t.guard.fail(ErrUTF8)
	}
	return t.put(s)
}

// Number implements Sink. A literal that is no JSON number or longer than MaxNumber is refused.
func (t *Tree) Number(literal string) error {
	if _, err := t.guard.value(); err != nil {
		return err
	}
	if err := t.guard.number(literal); err != nil {
		return err
	}
	return t.put(json.Number(literal))
}

// Bool implements Sink.
func (t *Tree) Bool(b bool) error {
	if _, err := t.guard.value(); err != nil {
		return err
	}
	return t.put(b)
}

// Null implements Sink.
func (t *Tree) Null() error {
	if _, err := t.guard.value(); err != nil {
		return err
	}
	return t.put(nil)
}

var _ Sink = (*Tree)(nil)
