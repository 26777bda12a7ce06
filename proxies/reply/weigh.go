package reply

import (
	"encoding/json"
	"math/big"
	"reflect"
)

// What values take, in bytes, beside their content.
const (
	sizeAny    = 16
	sizeString = 16
	sizeArray  = 24
	sizeObject = 64
	sizeMember = 48 // key and value in a table that is not full
	fewMembers = 264
	sizePath   = 32 // a value with its key, in a list of those that are still to come
	sizeFrame  = 80 // of a call or a fork
)

// largeString is from what length on a string that is there twice is counted once.
const largeString = 1 << 10

// weigher adds up what values take in memory.
type weigher struct {
	most  int64
	bytes int64
	nodes int
	// seen are arrays and objects that were counted: where one begins, by where it ends, since arrays are parts of others. Nil:
	// a value is counted as often as it occurs.
	seen map[uintptr]uintptr
}

// skip has a value not counted.
func (w *weigher) skip(v any) {
	switch v := v.(type) {
	case []any:
		w.array(v)
	case map[string]any:
		w.first(reflect.ValueOf(v).Pointer())
	}
}

// first says whether an object, or a string, was not counted yet.
func (w *weigher) first(at uintptr) bool {
	if w.seen == nil {
		return true
	}
	_, there := w.seen[at]
	w.seen[at] = at
	return !there
}

// array gives the part of an array that was not counted yet. The end tells which it is: what begins later ends with it.
func (w *weigher) array(v []any) []any {
	if w.seen == nil || len(v) < 4 {
		return v
	}
	begin := reflect.ValueOf(v).Pointer()
	end := begin + uintptr(cap(v))*sizeAny
	before, there := w.seen[end]
	switch {
	case !there:
		w.seen[end] = begin
		return v
	case before <= begin:
		return nil
	}
	w.seen[end] = begin
	return v[:min(uintptr(len(v)), (before-begin)/sizeAny)]
}

// value adds a value.
func (w *weigher) value(v any, depth int) error {
	w.nodes++
	switch v := v.(type) {
	case string:
		if len(v) < largeString || w.seen == nil || w.first(uintptr(reflect.ValueOf(v).UnsafePointer())) {
			w.bytes += sizeString + int64(len(v))
		}
	case json.Number:
		w.bytes += sizeString + int64(len(v))
	case *big.Int:
		w.bytes += int64(v.BitLen()/8) + sizeArray
	case int, float64:
		w.bytes += 8
	case []any:
		w.bytes += sizeArray
		for _, item := range w.array(v) {
			w.bytes += sizeAny
			if err := w.inside(item, depth); err != nil {
				return err
			}
		}
	case map[string]any:
		if !w.first(reflect.ValueOf(v).Pointer()) {
			return nil
		}
		w.bytes += sizeObject + max(fewMembers, int64(len(v))*sizeMember)
		for name, item := range v {
			w.bytes += int64(len(name))
			if err := w.inside(item, depth); err != nil {
				return err
			}
		}
	}
	if w.bytes > w.most {
		return errMemory()
	}
	return nil
}

func (w *weigher) inside(v any, depth int) error {
	if depth >= Deepest {
		return errDeep()
	}
	return w.value(v, depth+1)
}

// env adds what a running program keeps: gojq's stacks, and the values of its variables. They have no exported way to them; a
// test holds the names to those of the gojq in use.
func (w *weigher) env(env reflect.Value) error {
	if !env.IsValid() {
		return nil
	}
	values, _ := reflect.TypeAssert[[]any](exposed(env.FieldByName("values")))
	w.bytes += sizeAny * int64(cap(values))
	for _, v := range values[:cap(values)] {
		if err := w.kept(v); err != nil {
			return err
		}
	}
	w.bytes += sizeFrame * int64(env.FieldByName("forks").Cap())
	for _, name := range []string{"stack", "paths", "scopes"} {
		data := env.FieldByName(name).Elem().FieldByName("data")
		w.bytes += sizeFrame / 2 * int64(data.Cap())
		if name != "stack" {
			continue
		}
		for i := range data.Len() {
			if err := w.kept(exposed(data.Index(i).FieldByName("value")).Interface()); err != nil {
				return err
			}
		}
	}
	if w.bytes > w.most {
		return errMemory()
	}
	return nil
}

// kept adds a value of a stack, where things of gojq's own are too.
func (w *weigher) kept(v any) error {
	switch v.(type) {
	case nil, string, []any, map[string]any, json.Number, *big.Int, int, float64, bool:
		return w.value(v, 0)
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice || list.Type().Elem().Kind() != reflect.Struct || list.Len() == 0 {
		return nil
	}
	// The rest of an array or object that is gone through, one after the other: each is the end of the same list.
	end := list.Pointer() + uintptr(list.Cap())*list.Type().Elem().Size()
	begin, there := w.seen[end]
	if there && begin <= list.Pointer() {
		return nil
	}
	w.seen[end] = list.Pointer()
	for i := range list.Len() {
		w.bytes += sizePath
		if err := w.value(exposed(list.Index(i).FieldByName("value")).Interface(), 0); err != nil {
			return err
		}
	}
	return nil
}

// exposed gives a field of gojq's to read.
func exposed(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
}
