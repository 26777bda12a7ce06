package decode

import (
	"strings"
)

// Types of groups of Regexp beside HTMLString, HTMLNumber and HTMLBool.
const (
	groupInt   = "int"
	groupFloat = "float"
)

func isGroupType(kind string) bool {
	switch kind {
	case "", "string", groupInt, groupFloat, "number", "bool":
		return true
	}
	return false
}

// typed says whether every group is of its type.
func (d *Regexp) typed(text string, loc []int) bool {
	for _, g := range d.groups {
		from, to := loc[2*g.at], loc[2*g.at+1]
		if g.kind == "" || g.kind == "string" || from < 0 {
			continue
		}
		if _, ok := g.convert(text[from:to]); !ok {
			return false
		}
	}
	return true
}

func (g *group) convert(s string) (v cell, ok bool) {
	s = strings.Trim(s, asciiSpace)
	if s == "" {
		return cell{kind: cellNull}, true
	}
	if g.kind == "bool" {
		switch strings.ToLower(cut(s, 8)) {
		case "true", "yes", "1":
			return cell{cellBool, "true"}, true
		case "false", "no", "0":
			return cell{cellBool, "false"}, true
		}
		return cell{}, false
	}
	n, ok := regularNumber(s)
	if g.kind == groupInt && strings.ContainsAny(n, ".eE") {
		return cell{}, false
	}
	return cell{cellNumber, n}, ok
}

func (g *group) tell(s string, out Sink) error {
	if g.kind == "" || g.kind == "string" {
		return out.String(s)
	}
	v, ok := g.convert(s)
	switch {
	case !ok || v.kind == cellNull:
		return out.Null()
	case v.kind == cellBool:
		return out.Bool(v.text == "true")
	}
	return out.Number(v.text)
}
