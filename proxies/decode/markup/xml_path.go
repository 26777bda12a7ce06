package markup

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// xmlPath is a path of elements, read from its end.
type xmlPath struct {
	text  string
	names []string // the last is the element's own; "*" is any
	root  bool     // the first name is the root element's
}

func xmlPaths(option string, texts []string) ([]xmlPath, error) {
	var out []xmlPath
	for _, text := range texts {
		p, err := newXMLPath(text)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", option, text, err)
		}
		for _, other := range out {
			if other.text == text {
				return nil, fmt.Errorf("%s %q is there twice", option, text)
			}
		}
		out = append(out, p)
	}
	return out, nil
}

func newXMLPath(text string) (xmlPath, error) {
	p := xmlPath{text: text}
	rest, anywhere := strings.CutPrefix(text, "//")
	if !anywhere {
		rest, p.root = strings.CutPrefix(text, "/")
	}
	p.names = strings.Split(rest, "/")
	for _, name := range p.names {
		switch {
		case name == "":
			return p, errors.New("a path is names with one / between them, as orders/order")
		case strings.HasPrefix(name, "@"), name == "#text", name == "text()":
			return p, errors.New("a path leads to an element, not to attributes or text")
		case strings.ContainsAny(name, "[]()"):
			return p, errors.New("a path has no conditions")
		case name != "*" && !xmlName(name):
			return p, fmt.Errorf("%q is no name of an element", name)
		}
	}
	return p, nil
}

// xmlName says whether s can be the name of an element.
func xmlName(s string) bool {
	if s == "" || xmlNames[s[0]] != xmlNameStart {
		return false
	}
	for i := range len(s) {
		if xmlNames[s[i]] == 0 {
			return false
		}
	}
	return true
}

// quoted is the path for messages.
func (x *xmlPath) quoted() string { return strconv.Quote(excerpt.Cut(x.text, 200)) }

// named says whether the path ends in a name.
func (x *xmlPath) named(name []byte) bool {
	last := x.names[len(x.names)-1]
	return last == "*" || last == string(name)
}

// matches says whether the element that p has opened last, or the n-th from there, is one of the path without its last
// rest names.
func (x *xmlPath) matches(p *xmlParser, rest int) bool {
	names := x.names[:len(x.names)-rest]
	depth := len(p.open)
	if len(names) > depth || x.root && len(names) != depth {
		return false
	}
	for _, name := range slices.Backward(names) {
		depth--
		if name != "*" && name != string(p.key(depth)) {
			return false
		}
	}
	return true
}
