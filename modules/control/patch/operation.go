package patch

import "net/http"

// Op is what an operation does.
type Op string

// Operations of RFC 6902.
const (
	Test    Op = "test"
	Add     Op = "add"
	Remove  Op = "remove"
	Replace Op = "replace"
	Move    Op = "move"
	Copy    Op = "copy"
)

// Operation is one step of a patch.
type Operation struct {
	Op Op
	// Path is the place, as the caller wrote it.
	Path string
	// From is the other place, of Move and Copy.
	From string
	// Value is what Test, Add and Replace have, and Remove may have. Change nothing of it.
	Value any
	// HasValue says that there is one, which may be null.
	HasValue bool

	path, from pointer
}

// writes says that an operation changes what its path points to.
func (o *Operation) writes() bool { return o.Op != Test }

// operations reads a list of operations. Members that are not known are for somebody else.
func operations(list []any, l Limits) ([]Operation, error) {
	if len(list) > l.Operations {
		return nil, &LimitError{What: "it", Most: l.Operations, Unit: "operations"}
	}
	out := make([]Operation, len(list))
	for i, one := range list {
		object, ok := one.(map[string]any)
		if !ok {
			return nil, &SyntaxError{status: http.StatusUnprocessableEntity, Reason: notAList}
		}
		if reason := out[i].read(object); reason != "" {
			return nil, &OperationError{Index: i, Reason: reason}
		}
	}
	return out, nil
}

// read gives what is wrong with an operation, "": nothing.
func (o *Operation) read(object map[string]any) string {
	op, ok := object["op"].(string)
	switch o.Op = Op(op); o.Op {
	case Test, Add, Remove, Replace, Move, Copy:
	default:
		if !ok {
			return "it has no op"
		}
		return "op is one of test, add, remove, replace, move and copy, and not " + quote(op)
	}
	var reason string
	if o.Path, o.path, reason = place(object, "path"); reason != "" {
		return reason
	}
	if o.Op == Move || o.Op == Copy {
		if o.From, o.from, reason = place(object, "from"); reason != "" {
			return reason
		}
		if o.Op == Move && len(o.path) > len(o.from) && o.path.within(o.from) {
			return "nothing is moved into itself"
		}
		return ""
	}
	o.Value, o.HasValue = object["value"]
	if !o.HasValue && o.Op != Remove {
		return op + " needs a value"
	}
	return ""
}

func place(object map[string]any, name string) (string, pointer, string) {
	text, ok := object[name].(string)
	if !ok {
		return "", nil, "it has no " + name + ", which is a text"
	}
	p, err := parsePointer(text)
	if err != nil {
		return "", nil, err.Error() + ", and " + quote(text) + " is none"
	}
	return text, p, ""
}
