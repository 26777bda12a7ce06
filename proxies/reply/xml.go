package reply

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a document.
const (
	deepestXML  = 512
	longestXML  = 64 << 20 // bytes
	xmlDocument = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
)

// MarshalXML writes a program's value as a document of XML 1.0 in UTF-8. It is an object with one member, the root element, in the
// shape in which decode xml gives a document with "root keep":
//
//	{"order": {"@id": 7, "customer": "A & B", "item": ["x", "y"]}}
//	<order id="7"><customer>A &amp; B</customer><item>x</item><item>y</item></order>
//
// null is an element with nothing in it, an array an element for each item, and an empty one none. Members come sorted, as
// objects of jq are; "#content" is an array of texts and of objects with one member each, in order. What XML cannot hold is an
// error: names that are none, control characters, arrays in arrays.
func MarshalXML(v any) ([]byte, error) {
	root, ok := v.(map[string]any)
	if !ok || len(root) != 1 {
		return nil, errors.New("xml: the document is an object with one member, the root element")
	}
	w := xmlWriter{out: append(make([]byte, 0, 512), xmlDocument...)}
	for name, value := range root {
		if _, isList := value.([]any); isList {
			return nil, errors.New("xml: there is one root element, and no array of them")
		}
		if err := w.element(name, value, 0); err != nil {
			return nil, err
		}
	}
	return append(w.out, '\n'), nil
}

type xmlWriter struct {
	out []byte
}

func (w *xmlWriter) element(name string, v any, depth int) error {
	switch {
	case !isXMLName(name):
		return errors.New("xml: a member has a name that no element can have")
	case depth >= deepestXML:
		return fmt.Errorf("xml: elements are nested deeper than %d", deepestXML)
	case len(w.out) > longestXML:
		return errValue()
	}
	w.out = append(append(w.out, '<'), name...)
	members, ok := v.(map[string]any)
	if !ok {
		return w.leaf(name, v)
	}
	names := make([]string, 0, len(members))
	for member := range members {
		names = append(names, member)
	}
	slices.Sort(names)
	for _, member := range names {
		attribute, ok := strings.CutPrefix(member, "@")
		if !ok {
			continue
		}
		if err := w.attribute(attribute, members[member]); err != nil {
			return err
		}
	}
	w.out = append(w.out, '>')
	before := len(w.out)
	for _, member := range names {
		if strings.HasPrefix(member, "@") {
			continue
		}
		if err := w.member(member, members[member], depth); err != nil {
			return err
		}
	}
	if len(w.out) == before {
		w.out = append(w.out[:before-1], "/>"...)
		return nil
	}
	w.close(name)
	return nil
}

// member writes what is in an element: its text, its content in order, or elements of a name.
func (w *xmlWriter) member(name string, v any, depth int) error {
	switch name {
	case "#text":
		return w.text(v, false)
	case "#content":
		list, ok := v.([]any)
		if !ok {
			return errors.New("xml: #content is an array of texts, and of objects with one member each")
		}
		return w.content(list, depth)
	}
	list, ok := v.([]any)
	if !ok {
		return w.element(name, v, depth+1)
	}
	for _, item := range list {
		if _, nested := item.([]any); nested {
			return errors.New("xml: an array in an array is no list of elements")
		}
		if err := w.element(name, item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *xmlWriter) content(list []any, depth int) error {
	for _, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			if err := w.text(item, false); err != nil {
				return err
			}
			continue
		}
		if len(object) != 1 {
			return errors.New("xml: an object in #content has one member, the element")
		}
		for name, v := range object {
			if strings.HasPrefix(name, "@") || strings.HasPrefix(name, "#") || isList(v) {
				return errors.New("xml: an object in #content has one member, the element")
			}
			if err := w.element(name, v, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// leaf writes the rest of an element that has only text, or nothing.
func (w *xmlWriter) leaf(name string, v any) error {
	if v == nil {
		w.out = append(w.out, "/>"...)
		return nil
	}
	w.out = append(w.out, '>')
	if err := w.text(v, false); err != nil {
		return err
	}
	w.close(name)
	return nil
}

func (w *xmlWriter) close(name string) {
	w.out = append(append(append(w.out, "</"...), name...), '>')
}

func (w *xmlWriter) attribute(name string, v any) error {
	if !isXMLName(name) {
		return errors.New("xml: a member has a name that no attribute can have")
	}
	if v == nil { // as with a query parameter: it is left out
		return nil
	}
	w.out = append(append(append(w.out, ' '), name...), `="`...)
	if err := w.text(v, true); err != nil {
		return err
	}
	w.out = append(w.out, '"')
	return nil
}

// text writes a text, number or boolean; white space that a reader would change is written by number.
func (w *xmlWriter) text(v any, attribute bool) error {
	if v == nil {
		return nil
	}
	if isTree(v) {
		return errors.New("xml: a text or attribute is a text, number or boolean")
	}
	s, err := plain(v)
	if err != nil {
		return err
	}
	for i, r := range s {
		switch {
		case r == '&':
			w.out = append(w.out, "&amp;"...)
		case r == '<':
			w.out = append(w.out, "&lt;"...)
		case r == '>':
			w.out = append(w.out, "&gt;"...)
		case r == '"' && attribute:
			w.out = append(w.out, "&quot;"...)
		case r == '\r' || attribute && (r == '\t' || r == '\n'):
			w.out = fmt.Appendf(w.out, "&#%d;", r)
		case r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
			return errors.New("xml: a text has a character that XML cannot hold")
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			return errors.New("xml: a text is not UTF-8")
		default:
			w.out = utf8.AppendRune(w.out, r)
		}
	}
	if len(w.out) > longestXML {
		return errValue()
	}
	return nil
}

// isXMLName says whether s is a name of XML (production 5), with at most one colon that parts something.
func isXMLName(s string) bool {
	prefix, local, colon := strings.Cut(s, ":")
	if colon {
		return isNCName(prefix) && isNCName(local)
	}
	return isNCName(s)
}

func isNCName(s string) bool {
	for i, r := range s {
		start := r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' ||
			r >= 0xC0 && r <= 0x2FF && r != 0xD7 && r != 0xF7 || r >= 0x370 && r <= 0x1FFF && r != 0x37E ||
			r == 0x200C || r == 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF ||
			r >= 0x3001 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFC || r >= 0x10000 && r <= 0xEFFFF
		inside := r == '-' || r == '.' || r >= '0' && r <= '9' || r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
		if !start && (i == 0 || !inside) {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}
